package main

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

const (
	slack      = 2 * time.Second  // for a busy machine
	lost       = 10 * time.Second // a callee rings no longer without its caller
	ghost      = 6 * time.Second  // nor after the network has healed, once the caller has ended
	owedAgain  = 9 * time.Second  // in which what is owed is said: dials begin at 4 s
	calmAway   = 4 * time.Second  // the longest absence in a calm ring
	calmMargin = 3 * time.Second  // ring time that is left in one
)

// verdict checks one ring from outside, once everything is over.
type verdict struct {
	p              *pair
	r              *ring
	caller, callee *api.Invitation // as in the histories; nil: not there
	local, remote  []told          // events
	localEnd       told
	remoteEnd      told
	received       told // when the callee's app was told
	rang           bool
}

func (v *verdict) wrong(format string, args ...any) {
	v.p.lab.violation("%s (%s): %s\n    %s", v.r.ticket, v.r.id, fmt.Sprintf(format, args...), v.r.story())
}

func (v *verdict) hold(ok bool, rule, format string, args ...any) {
	v.p.lab.checked(rule)
	if !ok {
		v.wrong(format, args...)
	}
}

func (v *verdict) run() {
	for _, w := range v.r.wrongs {
		v.wrong("%s", w)
	}
	v.local, v.remote = v.r.caller.record.about(v.r.id), v.r.callee.record.about(v.r.id)
	for _, e := range v.remote {
		if e.Type == api.RemoteInvitationReceived && !v.rang {
			v.received, v.rang = e, true
		}
	}
	if !v.terminals() {
		return
	}
	v.acknowledged()
	v.outcomes()
	v.handed()
	v.inTime()
	v.ghosts()
	v.calm()
}

// terminals: exactly one terminal callback per form, and nothing after it.
func (v *verdict) terminals() bool {
	const rule = "one terminal callback per form, none without a ring"
	var ends [2]int
	for i, all := range [][]told{v.local, v.remote} {
		for _, e := range all {
			if ends[i] > 0 && e.Type != api.LocalInvitationAcceptUnconfirmed {
				v.wrong("%s came after the end", e.Type)
			}
			if ending(e) {
				ends[i]++
				if i == 0 {
					v.localEnd = e
				} else {
					v.remoteEnd = e
				}
			}
		}
	}
	want := 0
	if v.rang {
		want = 1
	}
	v.hold(ends[0] == 1, rule, "the caller was told %d ends", ends[0])
	v.hold(ends[1] == want, rule, "the callee was told %d ends, want %d", ends[1], want)
	return ends[0] == 1 && ends[1] == want
}

// acknowledged: what was answered with success is in the history.
func (v *verdict) acknowledged() {
	const rule = "a verb that was answered stands in the history"
	v.hold(v.caller != nil && v.caller.Content == "offer "+v.r.ticket && v.caller.State == v.localEnd.Invitation.State, rule, "the caller's history has %+v", v.caller)
	if v.caller == nil {
		return
	}
	if a, ok := v.r.verb(api.VerbCancel); ok {
		v.hold(a.code != "" || v.caller.State == api.Canceled, rule, "cancel was answered %d and it ended %s", a.status, v.caller.State)
	}
	if !v.rang {
		return
	}
	v.hold(v.callee != nil && v.callee.State == v.remoteEnd.Invitation.State, rule, "the callee's history has %+v", v.callee)
	if v.callee == nil {
		return
	}
	if a, ok := v.r.verb(api.VerbRefuse); ok && a.code == "" {
		v.hold(v.callee.State == api.Refused && v.callee.Response == "not now "+v.r.ticket && v.callee.Reason == "busy", rule,
			"refuse was answered %d and it ended %s %q", a.status, v.callee.State, v.callee.Response)
	}
	if a, ok := v.r.verb(api.VerbAccept); ok && a.code == "" {
		v.hold(v.callee.State != api.Refused && v.callee.Response == "answer "+v.r.ticket, rule,
			"accept was answered %d and it ended %s with %q", a.status, v.callee.State, v.callee.Response)
	}
}

// compatible are the ends of the callee's form that an end of the caller's allows.
var compatible = map[string][]string{
	api.AcceptedByRemote: {api.Accepted, "failure accept_failure", "failure peer_offline"},
	api.RefusedByRemote:  {api.Refused},
	api.Canceled:         {"", api.Missed, api.Canceled, api.Refused, "failure peer_offline", "failure accept_failure", "failure invitation_expire"},
	api.Failure:          {"", api.Missed, api.Refused, "failure peer_offline", "failure accept_failure", "failure invitation_expire"},
}

// outcomes: both ends fit, and whoever accepted in vain is told.
func (v *verdict) outcomes() {
	theirs := ""
	if v.callee != nil {
		theirs = v.callee.State
		if v.callee.Error != "" {
			theirs += " " + v.callee.Error
		}
	}
	ours := v.caller.State
	fits := false
	for _, s := range compatible[ours] {
		fits = fits || s == theirs
	}
	if v.caller.Error != "" {
		ours += " " + v.caller.Error
	}
	v.p.lab.outcome(ours, theirs)
	v.hold(fits, "both ends fit: accepted there only if accepted here", "the caller has %q, the callee %q", ours, theirs)
	if v.caller.State == api.AcceptedByRemote {
		v.hold(v.caller.Response == "answer "+v.r.ticket, "the response arrives whole", "the caller has the response %q", v.caller.Response)
	}
	unconfirmed := 0
	for _, e := range v.local {
		if e.Type == api.LocalInvitationAcceptUnconfirmed {
			unconfirmed++
		}
	}
	const rule = "an accept without the callee is told as unconfirmed, once"
	if v.caller.State != api.AcceptedByRemote || theirs == api.Accepted {
		v.hold(unconfirmed == 0, rule, "%d times unconfirmed", unconfirmed)
		return
	}
	// The callee owes its word for a while; where it could not be said then, the
	// caller's app is told after 24 h, which this run does not wait for.
	could := false
	for _, s := range v.p.together(v.remoteEnd.at, v.remoteEnd.at.Add(v.r.limit())) {
		could = could || s.to.Sub(s.from) > owedAgain
	}
	if unconfirmed == 0 && !could {
		v.p.lab.count(&v.p.lab.notes, "accepted, unconfirmed, and the callee's word could not be said in its time: told after 24 h")
		return
	}
	v.hold(unconfirmed == 1, rule, "%d times unconfirmed", unconfirmed)
}

// handed: the caller hears received_by_peer only if the callee's app has read it.
func (v *verdict) handed() {
	const rule = "received_by_peer only if an app has read it"
	for _, e := range v.local {
		if e.Type != api.LocalInvitationReceivedByPeer {
			continue
		}
		_, shown := v.r.app.has(v.r.id)
		_, accept := v.r.verb(api.VerbAccept)
		_, refuse := v.r.verb(api.VerbRefuse)
		v.hold((shown || accept || refuse) && (accept || refuse || v.r.app.openedBefore(e.at)), rule, "the callee's app has not read it")
	}
}
