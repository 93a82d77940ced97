package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// settingSteady holds the stamp at which this boot of the machine first opened
// the journal.
const settingSteady = "steady"

// startSteady begins the steady time, or goes on with that of an earlier process
// of this boot.
func (j *Journal) startSteady(ctx context.Context, w *writer, now invitation.Stamp) error {
	var value string
	err := w.conn.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", settingSteady).Scan(&value)
	var saved stamp
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return err
	case json.Unmarshal([]byte(value), &saved) == nil && saved.BootID == now.BootID:
		j.first = invitation.Stamp(saved)
		return nil
	}
	j.first = now
	text, err := json.Marshal(stamp(now))
	if err != nil {
		return err
	}
	_, err = w.conn.ExecContext(ctx, "INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", settingSteady, string(text))
	return err
}

// steady is the time by which idempotency keys and tombstones are kept: the wall
// clock of when this boot first opened the journal, gone on with by the clock
// that nobody sets. A wall clock that is set makes none of them older.
func (j *Journal) steady(now invitation.Stamp) time.Time {
	return j.first.Wall.Add(now.Clock.Sub(j.first.Clock))
}

// onSteady is a wall time of now on the steady time.
func (j *Journal) onSteady(wall time.Time) time.Time {
	now := j.stamp()
	return wall.Add(j.steady(now).Sub(now.Wall))
}
