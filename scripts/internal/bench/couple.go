package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// couple is two daemons of which one rings the other, an app at each, and
// workers who let invitations go through them.
type couple struct {
	caller, callee *daemon.Daemon
	workers        []*worker
}

// worker carries one invitation at a time from end to end, as both users at
// once.
type worker struct {
	c                  *couple
	number, count      int
	atCaller, atCallee *line
	told               chan told // everything about this worker's invitations
	ticket             string
	seen               map[string]told // about the present one
}

// newCouple attaches the apps and n workers. fail is told when an app's
// connection breaks; everything ends with ctx.
func newCouple(ctx context.Context, caller, callee *daemon.Daemon, n int, fail context.CancelCauseFunc) (*couple, error) {
	c := &couple{caller: caller, callee: callee}
	for i := range n {
		w := &worker{c: c, number: i, told: make(chan told, 64)}
		var err error
		if w.atCaller, err = dial(ctx, caller.Socket()); err != nil {
			return nil, err
		}
		if w.atCallee, err = dial(ctx, callee.Socket()); err != nil {
			return nil, err
		}
		c.workers = append(c.workers, w)
	}
	for _, d := range []*daemon.Daemon{caller, callee} {
		a, err := listen(ctx, d)
		if err != nil {
			return nil, err
		}
		go func() { fail(fmt.Errorf("events of the %s: %w", d.Name, c.sort(ctx, a))) }()
	}
	return c, nil
}

// sort hands events to the workers whose tickets they bear, until the stream
// breaks.
func (c *couple) sort(ctx context.Context, a *listener) error {
	for {
		e, err := a.next()
		if err != nil {
			return err
		}
		number, _, ok := strings.Cut(e.ticket, ".")
		if !ok {
			continue
		}
		i, err := strconv.Atoi(number)
		if err != nil || i >= len(c.workers) {
			return fmt.Errorf("an event with the ticket %q, which nobody gave", e.ticket)
		}
		select {
		case c.workers[i].told <- e:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// await waits until an app has been told that about the present invitation.
func (w *worker) await(ctx context.Context, typ string) (told, error) {
	for {
		if e, ok := w.seen[typ]; ok {
			return e, nil
		}
		select {
		case e := <-w.told:
			if e.ticket == w.ticket {
				w.seen[e.typ] = e
			}
			if strings.HasSuffix(e.typ, "_failure") {
				return told{}, fmt.Errorf("an invitation ended with %s", e.typ)
			}
		case <-ctx.Done():
			return told{}, fmt.Errorf("waiting for %s: %w", typ, context.Cause(ctx))
		}
	}
}

// ring sends an invitation and returns it as the callee's app was told, with the
// time that this took: from the POST until the event had been read.
func (w *worker) ring(ctx context.Context) (told, time.Duration, error) {
	w.count++
	w.ticket = strconv.Itoa(w.number) + "." + strconv.Itoa(w.count)
	w.seen = map[string]told{}
	start := time.Now()
	if err := w.atCaller.invite(w.c.callee.PeerID, w.ticket); err != nil {
		return told{}, 0, err
	}
	e, err := w.await(ctx, api.RemoteInvitationReceived)
	return e, e.at.Sub(start), err
}

// accept accepts it, and returns the time from the POST until the caller's app
// had read of it.
func (w *worker) accept(ctx context.Context, id string) (time.Duration, error) {
	start := time.Now()
	if err := w.atCallee.accept(id); err != nil {
		return 0, err
	}
	e, err := w.await(ctx, api.LocalInvitationAccepted)
	return e.at.Sub(start), err
}

// answers reads what the daemons answered to the two requests.
func (w *worker) answers() error {
	if err := w.atCaller.answered(); err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	if err := w.atCallee.answered(); err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	return nil
}

// whole carries one invitation from end to end, with nothing else under way, and
// returns how long ring and accept took.
func (w *worker) whole(ctx context.Context) (ring, accept time.Duration, err error) {
	e, ring, err := w.ring(ctx)
	if err != nil {
		return 0, 0, err
	}
	if _, err := w.await(ctx, api.LocalInvitationReceivedByPeer); err != nil {
		return 0, 0, err
	}
	if accept, err = w.accept(ctx, e.id); err != nil {
		return 0, 0, err
	}
	if _, err := w.await(ctx, api.RemoteInvitationAccepted); err != nil {
		return 0, 0, err
	}
	return ring, accept, w.answers()
}
