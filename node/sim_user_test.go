package node

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simCall is one invitation as its people know it.
type simCall struct {
	n              int
	caller, callee *simDevice
	request        CreateRequest
	create         *simRequest
	id             protocol.ID // zero: the caller does not know it yet
	discarded      bool
	forced         bool     // the person at the callee accepts at once
	meant          bool     // the other one was to call at the same time
	met            *simCall // which a daemon had open beside it, alone in their room, and both merge
	made           protocol.ID
	alone          time.Duration // since when in peace only one side goes on; 0: not so
}

// forgotten reports whether a power cut may have taken memory of the call.
func (c *simCall) forgotten() bool { return c.caller.book.powers+c.callee.book.powers > 0 }

// made is told of an invitation that a device has created.
func (w *simWorld) made(d *simDevice, f invitation.Form) {
	var n int
	if _, err := fmt.Sscanf(f.Content, "offer %d", &n); err != nil {
		panic(err)
	}
	c := w.calls[n-1]
	if !c.made.IsZero() && c.made != f.ID && !d.book.forgets() {
		w.fail("%s: %q was done twice", d, c.create.key)
	}
	c.made = f.ID
	w.byID[f.ID] = c
}

// call is an invitation as the trace shows it.
func (w *simWorld) call(id protocol.ID) string {
	if c := w.byID[id]; c != nil {
		return fmt.Sprintf("call %d", c.n)
	}
	return "another call"
}

// simUser is the person at a device, who answers each ring once.
type simUser struct {
	d    *simDevice
	seen map[protocol.ID]bool
}

// sees is called when an app shows an invitation.
func (u *simUser) sees(v invitation.View) {
	w := u.d.w
	c := w.byID[v.ID]
	if c == nil || v.State != invitation.InvitationReceived || u.seen[v.ID] {
		return
	}
	if u.seen == nil {
		u.seen = map[protocol.ID]bool{}
	}
	u.seen[v.ID] = true
	think := w.between(0, min(v.Ring+time.Second, 8*time.Second))
	if w.chance(30) {
		think = w.between(0, 20*time.Millisecond)
	}
	pick := w.rand.IntN(100)
	switch {
	case c.forced:
		w.request(u.d, think/4, Verb{Name: VerbAccept, Response: "yes"}, c)
	case pick < w.story.accepts:
		w.request(u.d, think, Verb{Name: VerbAccept, Response: w.text("yes")}, c)
	case pick < (100+w.story.accepts)/2:
		w.request(u.d, think, Verb{Name: VerbRefuse, Reason: protocol.ReasonBusy, Response: w.text("no")}, c)
	}
	if w.chance(10) && !c.forced { // a second app answers too
		w.request(u.d, think+w.between(-5*time.Millisecond, 5*time.Millisecond), Verb{Name: VerbRefuse}, c)
	}
	if w.chance(15) && !c.forced || c.meant && w.chance(15) {
		w.request(c.caller, think+w.between(-300*time.Millisecond, 300*time.Millisecond), Verb{Name: VerbCancel}, c)
	}
}

// text is a payload, sometimes a large one.
func (w *simWorld) text(s string) string {
	if w.chance(20) {
		return s + strings.Repeat(".", 1500+w.rand.IntN(2000))
	}
	return s
}

// simRequest is a request of an app, which is made until it is answered.
type simRequest struct {
	w     *simWorld
	d     *simDevice
	call  *simCall
	verb  Verb // no name: create
	key   string
	tries int
	done  bool        // an answer was read
	id    protocol.ID // of the invitation, once an answer was made
}

// dials a call: creates an invitation, some time from now.
func (w *simWorld) dial(wait time.Duration, caller, callee *simDevice, r CreateRequest) *simCall {
	c := &simCall{n: len(w.calls) + 1, caller: caller, callee: callee, request: r}
	c.request.Callee = string(callee.name)
	if c.request.ChannelID == "" {
		c.request.ChannelID = fmt.Sprint("room of ", c.n)
	}
	c.request.Content = w.text(fmt.Sprintf("offer %d ", c.n))
	w.calls = append(w.calls, c)
	c.create = &simRequest{w: w, d: caller, call: c, key: fmt.Sprintf("create %d", c.n)}
	w.after(wait, c.create.try)
	return c
}

func (w *simWorld) request(d *simDevice, wait time.Duration, v Verb, c *simCall) {
	r := &simRequest{w: w, d: d, call: c, verb: v, key: fmt.Sprintf("%s %d by %s, %d", v.Name, c.n, d, w.rand.Uint32())}
	w.after(wait, r.try)
}

// try makes the request. If no answer comes it is made again, as it was.
func (r *simRequest) try() {
	w := r.w
	again := w.between(200*time.Millisecond, 3*time.Second)
	if r.done || r.tries > 60 {
		return
	}
	if !r.d.up || w.now < r.d.asleep || r.verb.Name != "" && r.call.id.IsZero() {
		r.tries++
		w.after(again, r.try)
		return
	}
	r.tries++
	w.after(again, func() { // in case that the daemon dies over it
		if !r.done {
			r.try()
		}
	})
	res, err := r.make()
	answered := r.check(res, err)
	w.tracef("%s: app asks to %s call %d: %v %s", r.d, r.name(), r.call.n, simAnswer(res, err), map[bool]string{true: "replayed"}[res.Replayed])
	if answered && w.healed == 0 && w.chance(w.story.lostAnswers) {
		w.fault("lost answer")
		return
	}
	r.done = answered
}

func simAnswer(res Result, err error) string {
	if err != nil {
		return string(codeOf(err))
	}
	return string(res.View.State)
}

func (r *simRequest) name() string {
	if r.verb.Name == "" {
		return "create"
	}
	return string(r.verb.Name)
}

func (r *simRequest) make() (Result, error) {
	idem := Idempotency{Key: r.key, Fingerprint: r.name(), Status: 200}
	if r.verb.Name == "" {
		return r.d.node.Create(context.Background(), r.call.request, idem)
	}
	return r.d.node.Do(context.Background(), r.call.id, r.verb, idem)
}

// check holds an answer to what the journal has. It reports whether it is one
// that the app takes for the last.
func (r *simRequest) check(res Result, err error) bool {
	w := r.w
	switch codeOf(err) {
	case protocol.CodeInternal:
		if err != nil {
			if w.now-r.d.book.stable > 3*time.Second {
				w.fail("%s: to %s call %d fails: %v", r.d, r.name(), r.call.n, err)
			}
			return false
		}
	case protocol.CodeAlreadyEnd, protocol.CodeAlreadyAccept, protocol.CodeAlreadySent, protocol.CodeNotStarted:
		return true
	case protocol.CodeNotFound:
		if !r.call.forgotten() && !r.call.discarded {
			w.fail("%s: call %d is not found", r.d, r.call.n)
		}
		return true
	default:
		w.fail("%s: to %s call %d: %v", r.d, r.name(), r.call.n, err)
	}
	if errors.Is(err, context.Canceled) {
		panic(err)
	}
	first := r.id.IsZero()
	switch {
	case !first && res.View.ID != r.id && !r.d.book.forgets():
		w.fail("%s: %q was answered with two invitations", r.d, r.key)
	case !first && !res.Replayed && !r.d.book.forgets():
		w.fail("%s: %q was done twice", r.d, r.key)
	}
	r.id = res.View.ID
	if r.verb.Name == "" {
		r.call.id = res.View.ID
	}
	if now, found, err := r.d.journal.Load(res.View.ID); err != nil || !found || now.State != res.View.State {
		w.fail("invariant 5: to %s call %d is answered with %s, and the journal has %s", r.name(), r.call.n, res.View.State, now.State)
	}
	return true
}
