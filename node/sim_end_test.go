package node

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// ends returns what both sides have of a call; the zero form stands for nothing.
func (c *simCall) ends() (caller, callee *simForm) {
	return c.caller.book.form(c.made), c.callee.book.form(c.made)
}

func simOver(f *invitation.Form) bool {
	return f.State == "" || f.State == invitation.Idle || f.Ended()
}

// checkGhosts is asked again and again in peace: one side must not go on alone.
func (w *simWorld) checkGhosts() {
	for _, c := range w.calls {
		if c.made.IsZero() || w.now < max(c.caller.asleep, c.callee.asleep) {
			continue
		}
		a, b := c.ends()
		ghost := ""
		switch {
		case c.forgotten() && a.form.State == invitation.AcceptedByRemote:
			// the callee forgot that it accepted, and may do it again
		case b.form.State == invitation.InvitationReceived && simOver(&a.form):
			ghost = "ring: the caller is " + string(a.form.State)
		case a.form.State == invitation.ReceivedByRemote && !a.form.Canceling && simOver(&b.form):
			ghost = "wait: the callee is " + string(b.form.State)
		}
		switch {
		case ghost == "":
			c.alone = 0
		case c.alone == 0:
			c.alone = w.now
		case w.now-c.alone > protocol.SessionSilence+2*time.Second:
			w.fail("invariant 3: call %d is a ghost %s", c.n, ghost)
		}
	}
}

// checkWaiting: 45 s after the trouble every request of an app was answered.
func (w *simWorld) checkWaiting() {
	for _, c := range w.calls {
		if !c.create.done && c.create.tries > 0 {
			w.fail("liveness: the request for call %d has no answer", c.n)
		}
	}
}

// checkOver: everything has ended.
func (w *simWorld) checkOver() {
	for _, d := range w.devices {
		for _, id := range d.book.ids() {
			f := &d.book.forms[id].form
			if !simOver(f) {
				w.fail("invariant 4: %s: %s is still %s", d, w.call(id), f.State)
			}
		}
	}
}

// checkQuiet: nothing is owed any more, nothing is in memory, and nobody says
// anything.
func (w *simWorld) checkQuiet() {
	before := w.frames
	w.run(w.now + 5*time.Minute)
	if w.frames != before {
		w.fail("invariant 7: %d frames were said in five minutes in which there was nothing to say", w.frames-before)
	}
	if quiet := w.now - w.lastMsg; quiet < 10*time.Minute {
		w.fail("invariant 7: something was said about an invitation %v ago", quiet)
	}
	for _, d := range w.devices {
		for _, e := range all(d.sb.entries) {
			if f := e.machine.Form(); f.State != invitation.Idle {
				w.fail("invariant 7: %s: %s stays in memory, %s", d, w.call(f.ID), simState(&f))
			}
		}
		idle := 0
		for _, e := range d.sb.entries {
			if e.machine.Form().State == invitation.Idle {
				idle++
			}
		}
		if idle > 0 && (w.story.idle || w.story.long) {
			w.fail("invariant 4: %s: %d idle invitations after more than a day", d, idle)
		}
		if len(d.streams) > 0 || len(d.sb.peers) > idle || d.sb.locals != idle || d.sb.remotes+d.sb.bids != 0 {
			w.fail("invariant 7: %s: %d sessions, %d peers, %d calls out and %d in are left", d, len(d.streams), len(d.sb.peers), d.sb.locals, d.sb.remotes)
		}
	}
}

// checkAgreement: both sides' histories agree, or the difference was told.
func (w *simWorld) checkAgreement() {
	for _, d := range w.devices {
		d.book.checkHistory()
	}
	w.checkMerged()
	for _, c := range w.calls {
		if c.made.IsZero() {
			continue
		}
		caller, callee := c.ends()
		a, b := &caller.form, &callee.form
		w.pairs[fmt.Sprintf("%s%s%s | %s%s%s", a.State, simWord(a.Failure), simWord(a.Reason), b.State, simWord(b.Failure), simWord(b.Reason))]++
		if c.forgotten() {
			continue
		}
		bad := false
		switch a.State {
		case invitation.AcceptedByRemote:
			bad = b.State != invitation.Accepted && caller.asks == 0 || b.State == invitation.Accepted && a.Response != b.Response
		case invitation.RefusedByRemote:
			bad = b.State != invitation.Refused || a.Response != b.Response || a.Reason != b.Reason
		case invitation.Failed:
			bad = b.State == invitation.Accepted || b.State == invitation.Canceled && b.MergedWith.IsZero()
		case invitation.Canceled:
			bad = b.State == invitation.Accepted
		default:
			bad = b.State != ""
		}
		if bad {
			w.fail("agreement: call %d is %s at its caller and %s at its callee, and nobody was told", c.n, simState(a), simState(b))
		}
	}
}

func simWord[T ~string](s T) string {
	if s == "" {
		return ""
	}
	return " " + string(s)
}

// checkHistory holds the history that apps see to the callbacks that they were told.
func (b *simBook) checkHistory() {
	views, _, err := b.d.journal.List(journal.Query{Limit: 500})
	if err != nil {
		b.fail("the history cannot be read: %v", err)
	}
	listed := map[protocol.ID]invitation.View{}
	for _, v := range views {
		listed[v.ID] = v
	}
	for _, id := range b.ids() {
		f := b.forms[id]
		call := b.d.w.byID[id]
		if f.form.State == "" || call != nil && call.discarded && call.caller == b.d {
			continue
		}
		v, ok := listed[id]
		if !ok || v.State != f.form.State || v.Response != f.form.Response || v.Content != f.form.Content {
			b.fail("history: %s is %q and the journal has %s", b.d.w.call(id), v.State, f.form.State)
		}
		want := 1
		if f.form.State == invitation.Missed || f.form.State == invitation.Idle {
			want = 0
		}
		if missed := f.form.State == invitation.Missed && f.form.MergedWith.IsZero(); missed != (f.missed > 0) && b.powers == 0 {
			b.fail("invariant 8: %s is %s and was told %d times to be missed", b.d.w.call(id), f.form.State, f.missed)
		}
		if f.ends > 1 || f.everEnds < want || want == 0 && f.everEnds > 0 && b.powers == 0 {
			b.fail("invariant 1: %s is %s and has %d terminal callbacks", b.d.w.call(id), f.form.State, f.everEnds)
		}
	}
	if len(b.d.sb.entries) == 0 && b.d.sb.timers.next() != 0 && len(b.d.sb.peers) == 0 {
		b.fail("a timer runs for nobody")
	}
}
