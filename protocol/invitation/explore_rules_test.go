package invitation

import (
	"fmt"

	"github.com/beckon-p2p/beckon/protocol"
)

// fail notes the first rule that did not hold.
func (x *explorer) fail(format string, args ...any) {
	if x.broken == "" {
		x.broken = fmt.Sprintf(format, args...)
	}
}

var ends = map[Callback]bool{
	LocalAccepted: true, LocalRefused: true, LocalCanceled: true, LocalFailure: true,
	RemoteAccepted: true, RemoteRefused: true, RemoteCanceled: true, RemoteFailure: true,
}

// checkStep holds one step of one form to the rules.
func (x *explorer) checkStep(s *stage, m *Machine, was Form, out Out) {
	f := &m.form
	told := 0
	for _, e := range out.Emit {
		if ends[e.Callback] {
			told++
		}
		if e.Callback == RemoteReceived {
			x.checkRing(s, m)
		}
	}
	want := 0
	if f.Ended() && !was.Ended() && f.State != Missed {
		want = 1
	}
	switch {
	case out.Broken != "":
		x.fail("%s", out.Broken)
	case was.Ended() && was.State != f.State:
		x.fail("invariant 1: %s was left for %s", was.State, f.State)
	case told != want:
		x.fail("invariant 1: %d ends told from %s to %s", told, was.State, f.State)
	case len(out.Emit) > 0 && !out.Persist:
		x.fail("invariant 5: told and not journalled")
	}
	for _, r := range out.Rows {
		x.rows[string(f.Kind)+" "+r.Name]++
	}
}

// checkPair: what was parked ends by the other one's end, its own user and its
// own clocks alone, and nothing is said of it; and only the lowest pair.
func (x *explorer) checkPair(s *stage, m *Machine, was Form, in Input, out Out) {
	f := &m.form
	_, read := in.(Recv)
	if read && f.Kind == KindLocal && !was.Pair.IsZero() && f.Ended() && f.State != AcceptedByRemote {
		x.fail("%d, which is parked, became %s by a word about it", planOf(f.ID), f.State)
	}
	for _, msg := range out.Send {
		if _, invite := msg.(protocol.Invite); invite && !f.Pair.IsZero() {
			x.fail("%d, which is parked, is said", planOf(f.ID))
		}
	}
	if was.Pair.IsZero() && !f.Pair.IsZero() && was.State != Idle && s.lowestOpen(f.Kind) != m {
		x.fail("%d pairs and is not the lowest", planOf(f.ID))
	}
}

// checkRing: a form begins to ring only if no own invitation makes a pair with it.
func (x *explorer) checkRing(s *stage, m *Machine) {
	if m.form.Glare != protocol.GlareMerge {
		return
	}
	for _, o := range s.ms {
		if o != nil && o.form.State == AcceptedByRemote && o.form.MergedWith == m.form.ID {
			x.fail("%d rings after it gave way", planOf(m.form.ID))
		}
	}
	own, other := s.lowestOpen(KindLocal), s.lowestOpen(KindRemote)
	if own == nil {
		return
	}
	if own.form.ID.Compare(m.form.ID) < 0 || other == m && own.form.Pair.IsZero() {
		x.fail("%d begins to ring beside the own %d", planOf(m.form.ID), planOf(own.form.ID))
	}
}

// lowestOpen is the lowest form of a kind that merges and can be answered.
func (s *stage) lowestOpen(k Kind) *Machine {
	for _, m := range s.ms {
		if m != nil && m.form.Kind == k && m.form.Glare == protocol.GlareMerge && m.form.standing() == open {
			return m
		}
	}
	return nil
}

// checkDevice holds what is journalled together to the rules.
func (x *explorer) checkDevice(s *stage, a act) {
	l, r := s.lowestOpen(KindLocal), s.lowestOpen(KindRemote)
	if l != nil && r != nil && r.form.State != AcceptSentToLocal && l.form.Pair.IsZero() && r.form.Pair.IsZero() && r.form.ID.Compare(l.form.ID) < 0 {
		x.fail("after %v: the lowest of each side, %d and %d, did not pair", a, planOf(l.form.ID), planOf(r.form.ID))
	}
	for n, m := range s.ms {
		if m == nil {
			continue
		}
		f := &m.form
		if f.State == Held && s.dev != x.noApp && f.Glare == protocol.GlareMerge && (l == nil || l.form.ID.Compare(f.ID) > 0) {
			x.fail("after %v: %d is held, and nothing goes before it", a, n)
		}
		if !f.Pair.IsZero() {
			o := s.ms[planOf(f.Pair)]
			if o == nil || o.form.Pair != f.ID || o.form.Kind == f.Kind || f.standing() != open || f.Glare != protocol.GlareMerge {
				x.fail("after %v: %d is tied to nothing", a, n)
			}
			if f.Kind == KindRemote && f.State != AcceptSentToLocal {
				x.fail("after %v: %d is tied and no bid", a, n)
			}
		}
		if f.Reason == protocol.ReasonSuperseded && f.Ended() && !f.MergedWith.IsZero() {
			o := s.ms[planOf(f.MergedWith)]
			if o == nil || o.form.State != Accepted && o.form.State != AcceptedByRemote || o.form.Kind == f.Kind {
				x.fail("after %v: %d is superseded by %d, which is not accepted", a, n, planOf(f.MergedWith))
			}
		}
	}
}

// checkGlobal holds both devices to the rules about agreement.
func (x *explorer) checkGlobal(g globalState) {
	both := 0
	for n, p := range x.plans {
		caller, callee := x.form(g, p.caller, n), x.form(g, 1-p.caller, n)
		if callee.State == Accepted && caller.State != AcceptedByRemote {
			x.fail("invariant 2: %d: the callee is accepted, the caller %s", n, caller.State)
		}
		if callee.State == Canceled && callee.Reason != protocol.ReasonSuperseded && caller.State != Canceled && !caller.Canceling {
			x.fail("invariant 2: %d: the callee is canceled, the caller %s", n, caller.State)
		}
		if caller.State == AcceptedByRemote && callee.Ended() && callee.Reason == protocol.ReasonSuperseded && !x.gaveUp(g, p.caller, callee.MergedWith) {
			x.fail("%d: accepted by a bid that its daemon let give way", n)
		}
		if callee.State == InvitationReceived && caller.standing() == open && p.glare == protocol.GlareMerge {
			both |= 1 << p.caller
		}
	}
	if both == 3 && len(x.plans) == 2 {
		x.fail("both ring at once")
	}
}

// gaveUp reports whether a daemon ended its own bid for the other one of a pair
// before it heard of it; that is told, as whenever a bid ends too early.
func (x *explorer) gaveUp(g globalState, dev int, other protocol.ID) bool {
	s := x.form(g, dev, planOf(other)).State
	return s == Refused || s == Failed
}

func (x *explorer) form(g globalState, dev, n int) *Form {
	return &x.machines[g.dev[dev].forms[n]].form
}

// fair lets the network work and nobody do anything more: everything must come
// to its end, and to the same end on both sides, or the difference is told. It
// returns what is wrong.
func (x *explorer) fair(g globalState) string {
	if wrong, ok := x.fairs[g.dev]; ok {
		return wrong
	}
	d := g.dev
	for round := 0; round < 20 && x.exchange(&d); round++ {
	}
	wrong := ""
	for n := range x.plans {
		for dev := range d {
			f := &x.machines[d[dev].forms[n]].form
			if f.State != "" && (!f.Ended() || f.Owes) {
				wrong = fmt.Sprintf("%d does not end at %s: %s, owes %v", n, peers[dev], f.State, f.Owes)
			}
		}
		wrong += x.disagree(globalState{dev: d}, n)
	}
	x.fairs[g.dev] = wrong
	return wrong
}

// exchange lets both say what they owe and read what the other says, and the
// first clock that runs then be over. It reports whether anything changed.
func (x *explorer) exchange(d *[2]deviceState) bool {
	was := *d
	var queue []int
	run := func(dev int, a act) {
		after := x.do(dev, d[dev], a)
		d[dev] = after.state
		queue = append(queue, after.said...)
	}
	run(0, act{"say again", 0})
	run(1, act{"say again", 0})
	for i := 0; i < len(queue); i++ {
		if i > 500 {
			x.fail("invariant 7: they talk for ever")
			return false
		}
		run(x.messages[queue[i]].to, act{"read", queue[i]})
	}
	for n := range x.plans {
		for dev := range d {
			run(dev, act{"done read", n})
		}
	}
	if *d != was {
		return true
	}
	for n := range x.plans {
		for dev := range d {
			if run(dev, act{"time", n}); *d != was {
				return true
			}
		}
	}
	return false
}

// disagree says what both sides think differently of an invitation without
// having been told.
func (x *explorer) disagree(g globalState, n int) string {
	p := x.plans[n]
	caller, callee := x.form(g, p.caller, n), x.form(g, 1-p.caller, n)
	bad := false
	switch caller.State {
	case AcceptedByRemote:
		bad = callee.State != Accepted && !caller.Told
	case RefusedByRemote:
		bad = callee.State != Refused
	case Failed:
		// What gave way ended by the word about the other one.
		bad = callee.State == Accepted || callee.State == Canceled && callee.Reason != protocol.ReasonSuperseded
	case Canceled:
		bad = callee.State == Accepted
	}
	if !caller.MergedWith.IsZero() && caller.State == AcceptedByRemote && callee.State == Accepted {
		for dev := range g.dev {
			if o := x.form(g, dev, planOf(caller.MergedWith)); o.State == Accepted {
				return fmt.Sprintf(" %d and what merged with it are both accepted", n)
			}
		}
	}
	if bad {
		return fmt.Sprintf(" a silent disagreement about %d: %s, %s", n, caller.State, callee.State)
	}
	return ""
}
