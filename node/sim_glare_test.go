package node

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crossing plans pairs of devices that call each other within the same moments,
// and returns when the trouble about them is to end.
func (w *simWorld) crossing() (end time.Duration) {
	for n := range w.story.glare {
		a := w.devices[w.rand.IntN(len(w.devices))]
		b := w.other(a)
		at := w.between(time.Second, 12*time.Second)
		apart := simPick(w, time.Millisecond, 30*time.Millisecond, 300*time.Millisecond, 4*time.Second)
		app := simPick(w, DefaultApp, DefaultApp, DefaultApp, "board")
		for range simPick(w, 2, 2, 2, 2, 2, 3, 4) {
			r := CreateRequest{
				App: app, ChannelID: fmt.Sprint("room for both ", n),
				Glare: simPick(w, "merge", "merge", "merge", "merge", "merge", "merge", "independent", ""),
				Reach: simPick(w, time.Second, 5*time.Second, 12*time.Second, 30*time.Second),
				Ring:  simPick(w, 2*time.Second, 5*time.Second, 30*time.Second),
				Hold:  w.chance(10),
			}
			when := at + w.between(0, apart)
			c := w.dial(when, a, b, r)
			c.meant = true
			if r.Hold {
				w.held(c, when)
			}
			if w.chance(15) {
				w.request(a, when+w.between(0, simPick(w, 100*time.Millisecond, time.Second, 10*time.Second)), Verb{Name: VerbCancel}, c)
			}
			end = max(end, when+min(r.Reach+r.Ring, 20*time.Second))
			a, b = b, a
		}
	}
	return end
}

// tied is told of a form that now waits for the end of another, or is a bid for
// it. It is a good moment for trouble.
func (b *simBook) tied(f *invitation.Form) {
	d, w := b.d, b.d.w
	w.fault("tied")
	if w.healed > 0 || !w.chance(w.story.inMerge) {
		return
	}
	o := w.device(f.Peer())
	if w.chance(50) {
		d, o = o, d
	}
	do := simPick(w, w.story.mergers...)
	w.after(w.between(0, simPick(w, 20*time.Millisecond, 500*time.Millisecond)), func() {
		if d.up && w.now >= d.asleep && w.healed == 0 {
			w.fault("in a merge: " + do.name)
			w.tracef("trouble in a merge: %s, %s", do.name, d)
			do.do(w, d, o)
		}
	})
}

// has is what the journal has of an invitation; the zero form stands for nothing.
func (b *simBook) has(id protocol.ID) *invitation.Form {
	if f := b.forms[id]; f != nil {
		return &f.form
	}
	return &invitation.Form{}
}

func simMerges(f *invitation.Form) bool { return f.Glare == protocol.GlareMerge }

// simOpen reports whether a form was sent and can still be answered.
func simOpen(f *invitation.Form) bool {
	return f.State != "" && f.State != invitation.Idle && !f.Ended() && !f.Canceling
}

func simSameRoom(f, g *invitation.Form) bool {
	return f.Peer() == g.Peer() && f.App == g.App && f.ChannelID == g.ChannelID
}

// checkRings holds what begins to ring to what else goes on in its room. The
// book has the forms as they were before the turn.
func (b *simBook) checkRings(events []journal.Event) {
	for _, e := range events {
		if e.Type != string(invitation.RemoteReceived) || !simMerges(&e.View.Form) {
			continue
		}
		for _, id := range b.ids() {
			was := b.has(id)
			if was.Kind != invitation.KindLocal || !simOpen(was) || !simMerges(was) || !simSameRoom(was, &e.View.Form) {
				continue
			}
			now, found, err := b.d.journal.Load(id)
			if err != nil || !found {
				b.fail("a form that was committed cannot be read: %v", err)
			}
			if simOpen(&now) && id.Compare(e.View.ID) < 0 {
				b.fail("glare: %s rings beside %s, which goes before it", b.d.w.call(e.View.ID), b.d.w.call(id))
			}
		}
	}
}

// checkPairs holds the forms that are tied to each other, or have merged, to the
// rules: whatever happens to one happens to the other in the same transaction.
func (b *simBook) checkPairs() {
	w := b.d.w
	ids := b.ids()
	for _, id := range ids {
		f := b.has(id)
		if !simMerges(f) {
			if !f.Pair.IsZero() || !f.MergedWith.IsZero() {
				b.fail("glare: %s stands alone and is tied, or has merged", w.call(id))
			}
			continue
		}
		if o := b.has(f.Pair); !f.Pair.IsZero() {
			bid := f
			if f.Kind == invitation.KindLocal {
				bid = o
			}
			if o.Pair != id || o.Kind == f.Kind || !simOpen(f) || !simMerges(o) || !simSameRoom(f, o) || bid.State != invitation.AcceptSentToLocal {
				b.fail("glare: %s, %s, is tied to %s, which is %s", w.call(id), simState(f), w.call(f.Pair), simState(o))
			}
		}
		b.checkGaveWay(id, f)
		for _, other := range ids {
			if o := b.has(other); f.Kind == invitation.KindLocal && o.Kind == invitation.KindRemote && simMerges(o) && simOpen(f) && simOpen(o) && simSameRoom(f, o) {
				w.meet(id, other)
			}
		}
	}
}

// checkGaveWay: what gave way gave it to one that is accepted, and one to which
// the other gave way has ended that.
func (b *simBook) checkGaveWay(id protocol.ID, f *invitation.Form) {
	w, o := b.d.w, b.has(f.MergedWith)
	switch {
	case f.MergedWith.IsZero():
	case f.State == invitation.Accepted || f.State == invitation.AcceptedByRemote:
		if o.State != "" && o.Kind != f.Kind && simOpen(o) {
			b.fail("glare: %s is %s, and %s, which gave way to it, is %s", w.call(id), f.State, w.call(f.MergedWith), simState(o))
		}
	case f.Reason != protocol.ReasonSuperseded || o.State != invitation.Accepted && o.State != invitation.AcceptedByRemote || o.Kind == f.Kind:
		b.fail("glare: %s, %s, gave way to %s, which is %s", w.call(id), simState(f), w.call(f.MergedWith), simState(o))
	}
}

// checkBuried: when a caller accepts a bid, what gives way never rings, even if
// it has not come yet.
func (b *simBook) checkBuried(id protocol.ID, f, was *invitation.Form) {
	gone := f.MergedWith
	if f.State != invitation.AcceptedByRemote || was.State == f.State || gone.IsZero() {
		return
	}
	_, known, err := b.d.journal.Load(gone)
	if err == nil && !known {
		known, err = b.d.journal.Tombstone(f.Callee, gone)
	}
	if err != nil || !known {
		b.fail("glare: %s is accepted, and %s, which gave way to it, may still ring: %v", b.d.w.call(id), b.d.w.call(gone), err)
	}
}

// meet notes that a daemon has both calls of a pair before it. Both must not ring
// at once.
func (w *simWorld) meet(id, other protocol.ID) {
	a, b := w.byID[id], w.byID[other]
	if a == nil || b == nil || !w.alone(a, b) {
		return
	}
	a.met, b.met = b, a
	if a.forgotten() {
		return
	}
	for _, c := range []*simCall{a, b} {
		caller, callee := c.ends()
		if callee.form.State != invitation.InvitationReceived || !simOpen(&caller.form) {
			return
		}
	}
	w.fail("glare: call %d and call %d ring both", a.n, b.n)
}

// alone reports whether two calls are all that there was in their room.
func (w *simWorld) alone(a, b *simCall) bool {
	count := 0
	for _, c := range w.calls {
		if c.request.ChannelID == a.request.ChannelID {
			count++
		}
	}
	return count == 2 && a.request.ChannelID == b.request.ChannelID
}

// checkMerged: of two calls that met one lived at the most, and both histories
// tell alike which.
func (w *simWorld) checkMerged() {
	for _, c := range w.calls {
		if c.made.IsZero() || c.forgotten() {
			continue
		}
		caller, callee := c.ends()
		a, b := &caller.form, &callee.form
		if c.met != nil && a.State == invitation.AcceptedByRemote {
			w.fault("merged")
			if there, _ := c.met.ends(); there.form.State == invitation.AcceptedByRemote {
				w.fail("glare: call %d and call %d met and are both accepted", c.n, c.met.n)
			}
		}
		gone := w.byID[a.MergedWith]
		if a.MergedWith.IsZero() || gone == nil {
			continue
		}
		loser := c.callee.book.has(gone.made)
		winner := c.caller.book.has(gone.made)
		switch {
		case a.State == invitation.Canceled: // it gave way itself
			// What was sent behind a bid made by hand was never said.
			o, _ := gone.ends()
			unsaid := o.form.MergedWith.IsZero() && b.State == ""
			if o.form.State != invitation.AcceptedByRemote || o.form.MergedWith != c.made && !unsaid {
				w.fail("glare: call %d gave way to call %d, which is %s", c.n, gone.n, simState(&o.form))
			}
		case winner.State == invitation.Accepted || loser.State == invitation.AcceptedByRemote:
			w.fail("glare: call %d is accepted, and so is call %d, which gave way to it", c.n, gone.n)
		case b.State == invitation.Accepted && (b.MergedWith != gone.made || loser.State != invitation.Canceled || loser.MergedWith != c.made):
			w.fail("glare: call %d is accepted by both, and call %d is %s at its caller", c.n, gone.n, simState(loser))
		}
	}
}
