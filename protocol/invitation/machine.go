package invitation

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// Machine is one form and the volatile knowledge about it. It is not safe for
// concurrent use.
type Machine struct {
	form Form

	born    protocol.Instant // when this process came to know the form
	since   protocol.Instant // when the state was entered, as far as this process knows
	written bool             // local: an Invite was written to a session, or may have been
	leaving protocol.Instant // remote: until when a bid waits while the daemon logs out; 0: it does not
	say     rhythm

	out *Out // of the running step
	env *Env
}

// NewLocal makes the caller's form in state idle. The fields of f must have
// been checked.
func NewLocal(env Env, f Form) (*Machine, Out) {
	f.Kind, f.State, f.CreatedAt = KindLocal, "", env.Now.Wall
	m := &Machine{form: f, born: env.Now.Clock}
	return m, m.run(env, func() error {
		m.take(&rowCreate)
		m.form.Deadline = env.Now.Clock.Add(protocol.IdleTime)
		return nil
	})
}

// NewRemote makes the callee's form of an Invite from a peer. An Invite that is
// Known has no content to make a form of and must be answered with
// Done(unknown) instead.
func NewRemote(env Env, caller, callee protocol.PeerID, inv protocol.Invite) (*Machine, Out) {
	m := &Machine{born: env.Now.Clock, form: Form{
		Kind: KindRemote, ID: inv.ID, Caller: caller, Callee: callee,
		App: inv.App, ChannelID: inv.ChannelID, Content: inv.Content, Glare: inv.Glare,
		Reach: inv.ReachLeft, Ring: min(inv.Ring, protocol.RingCap),
		CreatedAt: env.Now.Wall,
	}}
	return m, m.run(env, func() error {
		m.take(&rowInvite)
		m.form.Deadline = env.Now.Clock.Add(inv.ReachLeft)
		if m.remoteOverdue() {
			return nil
		}
		m.ringIfPossible()
		if m.form.State == Held { // else Received follows at once, and says more
			m.answer(m.stateMessage())
		}
		return nil
	})
}

// Restore makes the machine of a journalled form after a restart. The form must
// have been moved to the clocks of now (Form.Rebase). The first step should be
// a Wake.
func Restore(now Stamp, f Form) *Machine {
	return &Machine{form: f, born: now.Clock, since: now.Clock, written: f.Kind == KindLocal && f.State != Idle}
}

// Form returns a snapshot of the form.
func (m *Machine) Form() Form { return m.form }

// ID returns the form's id.
func (m *Machine) ID() protocol.ID { return m.form.ID }

// Live reports whether the form needs a session: it is neither idle nor ended.
func (m *Machine) Live() bool { return !m.form.Ended() && m.form.State != Idle }

// Owes reports whether the form has ended and the other side must still be
// told, or asked.
func (m *Machine) Owes() bool { return m.form.Owes }

// Step takes one input. Clocks that are over fire first. The error is that of
// a verb, a *protocol.Error; then the input has changed nothing.
func (m *Machine) Step(env Env, in Input) (Out, error) {
	var err error
	out := m.run(env, func() error {
		m.overdue()
		if m.form.Kind == KindLocal {
			err = m.stepLocal(in)
		} else {
			err = m.stepRemote(in)
		}
		return err
	})
	return out, err
}

func (m *Machine) run(env Env, f func() error) (out Out) {
	m.out, m.env = &out, &env
	if env.Link.Path != PathNone {
		m.form.Path = env.Link.Path
	}
	if !env.GlareWith.IsZero() {
		m.cross(env.GlareWith)
	}
	f()
	m.repeat()
	out.Wake = m.wake()
	m.out, m.env = nil, nil
	return out
}

func (m *Machine) now() protocol.Instant { return m.env.Now.Clock }

// due reports whether the moment has come.
func (m *Machine) due(at protocol.Instant) bool { return at != 0 && m.now() >= at }

// take moves the form along a row of its table, journals it and tells the apps
// what the row says.
func (m *Machine) take(r *Row) { m.takeWith(r, nil) }

// takeWith does the same and applies change to the form before its snapshot is
// taken for the callback.
func (m *Machine) takeWith(r *Row, change func(f *Form)) {
	f := &m.form
	if !r.from(f) {
		m.out.Broken = "row " + r.Name + " taken from " + string(f.State)
		return
	}
	if r.To != "" && r.To != f.State {
		f.State = r.To
		m.since = m.now()
		m.say.reset(m.now())
	}
	if change != nil {
		change(f)
	}
	if f.Ended() && f.EndedAt.IsZero() {
		f.EndedAt = m.env.Now.Wall
		f.Canceling = false
		if f.State == Missed {
			f.missed(r)
		}
	}
	if f.Ended() || f.Canceling {
		f.Pair = protocol.ID{}
	}
	m.out.Persist = true
	m.out.Rows = append(m.out.Rows, r)
	if r.Callback != "" {
		m.out.Emit = append(m.out.Emit, Event{r.Callback, *f})
	}
}

// owe says whether the ended form must still tell the other side, and how long.
func (m *Machine) owe(f *Form, owes bool, long time.Duration) {
	f.Owes, f.Deadline = owes, 0
	if owes {
		f.Deadline = m.now().Add(long)
	}
}

// sentBound is how long after its end a form still owes what is no decision.
func (f *Form) sentBound() time.Duration {
	return f.Reach + f.Ring + protocol.ConfirmTime + protocol.EndMargin
}

// discharge notes that the other side knows the end.
func (m *Machine) discharge() {
	if m.form.Owes {
		m.form.Owes, m.form.Deadline = false, 0
		m.out.Persist = true
	}
}

// overdue fires the clock that is over, if one is.
func (m *Machine) overdue() {
	switch {
	case m.form.Ended():
		if m.form.Owes && m.due(m.form.Deadline) {
			if m.form.State == AcceptedByRemote {
				m.unconfirmed(&rowUnconfirmedOld)
			}
			m.discharge()
		}
	case m.form.Kind == KindLocal:
		m.localOverdue()
	default:
		m.remoteOverdue()
	}
}

// wake returns the next moment at which something may be due.
func (m *Machine) wake() protocol.Instant {
	next := m.form.Deadline
	if m.form.State == AcceptSentToLocal && next != 0 {
		next = next.Add(protocol.ConfirmTime)
	}
	earlier := func(at protocol.Instant) {
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	earlier(m.say.at)
	if m.form.Kind == KindRemote {
		earlier(m.lostAt())
		earlier(m.confirmAt())
		earlier(m.leaving)
	}
	return next
}

// answer sends a message now, if there is a session to write it on.
func (m *Machine) answer(msg protocol.Message) {
	if msg == nil || !m.env.Link.Writable {
		return
	}
	if _, ok := msg.(protocol.Invite); ok {
		m.written = true
	}
	m.out.Send = append(m.out.Send, msg)
}

// ownDone is the Done that tells this form's own outcome.
func (f *Form) ownDone() protocol.Done {
	d := protocol.Done{ID: f.ID}
	switch f.State {
	case AcceptedByRemote, Accepted:
		d.Outcome, d.Response = protocol.OutcomeAccepted, f.Response
	case RefusedByRemote, Refused:
		d.Outcome, d.Reason, d.Response = protocol.OutcomeRefused, f.Reason, f.Response
	case Canceled:
		d.Outcome, d.Reason = protocol.OutcomeCanceled, f.Reason
	case Missed:
		d.Outcome, d.Failure = protocol.OutcomeFailure, protocol.PeerNoResponse
	default:
		d.Outcome, d.Failure = protocol.OutcomeFailure, f.Failure
	}
	return d
}
