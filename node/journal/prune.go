package journal

import (
	"context"
	"database/sql"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

const (
	// keepEvents and keepEventsFor bound the event log, whichever is reached first.
	keepEvents    = 100_000
	keepEventsFor = 30 * 24 * time.Hour
	// keepPayload is how long an ended invitation keeps content, response and steps.
	keepPayload = 30 * 24 * time.Hour
	// keepKey is how long an idempotency key is honoured.
	keepKey = 24 * time.Hour
	// pruneChunk is how many rows one transaction of Prune touches at the most,
	// so that a commit waits for it some milliseconds.
	pruneChunk = 256
)

// Prune removes what is older than its retention at the wall time now, and the
// oldest of what nobody answered beyond its bounds, in small transactions
// between which commits get their turn.
func (j *Journal) Prune(now time.Time) error {
	for _, step := range []pruneStep{j.pruneAhead, j.pruneEvents, j.prunePayloads, pruneDiscarded, j.pruneKeys, j.pruneTombstones, pruneNotices} {
		for {
			n, err := j.pruneOnce(step, now)
			if err != nil {
				return explain(j.path, err)
			}
			if n < pruneChunk {
				break
			}
		}
	}
	return explain(j.path, j.pruneUnanswered(now))
}

// pruneStep removes at most pruneChunk rows and returns how many.
type pruneStep func(ctx context.Context, w *writer, now time.Time) (int, error)

func (j *Journal) pruneOnce(step pruneStep, now time.Time) (n int, err error) {
	w, err := j.take()
	if err != nil {
		return 0, err
	}
	defer func() { j.writer <- w }()
	if n, err = step(context.Background(), w, now); n > 0 {
		j.syncer.mark()
	}
	return n, err
}

// pruneEvents removes from the beginning of the log only, so that what is left
// has no gap, even if the wall clock has jumped.
func (j *Journal) pruneEvents(ctx context.Context, w *writer, now time.Time) (n int, err error) {
	j.mu.RLock()
	head, before := j.head, j.pruned
	j.mu.RUnlock()
	var last sql.NullInt64
	err = w.conn.QueryRowContext(ctx, `SELECT count(*), max(seq) FROM events WHERE seq <= ?2 AND (seq <= ?3 OR seq <
		ifnull((SELECT min(seq) FROM (SELECT seq, time FROM events WHERE seq <= ?2) WHERE time >= ?1), ?2 + 1))`,
		nanos(now.Add(-j.young)), before+pruneChunk, head-j.keep).Scan(&n, &last)
	if err != nil || n == 0 {
		return 0, err
	}
	// Readers learn it first: one that looks meanwhile must not see a gap.
	j.setPruned(last.Int64)
	err = w.transact(ctx, func() error {
		if _, err := w.conn.ExecContext(ctx, "DELETE FROM events WHERE seq <= ?", last.Int64); err != nil {
			return err
		}
		_, err := w.conn.ExecContext(ctx, "UPDATE journal SET pruned = ?", last.Int64)
		return err
	})
	if err != nil {
		j.setPruned(before)
		return 0, err
	}
	return n, nil
}

func (j *Journal) setPruned(seq int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pruned = seq
}

func (j *Journal) prunePayloads(ctx context.Context, w *writer, now time.Time) (int, error) {
	ids, err := oldestEnded(ctx, w, millis(now.Add(-keepPayload)))
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return j.forgetAll(ids, "UPDATE invitations SET forgotten = 1 WHERE id = ?")(ctx, w, now)
}

func oldestEnded(ctx context.Context, w *writer, before int64) ([]protocol.ID, error) {
	rows, err := w.conn.QueryContext(ctx, `SELECT id FROM invitations
		WHERE ended_at > 0 AND forgotten = 0 AND ended_at < ? ORDER BY ended_at LIMIT ?`, before, pruneChunk)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ids []protocol.ID
	for rows.Next() {
		var b []byte
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		ids = append(ids, protocol.ID(b))
	}
	return ids, rows.Err()
}

// pruneDiscarded removes discarded forms that need not answer for their id any more.
func pruneDiscarded(ctx context.Context, w *writer, now time.Time) (int, error) {
	return remove(ctx, w, `DELETE FROM invitations WHERE id IN (SELECT id FROM invitations
		WHERE discarded_at > 0 AND discarded_at < ? AND owed = 0 LIMIT ?)`, now.Add(-protocol.KeepTombstone))
}

func (j *Journal) pruneKeys(ctx context.Context, w *writer, now time.Time) (int, error) {
	return remove(ctx, w, `DELETE FROM keys WHERE key IN (SELECT key FROM keys WHERE kept_at < ? LIMIT ?)`, j.onSteady(now).Add(-keepKey))
}

func (j *Journal) pruneTombstones(ctx context.Context, w *writer, now time.Time) (int, error) {
	return remove(ctx, w, `DELETE FROM tombstones WHERE number IN (SELECT number FROM tombstones WHERE kept_at < ? LIMIT ?)`,
		j.onSteady(now).Add(-protocol.KeepTombstone))
}

func remove(ctx context.Context, w *writer, text string, before time.Time) (int, error) {
	res, err := w.conn.ExecContext(ctx, text, millis(before), pruneChunk)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}
