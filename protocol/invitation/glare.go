package invitation

import (
	"slices"

	"github.com/beckon-p2p/beckon/protocol"
)

// Desk steps the machines of one peer. What happens to one form may concern
// another, if both sides called each other at once: then both change in one
// call, which the driver must journal in one transaction.
type Desk struct{ Driver }

// Driver is what a Desk needs of whoever holds the machines of the peer.
type Driver interface {
	// Each calls f with every one of them that has not ended, in any order.
	Each(f func(m *Machine))
	// Env is the world as the form sees it, without the Desk's own fields.
	Env(f *Form) Env
	// Touch is called before m changes, Did after it, with what is to be obeyed.
	Touch(m *Machine)
	Did(m *Machine, in Input, out Out)
	// Add takes a new machine among the others.
	Add(m *Machine, out Out)
	// Find returns the machine of an id, ended or not, whosoever it is; nil:
	// it is not known here.
	Find(id protocol.ID) *Machine
	// Bury makes sure that an invitation of the peer, which is not known here,
	// never rings.
	Bury(id protocol.ID)
}

// Step takes one input, as Machine.Step does.
func (d Desk) Step(m *Machine, in Input) error {
	if m.form.Kind == KindRemote && m.parked() {
		// Its clock is that of the own invitation behind it.
		for _, l := range d.others(&m.form) {
			if l.form.Pair == m.form.ID {
				d.step(l, Wake{})
			}
		}
	}
	switch v := in.(type) {
	case Send:
		v.Behind = d.behind(m)
		in = v
	case Accept:
		if l := d.givesWay(m); l != nil {
			if v.Supersedes = l.form.ID; v.Response == "" {
				v.Response = l.form.Content
			}
			err := d.step(m, v)
			if m.form.Pair == l.form.ID {
				d.step(l, Park{Behind: m.form.ID})
			}
			return err
		}
	case Recv:
		if bid, ok := v.Message.(protocol.Accept); ok && d.bidsLower(m, bid.Supersedes) {
			in = Wake{} // if ours is not taken, this one comes again
		}
	}
	return d.step(m, in)
}

// Invited begins the form of an Invite from the peer, as NewRemote does.
func (d Desk) Invited(caller, callee protocol.PeerID, inv protocol.Invite) {
	f := Form{Kind: KindRemote, ID: inv.ID, App: inv.App, ChannelID: inv.ChannelID, Glare: inv.Glare}
	env := d.Env(&f)
	if l := d.lowest(&f, KindLocal, false); l != nil {
		env.GlareWith = l.form.ID
	}
	l := d.partner(&f)
	env.Hush = l != nil || d.hushed(&f)
	m, out := NewRemote(env, caller, callee, inv)
	if l != nil && m.form.State == Held {
		out.Send = nil // the bid is the answer
	}
	d.Add(m, out)
	d.meet(m)
	d.settle(&m.form)
	if env.Hush && m.form.State == Held && !d.hushed(&m.form) {
		d.step(m, Unhush{}) // a clock was over, and there is no pair
	}
}

// standing is what others need to know of a form.
type standing int

const (
	before standing = iota // idle
	open                   // it may be answered, and pair
	closed                 // canceling, or ended
)

func (f *Form) standing() standing {
	switch {
	case f.State == Idle:
		return before
	case f.Ended() || f.Canceling:
		return closed
	}
	return open
}

// step steps one machine and lets the others follow.
func (d Desk) step(m *Machine, in Input) error {
	env := d.Env(&m.form)
	if m.form.State == Held {
		env.Hush = d.hushed(&m.form)
	}
	was := m.form.standing()
	d.Touch(m)
	out, err := m.Step(env, in)
	d.Did(m, in, out)
	if is := m.form.standing(); is != was {
		d.follow(m, is, in)
	}
	return err
}

// follow lets the others know that a form was sent, or can be answered no more.
func (d Desk) follow(m *Machine, is standing, in Input) {
	switch {
	case is == open:
		d.meet(m)
		if m.parked() && !d.bidFor(m, d.byID(m.form.Pair)) {
			d.step(m, Unpark{})
		}
	case m.form.Kind == KindLocal:
		d.localClosed(m, in)
	default:
		d.remoteClosed(m)
	}
	d.settle(&m.form)
	if is == closed && m.form.Kind == KindLocal {
		d.unhush(&m.form)
	}
}

// meet marks the forms that cross a new one, and it with the lowest of them.
func (d Desk) meet(m *Machine) {
	for _, o := range d.others(&m.form) {
		if m.form.GlareWith.IsZero() {
			d.step(m, Cross{With: o.form.ID})
		}
		if o.form.GlareWith.IsZero() {
			d.step(o, Cross{With: m.form.ID})
		}
	}
}

// bidFor bids for r in the place of l and parks l behind the bid. It reports
// whether that was possible.
func (d Desk) bidFor(l, r *Machine) bool {
	if r == nil {
		return false
	}
	d.step(r, Bid{For: l.form.ID, Response: l.form.Content})
	if r.form.Pair != l.form.ID {
		return false
	}
	if l.form.Pair != r.form.ID {
		d.step(l, Park{Behind: r.form.ID})
	}
	return true
}

// localClosed draws the consequences of a LocalInvitation that was accepted,
// canceled, or ended otherwise.
func (d Desk) localClosed(l *Machine, in Input) {
	if l.form.Glare != protocol.GlareMerge {
		return
	}
	id := l.form.ID
	accepted := l.form.State == AcceptedByRemote
	if gone := l.form.MergedWith; accepted && !gone.IsZero() {
		switch r := d.Find(gone); {
		case r == nil:
			d.Bury(gone)
		case r.form.Kind == KindRemote && r.form.Peer() == l.form.Peer() && sameRoom(&r.form, &l.form) && r.form.Glare == protocol.GlareMerge:
			d.step(r, Superseded{By: id})
		}
	}
	for _, r := range d.others(&l.form) {
		_, byVerb := in.(Cancel)
		switch {
		case r.form.Pair != id:
		case accepted:
			d.step(r, Superseded{By: id, Tell: true})
		case byVerb && (l.form.Canceling || l.form.State == Canceled):
			d.step(r, Withdraw{})
		default:
			_, leaving := in.(Logout)
			d.step(r, Alone{Leaving: leaving})
		}
	}
}

// remoteClosed ends the own invitation that was parked behind r, or lets it go
// on: behind the next one, if there is one.
func (d Desk) remoteClosed(r *Machine) {
	for _, l := range d.others(&r.form) {
		if l.form.Pair != r.form.ID {
			continue
		}
		if r.form.State == Accepted {
			d.step(l, Superseded{By: r.form.ID})
			continue
		}
		f := l.form
		f.Pair = protocol.ID{}
		if !d.bidFor(l, d.partner(&f)) {
			d.step(l, Unpark{})
		}
	}
}

// settle pairs the lowest of each side, if they are free for it.
func (d Desk) settle(room *Form) {
	if room.Glare != protocol.GlareMerge {
		return
	}
	if l := d.lowest(room, KindLocal, true); l != nil {
		if r := d.partner(&l.form); r != nil {
			d.step(r, Wake{}) // clocks that are over come first
			d.step(l, Wake{})
			if l.form.standing() == open && d.partner(&l.form) == r {
				d.bidFor(l, r)
			}
		}
	}
}

// unhush lets ring what no own invitation goes before any more.
func (d Desk) unhush(room *Form) {
	if room.Glare != protocol.GlareMerge {
		return
	}
	l := d.lowest(room, KindLocal, true)
	var held []*Machine
	d.Each(func(m *Machine) {
		f := &m.form
		if f.State == Held && f.Glare == protocol.GlareMerge && sameRoom(f, room) && (l == nil || f.ID.Compare(l.form.ID) < 0) {
			held = append(held, m)
		}
	})
	for _, m := range sorted(held) {
		d.step(m, Unhush{})
	}
}

// behind is what a form that is about to be sent is parked behind from the
// start; zero: nothing.
func (d Desk) behind(m *Machine) protocol.ID {
	if m.form.State != Idle {
		return protocol.ID{}
	}
	r := d.partner(&m.form)
	if r != nil {
		d.step(r, Wake{}) // its clock may be over
		r = d.partner(&m.form)
	}
	if r == nil {
		return protocol.ID{}
	}
	return r.form.ID
}

// givesWay is the own invitation that gives way if the user accepts r by hand.
// Then it does not matter which is lower.
func (d Desk) givesWay(r *Machine) *Machine {
	f := r.form
	if f.State != InvitationReceived {
		return nil
	}
	f.State = AcceptSentToLocal
	l := d.partner(&f)
	if l != nil {
		d.step(l, Wake{})
		d.step(r, Wake{})
		if r.form.State != InvitationReceived {
			return nil
		}
		l = d.partner(&f)
	}
	return l
}

// bidsLower reports whether a bid for m comes from a daemon that would have an
// invitation give way for which this one itself bids, or was confirmed, and
// that is lower. Both daemons judge alike, so that only one of two crossing
// bids is taken.
func (d Desk) bidsLower(m *Machine, supersedes protocol.ID) bool {
	if m.form.Kind != KindLocal || m.form.standing() != open || m.form.Glare != protocol.GlareMerge || supersedes.IsZero() {
		return false
	}
	r := d.Find(supersedes)
	return r != nil && r.form.Kind == KindRemote && r.form.Peer() == m.form.Peer() &&
		(r.form.State == AcceptSentToLocal || r.form.State == Accepted) && r.form.ID.Compare(m.form.ID) < 0
}

// partner is the form that f pairs with, if both are the lowest of their sides
// that can be answered, and are free; nil: none. f need not be of the Driver's.
func (d Desk) partner(f *Form) *Machine {
	if f.Glare != protocol.GlareMerge {
		return nil
	}
	if own := d.lowest(f, f.Kind, true); own != nil && own.form.ID.Compare(f.ID) < 0 {
		return nil
	}
	o := d.lowest(f, f.Kind.other(), true)
	if o == nil {
		return nil
	}
	l, r := f, &o.form
	if f.Kind == KindRemote {
		l, r = r, l
	}
	switch {
	case !l.Pair.IsZero() || !r.Pair.IsZero():
		return nil
	case r.State == AcceptSentToLocal && l.State != Idle && f.Kind == KindLocal:
		// The bid went out without a word of l, which the other side knows and
		// may bid for: it is too late to tie them.
		return nil
	case r.State != AcceptSentToLocal && l.ID.Compare(r.ID) < 0:
		return nil // l goes before r
	}
	return o
}

// hushed reports whether an own invitation that is lower goes before a
// RemoteInvitation.
func (d Desk) hushed(r *Form) bool {
	if r.Glare != protocol.GlareMerge {
		return false
	}
	l := d.lowest(r, KindLocal, true)
	return l != nil && l.form.ID.Compare(r.ID) < 0
}

// lowest is the lowest form of that kind in the room of f that can be answered;
// nil: none.
func (d Desk) lowest(f *Form, k Kind, merge bool) (low *Machine) {
	d.Each(func(m *Machine) {
		if m.form.Kind != k || m.form.standing() != open || !sameRoom(&m.form, f) || merge && m.form.Glare != protocol.GlareMerge {
			return
		}
		if low == nil || m.form.ID.Compare(low.form.ID) < 0 {
			low = m
		}
	})
	return low
}

// others are the forms of the other kind in the room of f that can be answered,
// the lowest first.
func (d Desk) others(f *Form) (all []*Machine) {
	d.Each(func(m *Machine) {
		if m.form.Kind != f.Kind && m.form.standing() == open && sameRoom(&m.form, f) {
			all = append(all, m)
		}
	})
	return sorted(all)
}

// byID is the RemoteInvitation of that id, if it has not ended.
func (d Desk) byID(id protocol.ID) (found *Machine) {
	d.Each(func(m *Machine) {
		if m.form.ID == id && m.form.Kind == KindRemote && m.form.standing() == open {
			found = m
		}
	})
	return found
}

func (k Kind) other() Kind {
	if k == KindLocal {
		return KindRemote
	}
	return KindLocal
}

func sameRoom(f, g *Form) bool { return f.App == g.App && f.ChannelID == g.ChannelID }

func sorted(ms []*Machine) []*Machine {
	slices.SortFunc(ms, func(a, b *Machine) int { return a.form.ID.Compare(b.form.ID) })
	return ms
}
