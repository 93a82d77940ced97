package invitation

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// rhythm is when an unanswered message is said again within a session.
type rhythm struct {
	at    protocol.Instant // next repeat; 0: none
	gap   time.Duration
	start protocol.Instant // the minute of short gaps after an end runs from here
}

func (r *rhythm) reset(now protocol.Instant) { *r = rhythm{start: now} }

// owed is what the form must say, as a function of its journalled state, and
// whether it is repeated until it is answered (the answers are not: they are
// said once a session and in reply to a repeat).
func (m *Machine) owed() (msg protocol.Message, repeated bool) {
	f := &m.form
	if f.Kind == KindLocal {
		switch {
		case f.State == Idle:
			return nil, false
		case f.Canceling || f.State == Canceled && f.Owes:
			return protocol.Cancel{ID: f.ID, Reason: f.Reason}, true
		case m.parked():
			return nil, false // the bid says it all
		case f.State == SentToRemote:
			return m.invite(), true
		case f.State == ReceivedByRemote:
			return m.invite(), false
		case f.State == AcceptedByRemote && f.Owes:
			return protocol.Confirm{ID: f.ID}, true
		}
	} else {
		switch f.State {
		case Held, InvitationReceived:
			return m.stateMessage(), false
		case AcceptSentToLocal:
			return m.stateMessage(), true
		case Refused:
			if f.Owes {
				return protocol.Refuse{ID: f.ID, Reason: f.Reason, Response: f.Response}, true
			}
		}
	}
	if f.Owes {
		return f.ownDone(), false
	}
	return nil, false
}

// sayOwed says what is owed and begins its rhythm.
func (m *Machine) sayOwed() {
	if !m.env.Link.Writable {
		return
	}
	msg, repeated := m.owed()
	m.answer(msg)
	m.say.at, m.say.gap = 0, 0
	if repeated {
		m.say.gap = protocol.SayEvery
		m.say.at = m.now().Add(m.say.gap)
	}
}

// repeat says again what was not answered in time.
func (m *Machine) repeat() {
	msg, repeated := m.owed()
	if !repeated || !m.env.Link.Writable {
		m.say.at = 0
		return
	}
	if !m.due(m.say.at) {
		return
	}
	m.answer(msg)
	shortly := !m.form.Ended() || m.now().Sub(m.say.start) < protocol.SayEveryFor
	if !shortly || large(msg) {
		m.say.gap = min(2*m.say.gap, protocol.SayAtLeast)
	} else {
		m.say.gap = protocol.SayEvery
	}
	m.say.at = m.now().Add(m.say.gap)
}

// large reports whether a message is repeated sparingly.
func large(msg protocol.Message) bool {
	switch m := msg.(type) {
	case protocol.Invite:
		return len(m.Content) > protocol.SparinglyOver
	case protocol.Accept:
		return len(m.Response) > protocol.SparinglyOver
	case protocol.Refuse:
		return len(m.Response) > protocol.SparinglyOver
	}
	return false
}
