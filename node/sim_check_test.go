package node

import (
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// reloadAll compares the forms with what they were before the process died.
func (b *simBook) reloadAll() {
	for _, id := range b.ids() {
		f := b.forms[id]
		if f.form.State == "" {
			continue
		}
		now, found, err := b.d.journal.Load(id)
		if err != nil {
			b.fail("a form cannot be read after a start: %v", err)
		}
		if call := b.d.w.byID[id]; found || call == nil || !call.discarded || call.caller != b.d {
			b.checkKept(id, f, &now, found)
		}
		if !found {
			f.form, f.age, f.versions = invitation.Form{}, simAge{}, nil
			continue
		}
		f.form = now
		if now.State == invitation.Idle { // a power cut took the sending
			f.age = simAge{}
		}
		stamp := b.d.stamp()
		if f.age.running {
			passed := stamp.Clock.Sub(f.age.saved.Clock)
			if f.age.saved.BootID != stamp.BootID {
				passed = max(stamp.Wall.Sub(f.age.saved.Wall), 0)
			}
			f.age.base, f.age.from = f.age.atSaved+passed, stamp.Clock
		}
	}
}

// checkKept: all of it survives the death of the process, and what is older than
// a second a power cut.
func (b *simBook) checkKept(id protocol.ID, f *simForm, now *invitation.Form, found bool) {
	first := len(f.versions) - 1
	if b.unclean {
		first = 0
		for i, v := range f.versions {
			if v.awake <= b.cut-time.Second {
				first = i
			}
		}
		if !found && f.versions[0].awake > b.cut-time.Second {
			return
		}
	}
	what := "nothing"
	if found {
		what = simKey(now)
	}
	for i := len(f.versions) - 1; i >= first; i-- {
		if f.versions[i].what == what {
			f.versions = f.versions[:i+1]
			f.age.saved, f.age.atSaved = f.versions[i].saved, f.versions[i].atSaved
			return
		}
	}
	b.fail("durability: %s is %s after a start and was %s", b.d.w.call(id), what, f.versions[len(f.versions)-1].what)
}

// ids are those of the forms, in an order that the seed decides.
func (b *simBook) ids() []protocol.ID {
	ids := make([]protocol.ID, 0, len(b.forms))
	for id := range b.forms {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, protocol.ID.Compare)
	return ids
}

func (b *simBook) stopped() {
	b.dirty, b.cancel = nil, nil
	b.trouble()
}

// trouble notes that something goes wrong with the device.
func (b *simBook) trouble() { b.stable = b.d.w.now }

// forgets reports whether keys and tombstones may be gone before their time: by a
// power cut, or because another boot has to believe a wall clock that was set.
func (b *simBook) forgets() bool { return b.powers > 0 || b.clockLost }

func (b *simBook) powerCut() {
	b.powers++
	b.cut, b.unclean = b.d.awake(), true
}

// checkForm holds a change of a form to the rules.
func (b *simBook) checkForm(id protocol.ID, f *simForm, was *invitation.Form) {
	w, now := b.d.w, &f.form
	if was.Ended() && was.State != now.State {
		b.fail("invariant 1: %s was %s and is %s", w.call(id), was.State, now.State)
	}
	call := w.byID[id]
	if call == nil || now.Kind == invitation.KindLocal || call.forgotten() {
		return
	}
	caller := call.caller.book.form(id).form
	switch {
	case now.State == invitation.Accepted && caller.State != invitation.AcceptedByRemote:
		b.fail("invariant 2: %s is accepted and its caller is %s", w.call(id), caller.State)
	case now.State == invitation.Canceled && !now.MergedWith.IsZero(): // checkPairs knows why
	case now.State == invitation.Canceled && caller.State != invitation.Canceled && !caller.Canceling:
		b.fail("invariant 2: %s is canceled and its caller is %s", w.call(id), caller.State)
	}
}

// checkRing is asked when an app is to be told of an invitation.
func (b *simBook) checkRing(e journal.Event, f *simForm) {
	w, call := b.d.w, b.d.w.byID[e.View.ID]
	if f.canceled && !b.forgets() {
		b.fail("invariant 3: %s rings after its Cancel was read", w.call(e.View.ID))
	}
	if e.View.Left <= 0 {
		b.fail("invariant 3: %s rings after its time", w.call(e.View.ID))
	}
	if call != nil && w.now-b.heard[call.caller] > protocol.CallerLost+100*time.Millisecond {
		b.fail("invariant 3: %s rings %v after its caller was heard", w.call(e.View.ID), w.now-b.heard[call.caller])
	}
}

// checkReceived: the caller is told only of what an app of the callee was handed.
func (b *simBook) checkReceived(f invitation.Form) {
	callee := b.d.w.device(f.Callee)
	if !callee.book.form(f.ID).handed {
		b.fail("%s is told to be received by the peer, and no counting app of it has it", b.d.w.call(f.ID))
	}
}

// says holds what goes out to what is journalled.
func (b *simBook) says(s *simStream, batch []byte) {
	w := b.d.w
	for _, frame := range simFrames(batch) {
		w.frames++
		m, ok := frame.(protocol.Message)
		if !ok {
			continue
		}
		w.lastMsg = w.now
		w.tracef("%s: says %s to %s on %s", b.d, simMessage(w, m), s.conn.remote, s)
		call := w.byID[m.Invitation()]
		if call == nil || b.d != call.caller && b.d != call.callee {
			continue // forged, or about what is forged
		}
		book := b.form(m.Invitation())
		f := &book.form
		good := f.State != ""
		switch m := m.(type) {
		case protocol.Invite:
			// What is parked is not said, unless it was said before in that turn.
			good = good && f.State != invitation.Idle && (f.Pair.IsZero() || book.parked == w.now)
		case protocol.Received:
			good = good && f.HandedOver
		case protocol.Accept:
			good = good && !f.AnsweredAt.IsZero()
		case protocol.Confirm:
			good = good && f.State == invitation.AcceptedByRemote
		case protocol.Refuse:
			good = good && f.State == invitation.Refused
		case protocol.Cancel:
			good = good && (f.Canceling || f.State == invitation.Canceled)
		case protocol.Done:
			good = m.Outcome == protocol.OutcomeUnknown || f.State == "" || f.Ended()
		}
		if !good {
			b.fail("invariant 5: says %s and the journal has %s", simMessage(w, m), simState(f))
		}
	}
}

// watch is asked now and then about what must not last.
func (b *simBook) watch() {
	d, w := b.d, b.d.w
	if !d.up || w.now < d.asleep || w.now < b.stable+3*time.Second || w.now < d.diskBad {
		return
	}
	for _, a := range d.apps {
		if e := a.missing(); e != nil {
			b.fail("%s: event %d, %s, is not brought to it", a, e.Seq, e.Type)
		}
	}
	for _, id := range b.ids() {
		f := b.forms[id]
		if f.form.State == "" || f.form.State == invitation.Idle || f.form.Ended() {
			continue
		}
		// A bid for a call that merges lives as long as the own one behind it.
		tied := !f.form.Pair.IsZero() && f.form.Kind == invitation.KindRemote
		bound := f.form.Reach + f.form.Ring + protocol.ConfirmTime + protocol.EndMargin
		if lived := f.age.now(d.stamp()); lived > bound && !tied {
			b.fail("invariant 4: %s is still %s after %v", w.call(id), f.form.State, lived)
		}
		call := w.byID[id]
		if call == nil {
			continue
		}
		switch f.form.State {
		case invitation.InvitationReceived, invitation.AcceptSentToLocal:
			if since := w.now - max(b.heard[call.caller], d.lifeFrom); since > protocol.CallerLost+500*time.Millisecond && !tied {
				b.fail("invariant 3: %s is %s %v after its caller was heard", w.call(id), f.form.State, since)
			}
		case invitation.SentToRemote:
			there := call.callee.book.form(id).form.State != ""
			quiet := min(w.quiet(call), w.now-f.free)
			if quiet > simPatience && f.age.now(d.stamp()) > simPatience && !there && !f.form.Canceling && f.form.Pair.IsZero() {
				b.fail("liveness: %s has not arrived in %v of a network without trouble", w.call(id), quiet)
			}
		}
	}
}

// simPatience is how long what is owed may take to arrive where nothing is in
// its way: a session that is dead without a word is noticed after 6 s, and then
// two attempts at the slowest rhythm must do.
const simPatience = protocol.SessionSilence + 2*dialAttempt + 6*time.Second

// quiet is how long nothing has gone wrong between the two devices of a call.
func (w *simWorld) quiet(c *simCall) time.Duration {
	if !c.caller.well() || !c.callee.well() {
		return 0
	}
	since := max(c.caller.book.stable, c.callee.book.stable, w.link(c.caller, c.callee).cut, w.link(c.callee, c.caller).cut)
	return w.now - since
}

// well reports whether a device is on the network.
func (d *simDevice) well() bool {
	return d.up && d.w.now >= d.asleep && d.w.now >= d.diskBad && d.transport != nil && !d.leaving && d.sb.online
}
