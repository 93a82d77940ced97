package node

import (
	"cmp"
	"maps"
	"slices"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// entry is one invitation that the switchboard holds: it is live, idle, or the
// other side must still hear of its end.
type entry struct {
	id          protocol.ID
	machine     *invitation.Machine
	peer        *peerState
	timer       timer
	receivedSeq int64            // of its remote_invitation_received event; 0: none
	sent        protocol.Instant // in this process; 0: not yet, or by an earlier one
	waiters     []chan<- invitation.View
	trail       trail
	discarded   bool             // no longer shown to apps
	guest       bool             // it was loaded for a turn only
	resay       protocol.Instant // a commit failed: when to say what may not have been said; 0: none failed

	counted tally // what it counts for in the switchboard's and its peer's sums
}

// tally is what a form counts for.
type tally struct{ local, remote, needs, bid bool }

func (e *entry) tally() tally {
	f := e.machine.Form()
	live := e.machine.Live()
	return tally{
		local: f.Kind == invitation.KindLocal && !f.Ended(),
		// What has ended and must still be told takes room, too.
		remote: f.Kind == invitation.KindRemote && (live || f.Owes),
		needs:  live || f.Owes, bid: f.State == invitation.AcceptSentToLocal,
	}
}

// add puts a machine among the entries.
func (sb *switchboard) add(m *invitation.Machine) *entry {
	f := m.Form()
	e := &entry{id: f.ID, machine: m, peer: sb.peer(f.Peer())}
	e.timer.fire = func(t *turn) { t.wake(e) }
	sb.entries[e.id] = e
	e.peer.entries[e.id] = e
	return e
}

// inOrder returns the entries of a set in the order of their ids, which is about that
// of their creation: what there is of several is told the oldest first, and one
// history of inputs has one course.
func inOrder[V any](set map[*entry]V) []*entry {
	return slices.SortedFunc(maps.Keys(set), func(a, b *entry) int { return a.id.Compare(b.id) })
}

// all does the same for a table of entries.
func all(table map[protocol.ID]*entry) []*entry {
	return slices.SortedFunc(maps.Values(table), func(a, b *entry) int { return a.id.Compare(b.id) })
}

// forget takes an entry out of memory; the journal keeps it.
func (sb *switchboard) forget(e *entry) {
	sb.count(e, tally{})
	sb.timers.set(&e.timer, 0)
	sb.timers.set(&e.trail.timer, 0)
	if sb.entries[e.id] == e {
		delete(sb.entries, e.id)
		delete(e.peer.entries, e.id)
	}
}

// count keeps the sums right.
func (sb *switchboard) count(e *entry, now tally) {
	add := func(sum *int, was, is bool) {
		if is && !was {
			*sum++
		} else if was && !is {
			*sum--
		}
	}
	add(&sb.locals, e.counted.local, now.local)
	add(&sb.remotes, e.counted.remote, now.remote)
	add(&sb.bids, e.counted.bid, now.bid)
	add(&e.peer.remotes, e.counted.remote, now.remote)
	add(&e.peer.needs, e.counted.needs, now.needs)
	e.counted = now
}

// find returns the entry of an id: from memory, or for this turn only from the
// journal. nil: no such invitation.
func (t *turn) find(id protocol.ID) (*entry, error) {
	if e := t.sb.entries[id]; e != nil {
		return e, nil
	}
	f, found, err := t.sb.journal.Load(id)
	if err != nil || !found {
		return nil, err
	}
	e := t.sb.add(invitation.Restore(t.now, f))
	e.guest, e.discarded = true, f.State == invitation.Idle // all others that have not ended are in memory
	t.touch(e, e.machine)                                   // so that settle lets go of it
	return e, nil
}

// wake lets the clocks of a form fire. After a failed commit it also says again
// what was not said then.
func (t *turn) wake(e *entry) {
	resay := e.resay != 0
	e.resay = 0
	if resay && e.peer.session != nil {
		t.step(e, invitation.SessionUp{})
	} else {
		t.step(e, invitation.Wake{})
	}
}

func ended(m *invitation.Machine) bool {
	f := m.Form()
	return f.Ended()
}

// begin adds a new form.
func (t *turn) begin(m *invitation.Machine, out invitation.Out) *entry {
	e := t.sb.add(m)
	t.touch(e, nil)
	t.gather(e, out)
	t.trace(e, nil, out)
	t.sb.count(e, e.tally())
	return e
}

// step steps a form, and with it those that it crosses, and gathers what is to
// be done.
func (t *turn) step(e *entry, in invitation.Input) error { return t.desk(e.peer).Step(e.machine, in) }

// touch remembers a machine as it is before the turn changes it; nil: it is new.
func (t *turn) touch(e *entry, m *invitation.Machine) {
	if t.touched == nil {
		t.touched = map[*entry]*invitation.Machine{}
	}
	if _, ok := t.touched[e]; ok {
		return
	}
	if m != nil {
		before := *m
		m = &before
	}
	t.touched[e] = m
}

func (t *turn) gather(e *entry, out invitation.Out) {
	if out.Broken != "" {
		log.Errorw("an invariant did not hold; please report this", "invitation", e.id, "invariant", out.Broken)
		t.sb.metrics.broken()
	}
	if out.Stray {
		t.sb.metrics.stray()
	}
	if out.Persist {
		t.change(e)
	}
	for _, ev := range out.Emit {
		i := t.batch.Emit(journal.Event{
			Time: t.now.Wall, Type: string(ev.Callback), App: ev.Form.App, View: ev.Form.View(t.now),
		})
		if ev.Callback == invitation.RemoteReceived {
			t.received = append(t.received, receipt{e, i})
		}
	}
	if len(out.Send) > 0 {
		t.send(e.peer, out.Send...)
	}
	wake := out.Wake
	if e.resay != 0 && (wake == 0 || e.resay < wake) {
		wake = e.resay // other steps do not take the place of what is to be said
	}
	t.sb.timers.set(&e.timer, wake)
}

func (t *turn) change(e *entry) {
	for _, c := range t.changed {
		if c == e {
			return
		}
	}
	t.changed = append(t.changed, e)
}

// send gathers messages for a peer's current session.
func (t *turn) send(p *peerState, msgs ...protocol.Message) {
	if p.session == nil {
		return
	}
	for i := range t.sends {
		if t.sends[i].s == p.session {
			t.sends[i].msgs = append(t.sends[i].msgs, msgs...)
			return
		}
	}
	t.sends = append(t.sends, outgoing{p.session, msgs})
}

// settle draws the consequences after the commit: whoever waits for an end is
// told, what is over leaves the memory, and peers are dialled or let go.
func (t *turn) settle() {
	sb := t.sb
	for _, e := range inOrder(t.touched) {
		before, f := t.touched[e], e.machine.Form()
		sb.count(e, e.tally())
		sb.weigh(before, f)
		e.trail.Keep()
		t.timed(e, before)
		if f.Ended() {
			if before == nil || !ended(before) {
				sb.metrics.ended(f)
			}
			for _, w := range e.waiters {
				w <- f.View(t.now) // buffered: one view for each
			}
			e.waiters = nil
			if !f.Owes {
				sb.forget(e)
			}
		} else if e.guest && f.State == invitation.Idle {
			sb.forget(e)
		}
		t.consider(e.peer)
	}
	for _, e := range t.dropped {
		for _, w := range e.waiters {
			close(w)
		}
		sb.forget(e)
	}
	t.servePeers()
	if sb.bids == 0 {
		for _, tell := range sb.drained {
			tell()
		}
		sb.drained = nil
	}
}

// servePeers gives the peers of this turn what they need.
func (t *turn) servePeers() {
	for _, p := range slices.SortedFunc(maps.Keys(t.peers), func(a, b *peerState) int { return cmp.Compare(a.id, b.id) }) {
		p.serve(t)
	}
}

// consider notes that a peer's needs may have changed.
func (t *turn) consider(p *peerState) {
	if t.peers == nil {
		t.peers = map[*peerState]struct{}{}
	}
	t.peers[p] = struct{}{}
}
