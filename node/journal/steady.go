package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// settingSteady holds the clocks at which this boot of the machine first opened
// the journal, with the steady time as the wall clock. settingAhead holds by how
// many nanoseconds the wall clock was ahead of the steady time when that was last
// noted.
const (
	settingSteady = "steady"
	settingAhead  = "steady_ahead"
	// aheadMargin is by how much a wall clock may drift before it is noted.
	aheadMargin = time.Minute
)

// startSteady begins the steady time, or goes on with that of an earlier process
// of this boot. Another boot goes by the wall clock, less what is known to have
// been set on it.
func (j *Journal) startSteady(ctx context.Context, w *writer, now invitation.Stamp) error {
	ahead, err := setting(ctx, w, settingAhead)
	if err != nil {
		return err
	}
	j.ahead, _ = time.ParseDuration(ahead) // none, or not ours: nothing is known
	value, err := setting(ctx, w, settingSteady)
	if err != nil {
		return err
	}
	var saved stamp
	if json.Unmarshal([]byte(value), &saved) == nil && saved.BootID == now.BootID {
		j.first = invitation.Stamp(saved)
		return nil
	}
	now.Wall = now.Wall.Round(0).Add(-j.ahead)
	j.first = now
	text, err := json.Marshal(stamp(now))
	if err != nil {
		return err
	}
	_, err = w.setting.ExecContext(ctx, settingSteady, string(text))
	return err
}

func setting(ctx context.Context, w *writer, name string) (value string, err error) {
	err = w.conn.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return value, err
}

// steady is the time by which idempotency keys and tombstones are kept: the wall
// clock of when the journal was first opened, gone on with by the clock that
// nobody sets. A wall clock that is set makes none of them older, not in the
// next boot either if something was written since.
func (j *Journal) steady(now invitation.Stamp) time.Time {
	return j.first.Wall.Add(now.Clock.Sub(j.first.Clock))
}

// noteAhead returns by how much the wall clock is ahead of the steady time, and
// whether that must be written.
func (j *Journal) noteAhead(now invitation.Stamp) (ahead time.Duration, changed bool) {
	ahead = now.Wall.Round(0).Sub(j.steady(now))
	return ahead, (ahead - j.ahead).Abs() > aheadMargin
}

// pruneAhead is no pruning: it notes a wall clock that was set while nothing
// else was written.
func (j *Journal) pruneAhead(ctx context.Context, w *writer, _ time.Time) (int, error) {
	ahead, changed := j.noteAhead(j.stamp())
	if !changed {
		return 0, nil
	}
	if _, err := w.setting.ExecContext(ctx, settingAhead, ahead.String()); err != nil {
		return 0, err
	}
	j.ahead = ahead
	return 1, nil
}

// onSteady is a wall time of now on the steady time.
func (j *Journal) onSteady(wall time.Time) time.Time {
	now := j.stamp()
	return wall.Round(0).Add(j.steady(now).Sub(now.Wall.Round(0)))
}
