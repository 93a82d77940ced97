package invitation

import (
	"github.com/beckon-p2p/beckon/protocol"
)

func (m *Machine) stepLocal(in Input) error {
	switch in := in.(type) {
	case Send:
		return m.send(in.Behind)
	case Edit:
		return m.edit(in)
	case Cancel:
		return m.cancel(in.Reason)
	case Accept, Refuse:
		return protocol.Errorf(protocol.CodeWrongKind, "this invitation was sent from here: cancel it, or wait for the callee's answer")
	case Logout:
		if m.Live() {
			m.takeWith(&rowLocalLogout, func(f *Form) {
				if !f.Canceling {
					f.Reason = protocol.ReasonShutdown
				}
				m.owe(f, m.written, protocol.OweDecision)
			})
			m.sayOwed()
		}
	case SessionUp:
		m.sayOwed()
	case Recv:
		m.recvLocal(in.Message)
	case DoneRead:
		if m.form.State == Failed {
			m.discharge()
		}
	case Stage:
		m.stage(in.Progress)
	case Cross:
		m.cross(in.With)
	case Park:
		m.park(in.Behind)
	case Unpark:
		m.unpark()
	case Superseded:
		m.localMerged(in.By)
	}
	return nil
}

func (m *Machine) send(behind protocol.ID) error {
	switch {
	case m.form.Ended():
		return ended(m.form.State)
	case m.form.State != Idle:
		return protocol.Errorf(protocol.CodeAlreadySent, "the invitation was sent before; create another one to ring again")
	}
	now := m.env.Now
	if !m.env.Online {
		m.takeWith(&rowSendLoggedOut, func(f *Form) {
			f.SentAt, f.Deadline = now.Wall, 0
			f.Failure = protocol.NotLoggedIn
		})
		return nil
	}
	m.takeWith(&rowSend, func(f *Form) {
		f.SentAt = now.Wall
		f.Deadline = now.Clock.Add(f.Reach)
		f.Progress = ProgressLocating
		if m.env.Link.Writable {
			f.Progress = ProgressConnecting
		}
	})
	m.park(behind)
	m.sayOwed()
	return nil
}

func (m *Machine) edit(in Edit) error {
	switch {
	case m.form.Ended():
		return ended(m.form.State)
	case m.form.State != Idle:
		return protocol.Errorf(protocol.CodeAlreadySent, "the invitation was sent; what it carries can no longer be changed")
	}
	if in.Content != nil {
		m.form.Content = *in.Content
	}
	if in.ChannelID != nil {
		m.form.ChannelID = *in.ChannelID
	}
	m.out.Persist = true
	return nil
}

func (m *Machine) cancel(reason protocol.Reason) error {
	f := &m.form
	switch {
	case f.Ended():
		return ended(f.State)
	case f.State == Idle:
		e := protocol.Errorf(protocol.CodeNotStarted, "the invitation was not sent yet; discard it with DELETE")
		e.State = string(f.State)
		return e
	case f.Canceling:
		return nil
	case !m.written:
		m.takeWith(&rowCancelUnsent, func(f *Form) { f.Reason, f.Deadline = reason, 0 })
		return nil
	}
	m.takeWith(&rowCancel, func(f *Form) {
		f.Canceling, f.Reason = true, reason
		f.Deadline = m.now().Add(protocol.CancelTime)
	})
	m.sayOwed()
	return nil
}

func ended(s State) error {
	e := protocol.Errorf(protocol.CodeAlreadyEnd, "the invitation has ended (%s); create another one to ring again", s)
	e.State = string(s)
	return e
}

// stage notes how far the way to the callee is; it never goes back.
func (m *Machine) stage(p Progress) {
	order := map[Progress]int{ProgressLocating: 1, ProgressConnecting: 2, ProgressDelivered: 3, ProgressRinging: 4}
	if m.form.State != SentToRemote || m.form.Canceling || order[p] <= order[m.form.Progress] {
		return
	}
	m.takeWith(&rowStage, func(f *Form) { f.Progress = p })
}

// heard notes that something of the callee was read since the Invite was sent.
func (m *Machine) heard() bool {
	return m.form.Heard || m.env.Link.LastHeard != 0 && m.env.Link.LastHeard >= m.since
}

func (m *Machine) localOverdue() {
	f := &m.form
	if !m.due(f.Deadline) {
		return
	}
	switch {
	case f.State == Idle:
		m.takeWith(&rowIdleOver, func(f *Form) { f.Failure, f.Deadline = protocol.InvitationExpire, 0 })
	case f.Canceling:
		m.takeWith(&rowCancelOver, func(f *Form) { m.owe(f, true, protocol.OweDecision) })
		m.sayOwed()
	case f.State == ReceivedByRemote:
		m.failLocal(&rowLocalRingOver, protocol.InvitationExpire)
	case m.heard():
		m.failLocal(&rowReachHeard, protocol.PeerNoResponse)
	default:
		m.failLocal(&rowReachUnheard, protocol.PeerOffline)
	}
}

// failLocal ends the form by the caller's own decision, which it then owes.
func (m *Machine) failLocal(r *Row, why protocol.Failure) {
	m.takeWith(r, func(f *Form) {
		f.Failure = why
		m.owe(f, m.written, f.sentBound())
	})
	m.sayOwed()
}

// invite is the Invite as it is to be said now.
func (m *Machine) invite() protocol.Message {
	f := &m.form
	inv := protocol.Invite{ID: f.ID, App: f.App, ChannelID: f.ChannelID, Content: f.Content, Ring: f.Ring, Glare: f.Glare}
	if !f.Ended() && !f.Canceling { // when it rings, it may ring again for a callee that forgot
		inv.ReachLeft = max(f.Deadline.Sub(m.now()), 0)
	}
	if f.Known {
		inv.Known, inv.Content = true, ""
	}
	return inv
}

func (m *Machine) recvLocal(msg protocol.Message) {
	switch msg.(type) {
	case protocol.Delivered, protocol.Received, protocol.Accept, protocol.Refuse:
		if m.form.State == Idle { // it was sent, and a power cut took the memory of it
			m.answer(protocol.Done{ID: m.form.ID, Outcome: protocol.OutcomeUnknown})
			return
		}
	}
	switch msg := msg.(type) {
	case protocol.Delivered:
		m.knows()
		m.sayEnd()
		m.stage(ProgressDelivered)
	case protocol.Received:
		m.received(msg)
	case protocol.Accept:
		m.accepted(msg)
	case protocol.Refuse:
		m.refused(msg)
	case protocol.Done:
		if m.form.Ended() {
			m.doneAfterEnd(msg)
		} else if m.form.Canceling {
			m.takeWith(&rowCancelDone, func(f *Form) {
				m.owe(f, msg.Outcome == protocol.OutcomeUnknown, protocol.OweDecision)
			})
			m.sayOwed()
		} else if m.form.State != Idle && !m.parked() { // parked: it is asked again once the pair is settled
			m.doneWhileLive(msg)
		}
	default:
		m.out.Stray = true
	}
}

// sayEnd tells the end to a callee that shows that it has not got it, though it
// acknowledged it or forgot it. A callee that rings for an accepted caller may
// still accept.
func (m *Machine) sayEnd() {
	f := &m.form
	switch {
	case !f.Ended() || f.Owes || f.State == AcceptedByRemote:
	case f.State == Canceled:
		m.answer(protocol.Cancel{ID: f.ID, Reason: f.Reason})
	default:
		m.answer(f.ownDone())
	}
}

// knows notes that the callee has the content; it is journalled with the next
// change.
func (m *Machine) knows() {
	if m.Live() {
		m.form.Known, m.form.Heard = true, true
	}
}

func (m *Machine) received(msg protocol.Received) {
	f := &m.form
	if f.Canceling {
		return
	}
	until := m.now().Add(min(f.Ring, msg.RingLeft))
	switch f.State {
	case SentToRemote:
		m.knows()
		m.takeWith(&rowReceived, func(f *Form) {
			f.ReceivedAt, f.Progress, f.Deadline = m.env.Now.Wall, ProgressRinging, until
		})
	case ReceivedByRemote:
		m.knows()
		if until < f.Deadline {
			f.Deadline = until
			m.out.Persist = true
		}
	default:
		m.sayEnd()
	}
}

func (m *Machine) accepted(msg protocol.Accept) {
	f := &m.form
	switch {
	case f.Canceling || f.State == Canceled:
		m.answer(protocol.Cancel{ID: f.ID, Reason: f.Reason})
	case f.State == AcceptedByRemote:
		m.answer(protocol.Confirm{ID: f.ID})
	case f.Ended():
		m.answer(f.ownDone())
	case m.parked() && f.ID.Compare(f.Pair) > 0:
		// The bid for the lower one stands: only one of the two daemons may
		// take the other's.
	default:
		m.takeWith(&rowLocalAccept, func(f *Form) {
			f.Response, f.AnsweredAt = msg.Response, m.env.Now.Wall
			if f.Glare == protocol.GlareMerge {
				f.MergedWith = msg.Supersedes
				m.cross(msg.Supersedes)
			}
			m.owe(f, true, protocol.OweDecision)
		})
		m.sayOwed()
	}
}

func (m *Machine) refused(msg protocol.Refuse) {
	f := &m.form
	switch {
	case m.parked():
		return // it comes again once the pair is settled
	case f.Canceling:
		m.takeWith(&rowCancelRefuse, func(f *Form) { m.owe(f, false, 0) })
	case f.State == AcceptedByRemote:
		m.unconfirmed(&rowUnconfirmed)
		m.discharge()
	case f.Ended():
		m.discharge()
	default:
		m.takeWith(&rowLocalRefuse, func(f *Form) {
			f.Reason, f.Response, f.AnsweredAt = msg.Reason, msg.Response, m.env.Now.Wall
			m.owe(f, false, 0)
		})
	}
	m.answer(f.ownDone())
}

// unconfirmed tells once that the callee never learnt that it was accepted, or
// forgot it.
func (m *Machine) unconfirmed(r *Row) {
	if !m.form.Told {
		m.takeWith(r, func(f *Form) { f.Told = true })
	}
}

func (m *Machine) doneAfterEnd(msg protocol.Done) {
	switch {
	case m.form.State == AcceptedByRemote && msg.Outcome != protocol.OutcomeAccepted:
		if m.form.Owes || msg.Outcome != protocol.OutcomeUnknown {
			m.unconfirmed(&rowUnconfirmed)
		}
	case m.form.State == Canceled && msg.Outcome == protocol.OutcomeUnknown:
		return // it answers an Invite that a Cancel follows
	}
	m.discharge()
}

func (m *Machine) doneWhileLive(msg protocol.Done) {
	wall := m.env.Now.Wall
	switch msg.Outcome {
	case protocol.OutcomeUnknown:
		if m.form.Known {
			m.form.Known = false
			m.sayOwed()
		}
	case protocol.OutcomeAccepted:
		m.takeWith(&rowDoneAccepted, func(f *Form) {
			f.Response, f.AnsweredAt = msg.Response, wall
			m.owe(f, false, 0)
		})
	case protocol.OutcomeRefused:
		m.takeWith(&rowDoneRefused, func(f *Form) {
			f.Reason, f.Response, f.AnsweredAt = msg.Reason, msg.Response, wall
			m.owe(f, false, 0)
		})
	case protocol.OutcomeCanceled:
		m.takeWith(&rowDoneCanceled, func(f *Form) {
			f.Reason = msg.Reason
			m.owe(f, false, 0)
		})
	default:
		m.takeWith(&rowDoneFailure, func(f *Form) {
			f.Failure = localFailure(msg.Failure)
			m.owe(f, false, 0)
		})
	}
}

// localFailure is the callee's failure as the caller's app is told it. The
// callee cannot know that this device is logged out.
func localFailure(e protocol.Failure) protocol.Failure {
	switch e {
	case protocol.PeerNoResponse, protocol.InvitationExpire:
		return e
	}
	return protocol.PeerOffline
}
