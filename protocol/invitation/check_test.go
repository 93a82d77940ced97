package invitation_test

import (
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var terminal = []invitation.Callback{
	invitation.LocalAccepted, invitation.LocalRefused, invitation.LocalCanceled, invitation.LocalFailure,
	invitation.RemoteAccepted, invitation.RemoteRefused, invitation.RemoteCanceled, invitation.RemoteFailure,
}

// bound is how long a sent invitation may last, of its own side's time.
func (p *plan) bound() time.Duration {
	return p.reach + p.ring + protocol.ConfirmTime + protocol.EndMargin
}

func (p *plan) own(k invitation.Kind) *age {
	if k == invitation.KindLocal {
		return &p.sentAt
	}
	return &p.heldAt
}

// checkStep holds a step to the invariants that one side can see.
func (w *world) checkStep(d *device, i *inst, before, after *invitation.Form, out *invitation.Out) {
	if w.log != nil && before.State != after.State {
		w.logf("%s: %d %s%s", d, i.p.n, after.State, outcome(after))
	}
	if out.Broken != "" {
		w.fail("%s: the machine found itself broken: %s", d, out.Broken)
	}
	if before.Ended() && before.State != after.State {
		w.fail("invariant 1: %s: %s was left for %s", d, before.State, after.State)
	}
	if len(out.Emit) > 0 && !out.Persist {
		w.fail("invariant 5: %s: %s is told and not journalled", d, out.Emit[0].Callback)
	}
	if out.Stray && !w.power {
		w.fail("%s: a message of the right side was taken for a stray in state %s", d, before.State)
	}
	if i.m.Live() {
		bound := i.p.bound()
		if !after.Pair.IsZero() && after.Kind == invitation.KindRemote {
			bound += w.inv[after.Pair[15]].bound() // it lives as long as the own one behind it
		}
		if lived := i.p.own(after.Kind).now(d.now()); lived > bound {
			w.fail("invariant 4: %s: still %s after %v", d, after.State, lived)
		}
		if out.Wake == 0 && (after.Pair.IsZero() || after.Kind == invitation.KindLocal) {
			w.fail("invariant 4: %s: no clock runs in %s", d, after.State)
		}
	}
}

// checkRing is asked when an app is told to ring.
func (w *world) checkRing(d *device, i *inst) {
	f := i.m.Form()
	if i.p.canceledRead && !w.power {
		w.fail("invariant 3: %s rings after a Cancel was read", d)
	}
	if f.Deadline.Sub(d.now().Clock) <= 0 {
		w.fail("invariant 3: %s rings after its time", d)
	}
}

// checkJournals holds both journals to the invariants about what was told and
// about agreement.
func (w *world) checkJournals(p *plan) {
	caller, callee := &w.dev[p.caller].disk.rec[p.n], &w.dev[1-p.caller].disk.rec[p.n]
	for _, r := range []*record{caller, callee} {
		ends, asks, missed := 0, 0, 0
		for at, e := range r.events {
			switch {
			case slices.Contains(terminal, e):
				ends++
			case e == invitation.LocalAcceptUnconfirmed:
				asks++
			case e == invitation.RemoteMissed:
				missed++
			case ends > 0:
				w.fail("invariant 1: %s was told after the end: %v", e, r.events[:at])
			}
		}
		want := 0
		if r.form.Ended() && r.form.State != invitation.Missed {
			want = 1
		}
		// One that gave way to its caller's own call was not missed by anybody.
		if isMissed := r.form.State == invitation.Missed && r.form.MergedWith.IsZero(); isMissed != (missed == 1) || missed > 1 {
			w.fail("invariant 1: remote_invitation_missed was told %d times in state %s", missed, r.form.State)
		}
		if ends != want || asks > 1 {
			w.fail("invariant 1: %d terminal callbacks and %d questions in state %s", ends, asks, r.form.State)
		}
	}
	if w.power {
		return
	}
	if callee.form.State == invitation.Accepted && caller.form.State != invitation.AcceptedByRemote {
		w.fail("invariant 2: the callee is accepted, the caller %s", caller.form.State)
	}
	if callee.form.State == invitation.Canceled && callee.form.Reason != protocol.ReasonSuperseded && caller.form.State != invitation.Canceled && !caller.form.Canceling {
		w.fail("invariant 2: the callee is canceled, the caller %s", caller.form.State)
	}
}

// pair is what both devices have of an invitation; nil: nothing.
func (w *world) pair(p *plan) (caller, callee *invitation.Form) {
	get := func(d *device) *invitation.Form {
		if i := d.insts[p.n]; i != nil {
			f := i.m.Form()
			return &f
		}
		return nil
	}
	return get(w.dev[p.caller]), get(w.dev[1-p.caller])
}

func ended(f *invitation.Form) bool { return f == nil || f.Ended() || f.State == invitation.Idle }

// checkGhosts is asked again and again once the network has healed: one side
// must not go on alone for more than 6 s and the way of a few frames.
func (w *world) checkGhosts() {
	for _, p := range w.inv[1:] {
		ghost := w.ghost(p)
		switch {
		case ghost == "":
			p.aloneSince = 0
		case p.aloneSince == 0:
			p.aloneSince = w.now
		case w.now-p.aloneSince > protocol.SessionSilence+2*time.Second:
			w.fail("invariant 3: a ghost %s", ghost)
		}
	}
}

func (w *world) ghost(p *plan) string {
	caller, callee := w.pair(p)
	switch {
	case w.power && state(caller) == invitation.AcceptedByRemote:
		// the callee forgot that it accepted, and may do it again
	case state(callee) == invitation.InvitationReceived && ended(caller):
		return "ring: the caller is " + string(state(caller))
	case state(caller) == invitation.ReceivedByRemote && !caller.Canceling && ended(callee):
		return "wait: the callee is " + string(state(callee))
	}
	return ""
}

func state(f *invitation.Form) invitation.State {
	if f == nil {
		return "unknown"
	}
	return f.State
}

// checkEnd is asked when everything should be over.
func (w *world) checkEnd(liveOnly bool) {
	for _, d := range w.dev {
		for _, i := range d.insts {
			if i == nil {
				continue
			}
			f := i.m.Form()
			if i.m.Live() {
				w.fail("invariant 4: %s: %d is %s for ever", d, i.p.n, f.State)
			}
			if !liveOnly && i.m.Owes() {
				w.fail("invariant 7: %s: %d owes for ever in %s", d, i.p.n, f.State)
			}
		}
	}
	for _, p := range w.inv[1:] {
		if !liveOnly {
			w.checkAgreement(p)
		}
	}
}

// checkAgreement: both sides ended alike, or the difference was told.
func (w *world) checkAgreement(p *plan) {
	caller, callee := w.pair(p)
	a, b := state(caller), state(callee)
	if w.power {
		return
	}
	bad := false
	switch a {
	case invitation.AcceptedByRemote:
		bad = b != invitation.Accepted && !caller.Told
	case invitation.RefusedByRemote:
		bad = b != invitation.Refused
	case invitation.Failed:
		bad = b == invitation.Accepted || b == invitation.Canceled && callee.Reason != protocol.ReasonSuperseded
	case invitation.Canceled:
		bad = b == invitation.Accepted
	default:
		bad = b != "unknown"
	}
	if bad {
		w.fail("a silent disagreement about %d: %s, %s", p.n, a, b)
	}
}
