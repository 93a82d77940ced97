package main

import (
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// inTime: every form ends in its time, or as soon as its daemon is back.
func (v *verdict) inTime() {
	const rule = "every form ends in its time, or as soon as its daemon is back"
	for _, side := range []struct {
		d          *device
		start, end time.Time
	}{
		{v.r.caller, v.localEnd.Invitation.SentAt.Time, v.localEnd.Time.Time},
		{v.r.callee, v.received.created(), v.remoteEnd.Time.Time},
	} {
		if side.start.IsZero() {
			continue
		}
		due := side.d.upAt(side.start.Add(v.r.limit()))
		if due.IsZero() {
			due = side.end // it never came back, and yet it ended
		}
		v.hold(!side.end.After(due.Add(slack)), rule, "%s's form ended %v late", side.d.name, side.end.Sub(due))
	}
}

func (e told) created() time.Time {
	if e.Invitation == nil {
		return time.Time{}
	}
	return e.Invitation.CreatedAt.Time
}

// ghosts: nothing rings long after the caller is gone or has ended.
func (v *verdict) ghosts() {
	if !v.rang {
		return
	}
	from, to := v.received.at, v.remoteEnd.at
	downs := v.r.caller.spans()
	for i, s := range downs[:len(downs)-1] {
		back := downs[i+1].from
		if s.to.Before(from) || s.to.After(to) || !v.r.callee.upThrough(s.to, to) {
			continue
		}
		rang := earlier(to, back).Sub(s.to)
		v.longest("it rang without its caller", rang, s.to, to)
		v.hold(rang <= lost+slack, "no ring for more than 10 s without its caller", "it rang %v without its caller", rang)
	}
	if a, ok := v.r.verb(api.VerbCancel); ok && a.code == "" && to.After(a.at) {
		at := a.at
		for _, s := range v.r.callee.spans() { // its clock begins again with it
			if s.begun.After(at) && s.begun.Before(to) {
				at = s.begun
			}
		}
		v.longest("it rang after cancel was answered", to.Sub(at), a.at, to)
		v.hold(to.Sub(at) <= lost+slack, "no ring for more than 10 s after cancel, whatever the network does", "it rang %v after cancel", to.Sub(at))
	}
	for _, s := range v.p.together(later(from, v.localEnd.at), to) {
		v.longest("it rang on after its caller's end, both there", s.to.Sub(s.from), s.from, s.to)
		v.hold(s.to.Sub(s.from) <= ghost+slack, "no ghost ring for more than 6 s once the network is fair", "it rang %v after its caller's end in a fair network", s.to.Sub(s.from))
	}
}

// longest keeps a time for the report, apart for a network that was fair from a
// second before it. In another one what the caller said last may be on its way
// for long.
func (v *verdict) longest(what string, d time.Duration, from, to time.Time) {
	fair := v.p.fairSpans(from.Add(-time.Second), to)
	if len(fair) == 1 && !fair[0].from.After(from) && !fair[0].to.Before(to) {
		what += ", in a fair network"
	} else {
		what += ", in a bad network"
	}
	v.p.lab.longest(what, d, v.r)
}

// calm: an accept that nothing but short restarts disturb ends accepted on both
// sides.
func (v *verdict) calm() {
	a, ok := v.r.verb(api.VerbAccept)
	if !ok || a.code != "" || v.r.plan != planAccept {
		return
	}
	begin, end := v.caller.CreatedAt.Time, later(v.localEnd.at, v.remoteEnd.at)
	fair := v.p.fairSpans(begin, end)
	if len(fair) != 1 || fair[0].from.After(begin) || fair[0].to.Before(end) {
		return
	}
	away, died := time.Duration(0), false
	for _, d := range []*device{v.r.caller, v.r.callee} {
		spans := d.spans()
		for i, s := range spans[:len(spans)-1] {
			if s.to.Before(begin) || s.to.After(end) {
				continue
			}
			gone := spans[i+1].from.Sub(s.to)
			if gone > calmAway {
				return
			}
			away += gone
			died = died || d == v.r.callee && s.to.After(v.received.at) && s.to.Before(a.at)
		}
	}
	if a.at.Add(away + calmMargin).After(v.received.at.Add(v.r.ring)) {
		return
	}
	rule := "an accept that only short restarts disturb is accepted on both sides"
	if died {
		rule = "so it is when the callee's daemon was killed while it rang"
	}
	v.hold(v.caller.State == api.AcceptedByRemote && v.callee.State == api.Accepted, rule, "the caller has %s, the callee %s", v.caller.State, v.callee.State)
}
