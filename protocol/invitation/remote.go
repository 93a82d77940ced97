package invitation

import (
	"github.com/beckon-p2p/beckon/protocol"
)

func (m *Machine) stepRemote(in Input) error {
	switch in := in.(type) {
	case Send, Cancel, Edit:
		return protocol.Errorf(protocol.CodeWrongKind, "this invitation came from another peer: accept or refuse it")
	case Accept:
		return m.accept(in)
	case Refuse:
		return m.refuse(in)
	case Logout:
		m.logoutRemote()
	case Login:
		m.leaving = 0 // a bid that still waits goes on as if nothing had been
	case SessionUp:
		if m.form.State == AcceptSentToLocal {
			m.since = m.now() // a new session, a full new wait for the Confirm
		}
		m.sayOwed()
	case Recv:
		m.recvRemote(in.Message)
	case DoneRead:
		if m.form.State == Failed || m.form.State == Missed || m.form.State == Canceled {
			m.discharge()
		}
	case HandedOver:
		m.handOver()
	case AppCame, Unhush:
		m.ringIfPossible()
	case Cross:
		m.cross(in.With)
	case Bid:
		m.bid(in)
	case Withdraw:
		m.withdraw()
	case Alone:
		m.alone(in.Leaving)
	case Superseded:
		m.remoteMerged(in)
	}
	return nil
}

// ringIfPossible tells the apps of a held invitation. Nothing rings for a
// caller that has gone.
func (m *Machine) ringIfPossible() {
	heard := m.env.Link.LastHeard
	if m.form.State == Held && m.env.App && !m.env.Hush && heard != 0 && m.now().Sub(heard) < protocol.CallerLost {
		m.takeWith(&rowRing, func(f *Form) { f.ReceivedAt = m.env.Now.Wall })
	}
}

// handOver starts the ring clock; from here on it rings even if the app goes.
func (m *Machine) handOver() {
	if m.form.State != InvitationReceived || m.form.HandedOver {
		return
	}
	m.startRing()
	m.sayOwed()
}

func (m *Machine) startRing() {
	m.takeWith(&rowHandedOver, func(f *Form) {
		f.HandedOver = true
		f.Deadline = m.now().Add(f.Ring)
	})
}

func (m *Machine) answerable() error {
	switch s := m.form.State; {
	case m.form.Ended():
		return ended(s)
	case s == AcceptSentToLocal:
		e := protocol.Errorf(protocol.CodeAlreadyAccept, "the invitation was accepted before; wait for the caller's word")
		e.State = string(s)
		return e
	case s == Held:
		return protocol.Errorf(protocol.CodeNotFound, "no invitation has this id here")
	}
	if !m.form.HandedOver {
		m.startRing() // a verb proves that an app has it
	}
	return nil
}

func (m *Machine) accept(in Accept) error {
	if err := m.answerable(); err != nil {
		return err
	}
	m.takeWith(&rowAccept, func(f *Form) {
		f.Response, f.AnsweredAt = in.Response, m.env.Now.Wall
		m.tie(f, in.Supersedes)
	})
	m.sayOwed()
	return nil
}

func (m *Machine) refuse(in Refuse) error {
	if err := m.answerable(); err != nil {
		return err
	}
	m.takeWith(&rowRefuse, func(f *Form) {
		f.Reason, f.Response, f.AnsweredAt = in.Reason, in.Response, m.env.Now.Wall
		m.owe(f, true, f.sentBound())
	})
	m.sayOwed()
	return nil
}

func (m *Machine) logoutRemote() {
	switch m.form.State {
	case Held:
		m.endRemote(&rowHeldLogout, "")
	case InvitationReceived:
		m.endRemote(&rowRemoteLogout, protocol.PeerOffline)
	case AcceptSentToLocal:
		if m.leaving == 0 && !m.parked() { // a pair ends with the own invitation
			m.leaving = m.now().Add(protocol.ConfirmTime)
		}
	}
}

// endRemote ends the form by the callee's own decision, which it then owes.
func (m *Machine) endRemote(r *Row, why protocol.Failure) {
	m.takeWith(r, func(f *Form) {
		f.Failure = why
		m.owe(f, true, f.sentBound())
	})
	m.leaving = 0
	m.sayOwed()
}

// lostAt is when the caller counts as lost; 0 where it does not matter.
func (m *Machine) lostAt() protocol.Instant {
	if s := m.form.State; s != InvitationReceived && s != AcceptSentToLocal || m.parked() {
		return 0
	}
	return max(m.env.Link.LastHeard, m.born).Add(protocol.CallerLost)
}

// confirmAt is when the wait for the Confirm is over. The clock runs only while
// the caller is heard; while it stands, it cannot be over before a full new
// wait, so that is when to look again.
func (m *Machine) confirmAt() protocol.Instant {
	if m.form.State != AcceptSentToLocal || m.parked() {
		return 0
	}
	if !m.confirmRuns() {
		return m.now().Add(protocol.ConfirmTime)
	}
	return max(m.since, m.env.Link.HeardSince).Add(protocol.ConfirmTime)
}

func (m *Machine) confirmRuns() bool {
	return m.env.Link.Open && m.now().Sub(m.env.Link.LastHeard) < protocol.StandStill
}

// remoteOverdue fires the clock that is over and reports whether one was.
func (m *Machine) remoteOverdue() bool {
	f := &m.form
	why := protocol.PeerOffline
	switch f.State {
	case Held:
		if !m.due(f.Deadline) {
			return false
		}
		m.endRemote(&rowHeldOver, "")
	case InvitationReceived:
		switch {
		case m.due(f.Deadline) && f.HandedOver:
			m.endRemote(&rowRingOver, protocol.InvitationExpire)
		case m.due(f.Deadline):
			m.endRemote(&rowUnhandedOver, protocol.InvitationExpire)
		case m.due(m.lostAt()):
			m.endRemote(&rowCallerLost, why)
		default:
			return false
		}
	case AcceptSentToLocal:
		if m.parked() {
			return false // it lives as long as the own invitation behind it
		}
		if m.env.Link.Open {
			why = protocol.AcceptFailure
		}
		switch {
		case m.confirmRuns() && m.due(m.confirmAt()):
			m.endRemote(&rowConfirmOver, why)
		case m.due(f.Deadline.Add(protocol.ConfirmTime)):
			m.endRemote(&rowBidOver, why)
		case m.due(m.lostAt()):
			m.endRemote(&rowBidLost, why)
		case m.due(m.leaving):
			m.endRemote(&rowBidLogout, protocol.PeerOffline)
		default:
			return false
		}
	}
	return true
}

// stateMessage is the callee's message for its state: the answer to a repeated
// Invite, and to a Confirm that changes nothing.
func (m *Machine) stateMessage() protocol.Message {
	f := &m.form
	switch {
	case f.Ended():
		return f.ownDone()
	case f.State == AcceptSentToLocal:
		return protocol.Accept{ID: f.ID, Response: f.Response, Supersedes: f.Pair}
	case f.HandedOver:
		return protocol.Received{ID: f.ID, RingLeft: max(f.Deadline.Sub(m.now()), 0)}
	}
	return protocol.Delivered{ID: f.ID}
}

func (m *Machine) recvRemote(msg protocol.Message) {
	switch msg := msg.(type) {
	case protocol.Invite:
		m.ringIfPossible()
		m.answer(m.stateMessage())
	case protocol.Confirm:
		if m.form.State == AcceptSentToLocal {
			m.takeWith(&rowConfirm, func(f *Form) {
				f.MergedWith = f.Pair
				m.owe(f, false, 0)
			})
			m.leaving = 0
		}
		m.answer(m.stateMessage())
	case protocol.Cancel:
		m.canceledBy(&rowHeldCancel, &rowRemoteCancel, msg.Reason)
		m.answer(m.form.ownDone())
	case protocol.Done:
		m.callerDone(msg)
	default:
		m.out.Stray = true
	}
}

// canceledBy ends a live form by the caller's word; nothing is owed then.
func (m *Machine) canceledBy(held, ringing *Row, reason protocol.Reason) {
	if m.form.Ended() {
		return
	}
	r := ringing
	if m.form.State == Held {
		r = held
	}
	m.takeWith(r, func(f *Form) {
		f.Reason = reason
		m.owe(f, false, 0)
	})
	m.leaving = 0
}

func (m *Machine) callerDone(msg protocol.Done) {
	if m.form.Ended() {
		m.discharge()
		return
	}
	switch msg.Outcome {
	case protocol.OutcomeCanceled:
		m.canceledBy(&rowHeldDone, &rowElsewhere, msg.Reason)
	case protocol.OutcomeAccepted:
		m.canceledBy(&rowHeldDone, &rowElsewhere, protocol.ReasonAnsweredElsewhere)
	case protocol.OutcomeRefused:
		m.canceledBy(&rowHeldDone, &rowElsewhere, protocol.ReasonRefusedElsewhere)
	default:
		r := &rowCallerFailed
		if m.form.State == Held {
			r = &rowHeldDone
		}
		m.takeWith(r, func(f *Form) {
			if f.State == Failed {
				f.Failure = protocol.InvitationExpire
			}
			m.owe(f, false, 0)
		})
		m.leaving = 0
	}
}
