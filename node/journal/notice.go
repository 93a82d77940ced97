package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Notice is what a callee is still to be told of calls that it missed: one for
// each callee and app. The moments are this machine's, on the clock of now.
type Notice struct {
	Peer      protocol.PeerID
	App       string
	IDs       []protocol.ID // the last of them first; at most 1 + protocol.MaxEarlier
	ChannelID string
	Why       protocol.Why
	Count     int
	First     protocol.Instant // when the first was sent
	Last      protocol.Instant // when the last was sent
	Ended     protocol.Instant // when the last ended: it is kept from then on
}

// noticeRecord is what the record column of a notice holds.
type noticeRecord struct {
	IDs       []protocol.ID    `json:"ids"`
	ChannelID string           `json:"channel_id,omitempty"`
	Why       protocol.Why     `json:"why"`
	Count     int              `json:"count"`
	First     protocol.Instant `json:"first"`
	Last      protocol.Instant `json:"last"`
	Ended     protocol.Instant `json:"ended"`
	Saved     stamp            `json:"saved"`
}

// noticeRow is a notice to be stored, or to be dropped.
type noticeRow struct {
	notice Notice
	drop   bool
}

// Notice stores the notice for its peer and app.
func (b *Batch) Notice(n Notice) { b.notices = append(b.notices, noticeRow{notice: n}) }

// DropNotice forgets the notice for a peer and app.
func (b *Batch) DropNotice(peer protocol.PeerID, app string) {
	b.notices = append(b.notices, noticeRow{Notice{Peer: peer, App: app}, true})
}

// Notices reports whether a Commit of b would change notices.
func (b *Batch) Notices() bool { return len(b.notices) > 0 }

func (w *writer) writeNotices(ctx context.Context, rows []noticeRow, now invitation.Stamp) error {
	for _, r := range rows {
		n := r.notice
		if r.drop {
			if _, err := w.dropNotice.ExecContext(ctx, string(n.Peer), n.App); err != nil {
				return err
			}
			continue
		}
		saved := stamp(now)
		saved.Wall = plain(saved.Wall)
		record, err := json.Marshal(noticeRecord{n.IDs, n.ChannelID, n.Why, n.Count, n.First, n.Last, n.Ended, saved})
		if err != nil {
			return err
		}
		if _, err := w.notice.ExecContext(ctx, string(n.Peer), n.App, millis(now.Wall), string(record)); err != nil {
			return err
		}
	}
	return nil
}

// Notices returns all notices. What was written in another boot is as much
// older as the wall clock says, and never younger than it was.
func (j *Journal) Notices() ([]Notice, error) {
	rows, err := j.readers.Query("SELECT peer, app, record FROM notices ORDER BY kept_at, peer, app")
	if err != nil {
		return nil, explain(j.path, err)
	}
	defer rows.Close()
	var all []Notice
	now := j.stamp()
	for rows.Next() {
		var peer, app, record string
		if err := rows.Scan(&peer, &app, &record); err != nil {
			return nil, explain(j.path, err)
		}
		var r noticeRecord
		if err := json.Unmarshal([]byte(record), &r); err != nil {
			return nil, explain(j.path, fmt.Errorf("a stored notice cannot be read: %w", err))
		}
		on := r.Saved.mover(now)
		all = append(all, Notice{protocol.PeerID(peer), app, r.IDs, r.ChannelID, r.Why, r.Count, on(r.First), on(r.Last), on(r.Ended)})
	}
	return all, explain(j.path, rows.Err())
}

// mover returns how a past moment that was written at s is brought to the clock
// of now.
func (s stamp) mover(now invitation.Stamp) func(protocol.Instant) protocol.Instant {
	if s.BootID == now.BootID {
		return func(at protocol.Instant) protocol.Instant { return at }
	}
	passed := max(now.Wall.Sub(s.Wall), 0)
	return func(at protocol.Instant) protocol.Instant {
		return now.Clock.Add(-passed - max(s.Clock.Sub(at), 0))
	}
}

// MissedSince counts the missed invitations that came after a moment of the
// wall clock: from all peers, and from one. It counts no further than a limit.
func (j *Journal) MissedSince(since time.Time, peer protocol.PeerID, limit int) (all, from int, err error) {
	err = j.queries.missed.QueryRow(string(peer), millis(since), limit).Scan(&all, &from)
	return all, from, explain(j.path, err)
}

// pruneNotices removes what no setting keeps so long.
func pruneNotices(ctx context.Context, w *writer, now time.Time) (int, error) {
	return remove(ctx, w, `DELETE FROM notices WHERE (peer, app) IN (SELECT peer, app FROM notices WHERE kept_at < ? LIMIT ?)`,
		now.Add(-protocol.MaxKeepMissed))
}
