package node

import (
	"cmp"
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// notices are what callees are still to hear of calls that they missed. They
// are told on every new session, and looked after sparingly: they keep no
// session alive. The switchboard's goroutine owns them.
type notices struct {
	keep  time.Duration // 0: none are kept
	peers map[protocol.PeerID]*awaited
	any   atomic.Bool // whether there are some, for others to read
}

// awaited is a callee that is to hear of missed calls.
type awaited struct {
	id     protocol.PeerID
	byApp  map[string]journal.Notice
	tries  int
	timer  timer
	cancel context.CancelFunc // of the running dial; nil: none
}

// recoverNotices takes up what an earlier process left.
func (sb *switchboard) recoverNotices() error {
	all, err := sb.journal.Notices()
	if err != nil {
		return err
	}
	now := sb.clock.Now()
	for _, n := range all {
		sb.awaited(n.Peer).byApp[n.App] = n
		sb.rearm(n.Peer, now)
	}
	return nil
}

func (sb *switchboard) awaited(id protocol.PeerID) *awaited {
	if sb.notices.peers == nil {
		sb.notices.peers = map[protocol.PeerID]*awaited{}
	}
	a := sb.notices.peers[id]
	if a == nil {
		a = &awaited{id: id, byApp: map[string]journal.Notice{}}
		a.timer.fire = func(t *turn) { t.remind(a) }
		sb.notices.peers[id] = a
	}
	return a
}

// rearm sets the timer of a peer anew after its notices have changed.
func (sb *switchboard) rearm(id protocol.PeerID, now protocol.Instant) {
	a := sb.awaited(id)
	if len(a.byApp) == 0 {
		a.stopDial()
		sb.timers.set(&a.timer, 0)
		delete(sb.notices.peers, id)
	} else {
		next := now.Add(a.pause())
		for _, n := range a.byApp {
			next = min(next, max(n.Ended.Add(sb.notices.keep), now+1))
		}
		sb.timers.set(&a.timer, next)
	}
	sb.notices.any.Store(len(sb.notices.peers) > 0)
}

// pause is the wait before the callee is next looked for.
func (a *awaited) pause() time.Duration {
	d := protocol.TellMissedFirst
	for range a.tries {
		if d *= 2; d >= protocol.TellMissedLast {
			return protocol.TellMissedLast
		}
	}
	return d
}

// putNotice stores a notice, dropNotice forgets one, both with the turn's
// commit.
func (t *turn) putNotice(n journal.Notice) {
	t.keepUndo(n.Peer, n.App)
	t.batch.Notice(n)
	a := t.sb.awaited(n.Peer)
	a.byApp[n.App], a.tries = n, 0
	t.sb.rearm(n.Peer, t.now.Clock)
}

func (t *turn) dropNotice(n journal.Notice) {
	t.keepUndo(n.Peer, n.App)
	t.batch.DropNotice(n.Peer, n.App)
	delete(t.sb.awaited(n.Peer).byApp, n.App)
	t.sb.rearm(n.Peer, t.now.Clock)
}

// keepUndo remembers what there was, in case the commit fails.
func (t *turn) keepUndo(peer protocol.PeerID, app string) {
	before, had := t.sb.awaited(peer).byApp[app]
	t.undos = append(t.undos, func() {
		if byApp := t.sb.awaited(peer).byApp; had {
			byApp[app] = before
		} else {
			delete(byApp, app)
		}
		t.sb.rearm(peer, t.now.Clock)
	})
}

// noteMissed makes notices of what has ended in this turn without having rung.
func (t *turn) noteMissed() {
	if t.sb.notices.keep == 0 {
		return
	}
	callees := map[*peerState]bool{}
	for _, e := range t.changed {
		f := e.machine.Form()
		if before := t.touched[e]; before != nil && ended(before) {
			continue
		}
		if why, is := f.NeverRang(); is {
			t.putNotice(t.noticeOf(&f, why))
			callees[e.peer] = true
		}
	}
	t.capNotices()
	for p := range callees {
		t.sayMissed(p)
	}
}

// noticeOf is the notice for the callee with this call added.
func (t *turn) noticeOf(f *invitation.Form, why protocol.Why) journal.Notice {
	now := t.now.Clock
	ago := min(max(t.now.Wall.Sub(f.SentAt), 0), protocol.MaxKeepMissed)
	n := journal.Notice{
		Peer: f.Callee, App: f.App, IDs: []protocol.ID{f.ID}, ChannelID: f.ChannelID, Why: why, Count: 1,
		First: now.Add(-ago), Last: now.Add(-ago), Ended: now,
	}
	if old, ok := t.sb.awaited(f.Callee).byApp[f.App]; ok {
		n.IDs = append(n.IDs, old.IDs[:min(len(old.IDs), protocol.MaxEarlier)]...)
		n.Count = min(old.Count+1, protocol.MaxMissedCount)
		n.First = min(n.First, old.First)
		n.Last = max(n.Last, old.Last)
	}
	return n
}

// capNotices drops the oldest notices over the bound.
func (t *turn) capNotices() {
	if len(t.sb.notices.peers) == 0 {
		return
	}
	var all []journal.Notice
	for _, a := range t.sb.notices.peers {
		for _, n := range a.byApp {
			all = append(all, n)
		}
	}
	if len(all) <= protocol.MaxNotices {
		return
	}
	slices.SortFunc(all, func(a, b journal.Notice) int { return cmp.Compare(b.Ended, a.Ended) })
	for _, n := range all[protocol.MaxNotices:] {
		t.dropNotice(n)
	}
}

// sayMissed tells a peer what it missed, if there is a session to write on.
func (t *turn) sayMissed(p *peerState) {
	a := t.sb.notices.peers[p.id]
	if a == nil || p.session == nil || !t.sb.online {
		return
	}
	for _, n := range a.byApp {
		t.send(p, missedMessage(n, t.now.Clock))
	}
}

// contact uses that a peer is there: it opens a session if there is something
// to be told.
func (t *turn) contact(id protocol.PeerID) {
	if a := t.sb.notices.peers[id]; a != nil {
		a.dial(t)
	}
}

// remind looks for a callee again, and forgets what was kept long enough.
func (t *turn) remind(a *awaited) {
	for _, n := range a.byApp {
		if t.now.Clock.Sub(n.Ended) >= t.sb.notices.keep {
			t.dropNotice(n)
		}
	}
	if len(a.byApp) == 0 {
		return
	}
	if p := t.sb.peers[a.id]; p != nil && p.session != nil {
		t.sayMissed(p)
	} else {
		a.dial(t)
	}
	a.tries++
	t.sb.rearm(a.id, t.now.Clock)
}

// dial starts one attempt on a goroutine of its own. The session tells by
// itself, as every new one does.
func (a *awaited) dial(t *turn) {
	sb := t.sb
	p := sb.peers[a.id]
	if a.cancel != nil || sb.dialer == nil || p != nil && (p.cancel != nil || len(p.sessions) > 0) {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialAttempt)
	a.cancel = cancel
	d := sb.dialer
	sb.dials.Add(1)
	sb.spawn(a.id, func() {
		defer sb.dials.Done()
		err := d.Dial(ctx, a.id, func(invitation.Progress) {})
		if err != nil {
			log.Debugw("dial to tell of a missed call", "peer", short(a.id), "err", err)
		}
		sb.post(func(*turn) { a.stopDial() })
	})
}

func (a *awaited) stopDial() {
	if a.cancel != nil {
		a.cancel()
		a.cancel = nil
	}
}

// stopNoticeDials ends the dials that are under way.
func (sb *switchboard) stopNoticeDials() {
	for _, a := range sb.notices.peers {
		a.stopDial()
	}
}

// meet begins anew when the node comes on the network, and uses the connections
// that stand already.
func (t *turn) meet(connected func(protocol.PeerID) bool) {
	for id, a := range t.sb.notices.peers {
		a.tries = 0
		t.sb.rearm(id, t.now.Clock)
		if connected(id) {
			t.contact(id)
		}
	}
}
