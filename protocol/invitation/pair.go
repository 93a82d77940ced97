package invitation

import "github.com/beckon-p2p/beckon/protocol"

// What one form of a pair does when its Desk says so. Which two pair, and when,
// is for glare.go.

// parked reports whether the form is tied to another: a LocalInvitation that
// waits, or the bid that it waits for.
func (m *Machine) parked() bool { return !m.form.Pair.IsZero() }

// cross marks the form for the apps. The first mark stays until a pair says it
// better.
func (m *Machine) cross(with protocol.ID) {
	if m.form.GlareWith.IsZero() {
		m.form.GlareWith = with
		m.out.Persist = true
	}
}

// park lets the form wait. Its clocks run on and nothing is said of it.
func (m *Machine) park(behind protocol.ID) {
	if behind.IsZero() || !m.Live() || m.form.Canceling {
		return
	}
	m.takeWith(&rowPark, func(f *Form) { f.Pair, f.GlareWith = behind, behind })
}

// unpark lets it go on as if nothing had been.
func (m *Machine) unpark() {
	if m.parked() {
		m.takeWith(&rowUnpark, func(f *Form) { f.Pair = protocol.ID{} })
		m.sayOwed()
	}
}

// localMerged ends the form that gave way. The callee knows by the bid; the
// Cancel is for one that lost the memory of it.
func (m *Machine) localMerged(by protocol.ID) {
	if m.form.Pair != by || by.IsZero() {
		return
	}
	m.takeWith(&rowLocalMerged, func(f *Form) {
		f.Reason, f.MergedWith = protocol.ReasonSuperseded, by
		m.owe(f, m.written, protocol.OweDecision)
	})
	m.sayOwed()
}

// tie makes a bid one of a pair: no clock of its own ends it.
func (m *Machine) tie(f *Form, to protocol.ID) {
	if !to.IsZero() {
		f.Pair, f.GlareWith, f.Deadline = to, to, 0
		m.leaving = 0
	}
}

// bid accepts for the own invitation that gives way. A bid that its user made
// before is kept, response and all.
func (m *Machine) bid(in Bid) {
	rows := map[State]*Row{Held: &rowBidHeld, InvitationReceived: &rowBidRinging, AcceptSentToLocal: &rowBidJoined}
	r := rows[m.form.State]
	if r == nil || m.parked() {
		return
	}
	m.takeWith(r, func(f *Form) {
		if r != &rowBidJoined {
			f.Response, f.AnsweredAt = in.Response, m.env.Now.Wall
		}
		m.tie(f, in.For)
	})
	m.sayOwed()
}

// withdraw refuses after all: the user who canceled the own invitation wants no
// call now.
func (m *Machine) withdraw() {
	if m.form.State != AcceptSentToLocal || !m.parked() {
		return
	}
	m.takeWith(&rowWithdraw, func(f *Form) {
		f.Reason, f.Response = protocol.ReasonDeclined, ""
		m.owe(f, true, f.sentBound())
	})
	m.sayOwed()
}

// alone ends a bid whose own invitation ended by itself.
func (m *Machine) alone(leaving bool) {
	if m.form.State != AcceptSentToLocal || !m.parked() {
		return
	}
	why := protocol.PeerOffline
	if m.env.Link.Open && !leaving {
		why = protocol.AcceptFailure
	}
	m.endRemote(&rowAlone, why)
}

// remoteMerged ends the form that gave way.
func (m *Machine) remoteMerged(in Superseded) {
	if !m.Live() {
		return
	}
	r := &rowRemoteMerged
	if m.form.State == Held {
		r = &rowHeldMerged
	}
	m.takeWith(r, func(f *Form) {
		f.Reason, f.MergedWith = protocol.ReasonSuperseded, in.By
		m.owe(f, in.Tell, f.sentBound())
	})
	m.leaving = 0
	m.sayOwed()
}
