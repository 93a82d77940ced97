package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// state says in which state a device's form is, as far as one can know from
// outside.
func (r *ring) state(d *device) string {
	r.mu.Lock()
	id := r.id
	_, created := r.marks[atCreate]
	cancel, canceled := r.verbs[api.VerbCancel]
	_, sent := r.verbs[api.VerbSend]
	accept, accepted := r.verbs[api.VerbAccept]
	r.mu.Unlock()
	var of []told
	if id != "" {
		of = d.record.about(id)
	}
	has := func(fits func(e told) bool) bool { return slices.ContainsFunc(of, fits) }
	if d == r.caller {
		switch {
		case !created:
			return "caller: nothing yet"
		case id == "":
			return "caller: being created"
		case has(ending):
			return "caller: ended"
		case canceled && cancel.code == "":
			return "caller: canceling"
		case has(ofType(api.LocalInvitationReceivedByPeer)):
			return "caller: received by remote"
		case has(func(e told) bool { return e.Invitation.Progress == "delivered" }):
			return "caller: sent, held there"
		case r.hold && !sent:
			return "caller: idle"
		}
		return "caller: sent"
	}
	switch {
	case len(of) == 0 && id != "" && slices.ContainsFunc(r.caller.record.about(id), func(e told) bool { return e.Invitation.Progress == "delivered" }):
		return "callee: held"
	case len(of) == 0:
		return "callee: nothing yet"
	case has(ending):
		return "callee: ended"
	case accepted && accept.code == "":
		return "callee: accept sent"
	}
	return "callee: ringing"
}

// story is all that is known of a ring, for a report of what did not hold.
func (r *ring) story() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var b strings.Builder
	start := r.marks[atCreate]
	since := func(t time.Time) string { return fmt.Sprintf("%+.3f", t.Sub(start).Seconds()) }
	fmt.Fprintf(&b, "%s calls %s, plan %q, reach %v, ring %v, begun %s", r.caller.name, r.callee.name, r.plan, r.reach, r.ring, start.Format("15:04:05.000"))
	for _, verb := range []string{"", api.VerbSend, api.VerbAccept, api.VerbRefuse, api.VerbCancel} {
		if a, ok := r.verbs[verb]; ok {
			fmt.Fprintf(&b, "\n      %s POST %s: %d %s %s", since(a.at), verb, a.status, a.code, a.inv.State)
		}
	}
	for _, d := range []*device{r.caller, r.callee} {
		for _, e := range d.record.about(r.id) {
			fmt.Fprintf(&b, "\n      %s %s: %s %s %s (written %s, event %d)", since(e.at), d.name, e.Type, e.Invitation.Error, e.Invitation.Progress, since(e.Time.Time), e.Seq)
		}
		for _, s := range d.spans() {
			if s.to.After(start) {
				fmt.Fprintf(&b, "\n      %s runs from %s to %s", d.name, since(s.from), since(s.to))
			}
		}
	}
	return b.String()
}

// remembers checks, after a restart, that what the daemon has acknowledged is
// there.
func (p *pair) remembers(ctx context.Context, d *device, pl *plan) {
	for _, r := range pl.rings {
		r.mu.Lock()
		id, accept, refuse, cancel := r.id, r.verbs[api.VerbAccept], r.verbs[api.VerbRefuse], r.verbs[api.VerbCancel]
		r.mu.Unlock()
		if id == "" || d == r.callee && len(d.record.about(id)) == 0 {
			continue
		}
		inv, err := d.Get(ctx, id)
		p.lab.checked("what was acknowledged is there after the restart")
		switch {
		case err != nil && ctx.Err() == nil:
			if !errors.Is(err, client.ErrNotRunning) { // else it was killed again
				p.lab.violation("%s forgot %s: %v", d.name, r.ticket, err)
			}
		case err != nil:
		case d == r.caller && inv.Content != "offer "+r.ticket:
			p.lab.violation("%s has the content %q of %s", d.name, inv.Content, r.ticket)
		case d == r.caller && cancel.status == 200 && inv.State != api.Canceled && !inv.Canceling:
			p.lab.violation("%s was canceled and is %s after a restart: %s", r.ticket, inv.State, r.story())
		case d == r.callee && accept.status == 200 && (inv.State == api.InvitationReceived || inv.Response != "answer "+r.ticket):
			p.lab.violation("%s was accepted and is %s with %q after a restart: %s", r.ticket, inv.State, inv.Response, r.story())
		case d == r.callee && refuse.status == 200 && inv.State != api.Refused:
			p.lab.violation("%s was refused and is %s after a restart: %s", r.ticket, inv.State, r.story())
		}
	}
}
