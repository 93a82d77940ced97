package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
	"github.com/beckon-p2p/beckon/scripts/internal/sse"
)

// told is an event as a reader has read it.
type told struct {
	api.Event
	cursor string
	at     time.Time
}

// recorder is a reader of a device's stream. It resumes with its cursor and
// never goes away by itself: what a daemon wrote before it died is read.
type recorder struct {
	socket  string
	apps    []string // none: it observes
	stopped sync.WaitGroup

	mu     sync.Mutex
	first  string // cursor of the first hello
	cursor string
	events []told
	of     map[string][]int // events by invitation
	shown  map[string]time.Time
	opens  []time.Time // when a request for a stream was about to be made
	faults []string
	news   chan struct{} // closed and replaced
}

func newRecorder(socket string, apps ...string) *recorder {
	return &recorder{socket: socket, apps: apps, of: map[string][]int{}, shown: map[string]time.Time{}, news: make(chan struct{})}
}

// follow starts to read, until ctx is done.
func (r *recorder) follow(ctx context.Context) {
	r.stopped.Go(func() {
		for ctx.Err() == nil {
			r.once(ctx)
			program.Sleep(ctx, 20*time.Millisecond)
		}
	})
}

// once reads one connection to its end.
func (r *recorder) once(ctx context.Context) {
	r.mu.Lock()
	after := r.cursor
	r.opens = append(r.opens, time.Now())
	r.mu.Unlock()
	s, err := sse.Open(ctx, r.socket, r.apps, false, after)
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.opens = r.opens[:len(r.opens)-1] // nobody was there to count it
		if status, ok := err.(sse.StatusError); ok && status == 410 {
			r.faults = append(r.faults, "the cursor "+after+" was answered 410")
		}
		return
	}
	defer s.Close()
	for {
		rec, err := s.Next()
		if err != nil {
			return
		}
		if err := r.take(rec); err != nil {
			r.mu.Lock()
			r.faults = append(r.faults, err.Error())
			r.mu.Unlock()
		}
	}
}

func (r *recorder) take(rec sse.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case rec.Event == api.EventHello:
		var h api.Hello
		if err := json.Unmarshal(rec.Data, &h); err != nil {
			return err
		}
		if r.first == "" {
			r.first, r.cursor = h.Cursor, h.Cursor
		}
		for _, inv := range h.Live {
			r.show(inv.ID, rec.At)
		}
	case rec.Event == "":
		r.cursor = rec.ID
	case rec.ID != "":
		e := told{cursor: rec.ID, at: rec.At}
		if err := json.Unmarshal(rec.Data, &e.Event); err != nil {
			return err
		}
		if n := len(r.events); n > 0 && e.Seq <= r.events[n-1].Seq {
			return fmt.Errorf("event %d came after %d", e.Seq, r.events[n-1].Seq)
		}
		r.cursor = rec.ID
		if e.Invitation != nil {
			r.of[e.Invitation.ID] = append(r.of[e.Invitation.ID], len(r.events))
			r.show(e.Invitation.ID, rec.At)
		}
		r.events = append(r.events, e)
	}
	close(r.news)
	r.news = make(chan struct{})
	return nil
}

func (r *recorder) show(id string, at time.Time) {
	if _, ok := r.shown[id]; !ok {
		r.shown[id] = at
	}
}

// about returns what was told about an invitation so far.
func (r *recorder) about(id string) []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.aboutLocked(id)
}

func (r *recorder) aboutLocked(id string) []told {
	var all []told
	for _, i := range r.of[id] {
		all = append(all, r.events[i])
	}
	return all
}

// await waits until what was told about an invitation fits, or ctx is done.
func (r *recorder) await(ctx context.Context, id string, fits func(told) bool) (told, bool) {
	for {
		r.mu.Lock()
		all, news := r.aboutLocked(id), r.news
		r.mu.Unlock()
		if i := slices.IndexFunc(all, fits); i >= 0 {
			return all[i], true
		}
		select {
		case <-news:
		case <-ctx.Done():
			return told{}, false
		}
	}
}

// has reports whether the reader was shown the invitation, and since when.
func (r *recorder) has(id string) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.shown[id]
	return at, ok
}

// openedBefore reports whether a stream that was taken had been asked for by then.
func (r *recorder) openedBefore(t time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.opens) > 0 && r.opens[0].Before(t)
}

// ending reports whether an event is the terminal callback of its form.
func ending(e told) bool {
	return e.Invitation != nil && e.Invitation.Ended() && e.Type != api.LocalInvitationAcceptUnconfirmed && e.Type != api.RemoteInvitationMissed
}

// over reports whether an event is the last of a form: its end, or that it was
// missed, which is no callback of a ring.
func over(e told) bool { return ending(e) || e.Type == api.RemoteInvitationMissed }

func ofType(typ string) func(told) bool { return func(e told) bool { return e.Type == typ } }
