package journal

import (
	"context"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// Bounds of the history of what came in and nobody answered. Whoever knows this
// peer's ID can add to it, and new identities cost nothing.
const (
	// keepUnansweredOf is of each caller: somebody who rang this often in vain is
	// not told apart by the next row.
	keepUnansweredOf = 1_000
	// keepUnanswered is of all callers together: some 10 MB.
	keepUnanswered = 10_000
)

// pruneUnanswered removes the oldest RemoteInvitations beyond the bounds that
// ended without an answer and owe nothing. What must still answer for its id
// loses only its payload.
func (j *Journal) pruneUnanswered(now time.Time) error {
	old, young, err := j.excess(millis(now.Add(-protocol.KeepTombstone)))
	if err != nil {
		return err
	}
	for _, part := range []struct {
		ids  []protocol.ID
		gone string
	}{
		{old, "DELETE FROM invitations WHERE id = ?"},
		{young, "UPDATE invitations SET forgotten = 1 WHERE id = ?"},
	} {
		for ids := part.ids; len(ids) > 0; {
			chunk := ids[:min(len(ids), pruneChunk)]
			ids = ids[len(chunk):]
			if _, err := j.pruneOnce(j.forgetAll(chunk, part.gone), now); err != nil {
				return err
			}
		}
	}
	return nil
}

// excess returns what is beyond the bounds: what ended before the moment, and
// what ended later and still has a payload. It is read beside the writer, so
// that commits do not wait for it; what it finds has ended and does not change.
func (j *Journal) excess(before int64) (old, young []protocol.ID, err error) {
	rows, err := j.readers.Query(`SELECT id, caller, ended_at, forgotten FROM invitations
		WHERE kind = 'remote' AND ended_at > 0 AND owed = 0 AND state IN ('missed', 'canceled', 'failure')
		AND json_extract(record, '$.form.answered_at') IS NULL ORDER BY ended_at DESC, id DESC`)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	all, of := 0, map[protocol.PeerID]int{}
	for rows.Next() {
		var id []byte
		var caller protocol.PeerID
		var ended int64
		var forgotten bool
		if err := rows.Scan(&id, &caller, &ended, &forgotten); err != nil {
			return nil, nil, err
		}
		if all < j.unanswered && of[caller] < j.unansweredOf {
			all++
			of[caller]++
			continue
		}
		switch {
		case ended < before:
			old = append(old, protocol.ID(id))
		case !forgotten:
			young = append(young, protocol.ID(id))
		}
	}
	return old, young, rows.Err()
}

// forgetAll is the step that takes payloads away and then does gone for each.
func (j *Journal) forgetAll(ids []protocol.ID, gone string) pruneStep {
	return func(ctx context.Context, w *writer, _ time.Time) (int, error) {
		err := w.transact(ctx, func() error {
			for _, id := range ids {
				if err := w.forget(ctx, id); err != nil {
					return err
				}
				if _, err := w.conn.ExecContext(ctx, gone, id[:]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		for _, id := range ids {
			j.recent.forget(id)
		}
		return len(ids), nil
	}
}
