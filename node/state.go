package node

import (
	"cmp"
	"slices"

	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Settings in the journal.
const (
	settingOnline = "online" // "no": the wish to be offline
	settingPort   = "port"   // the port chosen at the first start
)

// Causes of a change of the node's state.
const (
	causeStarted   = "started"
	causeLoggedIn  = "logged_in"
	causeLoggedOut = "logged_out"
	causeJoined    = "joined"
	causeLost      = "lost" // no peer of the DHT is known any more
)

// setState changes the node's state and tells every stream.
func (t *turn) setState(to NodeState, cause string) {
	if t.sb.state == to {
		return
	}
	from := t.sb.state
	t.sb.state = to
	t.sb.stateNow.Store(to)
	t.undos = append(t.undos, func() {
		t.sb.state = from
		t.sb.stateNow.Store(from)
	})
	typ := journal.NodeOffline
	if to == StateOnline {
		typ = journal.NodeOnline
	}
	t.batch.Emit(journal.Event{Time: t.now.Wall, Type: typ, State: string(to), Cause: cause})
}

// logIn lets invitations be sent and received again. Bids that wait since a
// logout wait on as if nothing had been, and nobody waits for them in order to
// leave.
func (t *turn) logIn() {
	t.setOnline(true)
	for _, e := range t.sb.entries {
		t.step(e, invitation.Login{})
	}
	leaving := t.sb.drained
	t.sb.drained = nil
	t.undos = append(t.undos, func() { t.sb.drained = leaving })
	t.after = append(t.after, func(err error) {
		for _, tell := range leaving {
			if err == nil {
				tell()
			}
		}
	})
	t.batch.Setting(settingOnline, "yes")
	t.setState(StateJoining, causeLoggedIn)
}

// logOut ends what is live. Bids wait for their Confirm; drained is called when
// none waits any more, or somebody has logged in again.
func (t *turn) logOut(drained func()) {
	t.setOnline(false)
	t.batch.Setting(settingOnline, "no")
	for _, e := range all(t.sb.entries) {
		t.step(e, invitation.Logout{})
	}
	before := t.sb.drained
	t.sb.drained = append(t.sb.drained, drained)
	t.undos = append(t.undos, func() { t.sb.drained = before })
	t.setState(StateOffline, causeLoggedOut)
}

func (t *turn) setOnline(online bool) {
	sb, was := t.sb, t.sb.online
	set := func(online bool) {
		sb.online = online
		sb.wish.Store(online)
	}
	set(online)
	t.undos = append(t.undos, func() { set(was) })
}

// fact is the node's state as others may read it.
func (sb *switchboard) fact() NodeState {
	if s, ok := sb.stateNow.Load().(NodeState); ok {
		return s
	}
	return StateOffline
}

// attach says that the node is on the network.
func (t *turn) attach(u *uplink) {
	t.sb.dialer = u
	for _, p := range t.sb.peers {
		t.consider(p)
	}
	t.meet(u.isConnected)
	t.joined(u.dht == nil || u.dht.Joined())
}

// detach says that it has left.
func (t *turn) detach() {
	t.sb.dialer = nil
	for _, p := range t.sb.peers {
		p.stopDial()
		t.consider(p)
	}
	t.sb.stopNoticeDials()
}

// joined says whether the DHT knows anybody.
func (t *turn) joined(joined bool) {
	switch {
	case !t.sb.online:
	case joined:
		t.setState(StateOnline, causeJoined)
	case t.sb.state == StateOnline:
		t.setState(StateJoining, causeLost)
	}
}

// recover takes up what an earlier process left.
func (sb *switchboard) recover() error {
	forms, err := sb.journal.Unfinished()
	if err != nil {
		return err
	}
	now := sb.clock.Stamp()
	for _, r := range forms {
		e := sb.add(invitation.Restore(now, r.Form))
		e.receivedSeq = r.ReceivedSeq
		sb.count(e, e.tally())
		if e.machine.Live() {
			sb.note(e, now, explain.Step{Code: explain.Restarted})
			e.trail.Keep()
		}
	}
	return sb.recoverNotices()
}

// resume is the first turn: clocks that ended meanwhile fire.
func (t *turn) resume() {
	if t.sb.online {
		t.setState(StateJoining, causeStarted)
	}
	for _, e := range all(t.sb.entries) {
		t.step(e, invitation.Wake{})
		if !t.sb.online {
			t.step(e, invitation.Logout{})
		}
	}
}

// sortViews puts the newest first, as lists do.
func sortViews(views []invitation.View) {
	slices.SortFunc(views, func(a, b invitation.View) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), b.ID.Compare(a.ID))
	})
}
