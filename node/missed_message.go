package node

import (
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// missedMessage is what a notice says now.
func missedMessage(n journal.Notice, now protocol.Instant) protocol.Missed {
	ago := func(at protocol.Instant) time.Duration { return min(max(now.Sub(at), 0), protocol.MaxKeepMissed) }
	m := protocol.Missed{
		ID: n.IDs[0], App: n.App, ChannelID: n.ChannelID, Why: n.Why, Count: n.Count,
		LastAgo: ago(n.Last), FirstAgo: ago(n.First),
	}
	copy(m.Earlier[:], n.IDs[1:])
	return m
}

// aboutMissed takes the messages about missed calls, and reports whether msg is
// one. Logged out, nothing is taken: the caller will tell again.
func (t *turn) aboutMissed(from protocol.PeerID, s session, msg protocol.Message) (is bool, err error) {
	switch msg := msg.(type) {
	case protocol.Missed:
		if !t.sb.online {
			return true, nil
		}
		return true, t.missed(from, s, msg)
	case protocol.MissedTaken:
		if a := t.sb.notices.peers[from]; a != nil {
			for _, n := range a.byApp {
				if n.IDs[0] == msg.ID { // else it has grown since, and is told again
					t.dropNotice(n)
				}
			}
		}
		return true, nil
	}
	return false, nil
}

// missed keeps what a caller tells of calls that never rang here. What is known
// already, because it did ring, was held, or was told before, is not told
// again. Taken is said once it is committed; what is live here is not taken.
func (t *turn) missed(from protocol.PeerID, s session, msg protocol.Missed) error {
	fresh, count := protocol.ID{}, msg.Count
	for _, id := range msg.IDs() {
		f, found, err := t.known(id)
		switch {
		case err != nil:
			return err
		case found && (f.Kind != invitation.KindRemote || f.Caller != from):
			t.sb.metrics.stray()
			s.Fail(errMisused)
			return nil
		case found && !f.Ended():
			return nil
		case found:
			count -= max(f.MissedCount, 1)
		case fresh.IsZero():
			fresh = id
		}
	}
	if count > 0 && !fresh.IsZero() {
		room, err := t.roomForMissed(from)
		switch {
		case err != nil:
			return err
		case room:
			t.tellMissed(invitation.NewMissed(t.now, from, t.sb.self, fresh, msg, count))
		default:
			t.sb.metrics.overflow()
		}
	}
	t.sends = append(t.sends, outgoing{s, []protocol.Message{protocol.MissedTaken{ID: msg.ID}}})
	return nil
}

// tellMissed puts a missed call into the history and tells the apps.
func (t *turn) tellMissed(m *invitation.Machine) {
	e := t.sb.add(m)
	t.touch(e, nil)
	t.change(e)
	f := m.Form()
	t.batch.Emit(journal.Event{Time: t.now.Wall, Type: string(invitation.RemoteMissed), App: f.App, View: f.View(t.now)})
}

// known returns what is known here of an invitation, discarded ones too.
func (t *turn) known(id protocol.ID) (invitation.Form, bool, error) {
	if e := t.sb.entries[id]; e != nil {
		return e.machine.Form(), true, nil
	}
	return t.sb.journal.Load(id)
}

// roomForMissed reports whether one more missed call may enter the history.
func (t *turn) roomForMissed(from protocol.PeerID) (bool, error) {
	all, ofPeer, err := t.sb.journal.MissedSince(t.now.Wall.Add(-24*time.Hour), from, protocol.MaxMissedADayAll)
	if err != nil {
		return false, err
	}
	for _, e := range t.changed { // not in the journal yet
		if f := e.machine.Form(); f.State == invitation.Missed {
			all++
			if f.Caller == from {
				ofPeer++
			}
		}
	}
	return all < protocol.MaxMissedADayAll && ofPeer < protocol.MaxMissedADay, nil
}
