package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// What the two users want.
const (
	planAccept = "accept"
	planRefuse = "refuse"
	planCancel = "cancel"
	planRace   = "cancel and accept at once"
	planNobody = "nobody answers"
)

var plans = []string{planAccept, planAccept, planAccept, planRefuse, planCancel, planCancel, planRace, planNobody}

// The places in the course of an invitation at which somebody may be killed.
const (
	atCreate  = "while it is created"
	atIdle    = "idle"
	atSent    = "sent"
	atHeld    = "held by the callee's daemon"
	atRinging = "ringing"
	atAccept  = "while accept is asked"
	atBid     = "accept sent"
	atRefuse  = "while refuse is asked"
	atRefused = "refused"
	atCancel  = "while cancel is asked"
	atCancels = "canceling"
	atEnd     = "just ended"
	atAny     = "any"
)

var places = []string{atCreate, atIdle, atSent, atHeld, atRinging, atAccept, atBid, atRefuse, atRefused, atCancel, atCancels, atEnd, atAny}

// ring is one invitation and what its two users do.
type ring struct {
	ticket         string // its channel_id: how it is known before it has an id
	caller, callee *device
	plan           string
	hold           bool
	reach, ring    time.Duration
	think          time.Duration // before the callee answers
	patience       time.Duration // before the caller cancels
	app            *recorder     // the callee's app
	repeat         bool          // every verb is asked again with its key

	mu     sync.Mutex
	id     string
	marks  map[string]time.Time     // when a place was reached
	gone   map[string]chan struct{} // closed then
	verbs  map[string]answer        // create, send, accept, refuse, cancel
	wrongs []string
}

func newRing(ticket string) *ring {
	r := &ring{ticket: ticket, marks: map[string]time.Time{}, gone: map[string]chan struct{}{}, verbs: map[string]answer{}}
	for _, p := range places {
		r.gone[p] = make(chan struct{})
	}
	return r
}

func (r *ring) mark(place string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, there := r.marks[place]; !there {
		r.marks[place] = time.Now()
		close(r.gone[place])
	}
}

func (r *ring) wrong(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrongs = append(r.wrongs, fmt.Sprintf(format, args...))
}

func (r *ring) verb(name string) (answer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.verbs[name]
	return a, ok
}

// limit is how long it may take from send to its end: its own times, the 5 s for
// a Confirm or a Cancel, and 1 s.
func (r *ring) limit() time.Duration { return r.reach + r.ring + 6*time.Second }

// ask makes a POST until it is answered and keeps the answer. Then it may repeat
// it, with the same key. verb is empty for the creation.
func (r *ring) ask(ctx context.Context, by *device, verb string, body any) (answer, bool) {
	path, key := api.RouteInvitations, r.ticket+" "+verb
	if verb != "" {
		path += "/" + r.id + "/" + verb
	}
	a, err := by.insist(ctx, path, key, body)
	if err != nil {
		if ctx.Err() == nil {
			r.wrong("%v", err)
		}
		return a, false
	}
	r.mu.Lock()
	r.verbs[verb] = a
	r.mu.Unlock()
	if r.repeat {
		again, err := by.insist(ctx, path, key, body)
		if err == nil && (again.status != a.status || again.code != a.code || again.inv.ID != a.inv.ID || a.code == "" && !again.replayed) {
			r.wrong("%s was answered %d %s %s, and when repeated with its key %d %s %s", path, a.status, a.code, a.inv.ID, again.status, again.code, again.inv.ID)
		}
	}
	return a, true
}

// run does what the users do and returns when all verbs were answered, or there
// is nothing left for them to do.
func (r *ring) run(ctx context.Context) {
	if !r.create(ctx) {
		return
	}
	var users sync.WaitGroup
	users.Go(func() { r.watch(ctx) })
	users.Go(func() { r.calleeUser(ctx) })
	users.Go(func() { r.callerUser(ctx) })
	users.Wait()
}

func (r *ring) create(ctx context.Context) bool {
	in := api.CreateInvitation{
		CalleeID: r.callee.id, ChannelID: r.ticket, Content: "offer " + r.ticket, Hold: r.hold,
		ReachMS: r.reach.Milliseconds(), RingMS: r.ring.Milliseconds(),
	}
	r.mark(atCreate)
	a, ok := r.ask(ctx, r.caller, "", in)
	if !ok {
		return false
	}
	if a.code != "" {
		r.wrong("create was refused: %s", a.code)
		return false
	}
	r.mu.Lock()
	r.id = a.inv.ID
	r.mu.Unlock()
	if r.hold {
		r.mark(atIdle)
		if a, ok = r.send(ctx); !ok {
			return false
		}
	}
	r.mark(atSent)
	return true
}

func (r *ring) send(ctx context.Context) (answer, bool) {
	pause(ctx, r.think/4)
	return r.ask(ctx, r.caller, api.VerbSend, struct{}{})
}

// watch marks the places that the streams tell of.
func (r *ring) watch(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() {
		if _, ok := r.caller.record.await(ctx, r.id, func(e told) bool { return ending(e) || e.Invitation.Progress == "delivered" }); ok {
			r.mark(atHeld)
		}
	})
	both.Go(func() {
		if _, ok := r.caller.record.await(ctx, r.id, ending); ok {
			r.mark(atEnd)
		}
	})
	both.Wait()
}

// over returns a context that ends when the caller's form has.
func (r *ring) over(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with ctx, which the caller ends
		select {
		case <-r.gone[atEnd]:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (r *ring) calleeUser(ctx context.Context) {
	live, done := r.over(ctx)
	defer done()
	if _, ok := r.callee.record.await(live, r.id, ofType(api.RemoteInvitationReceived)); !ok {
		return
	}
	r.mark(atRinging)
	if r.plan == planNobody || r.plan == planCancel || !pause(live, r.think) {
		return
	}
	if r.plan == planRefuse {
		r.mark(atRefuse)
		a, ok := r.ask(ctx, r.callee, api.VerbRefuse, api.Refuse{Reason: "busy", Response: "not now " + r.ticket})
		if ok && a.code == "" {
			r.mark(atRefused)
		}
		return
	}
	r.mark(atAccept)
	a, ok := r.ask(ctx, r.callee, api.VerbAccept, api.Accept{Response: "answer " + r.ticket})
	if ok && a.code == "" {
		r.mark(atBid)
	}
}

func (r *ring) callerUser(ctx context.Context) {
	live, done := r.over(ctx)
	defer done()
	switch r.plan {
	case planCancel:
		if !pause(live, r.patience) {
			return
		}
	case planRace:
		select {
		case <-r.gone[atRinging]:
		case <-live.Done():
			return
		}
		if !pause(live, r.think) {
			return
		}
	default:
		return
	}
	r.mark(atCancel)
	a, ok := r.ask(ctx, r.caller, api.VerbCancel, struct{}{})
	if ok && a.code == "" {
		r.mark(atCancels)
	}
}

func pause(ctx context.Context, d time.Duration) bool { return program.Sleep(ctx, d) }

// fit makes the users do what leads to a place.
func (r *ring) fit(place string) {
	switch place {
	case atIdle:
		r.hold = true
	case atAccept, atBid:
		r.plan = planAccept
	case atRefuse, atRefused:
		r.plan = planRefuse
	case atCancel, atCancels:
		r.plan = planCancel
	}
}
