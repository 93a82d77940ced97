//go:build linux

package netlab

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// reachTime is how long a ring may take here: longer than the daemon's own 30 s.
const reachTime = 35 * time.Second

// Ring is how one ring went.
type Ring struct {
	Took  time.Duration // from the call until the callee's app had it
	First string        // path when the caller heard that it rings
	Later string        // path a while after; "" if nobody looked
	Err   error         // nil: it rang

	id string
}

// ring rings and leaves it ringing.
func ring(ctx context.Context, from, to *Peer) (r Ring) {
	start := time.Now()
	inv, err := from.Create(ctx, api.CreateInvitation{CalleeID: to.PeerID, Content: "offer"})
	if err != nil {
		return Ring{Err: err}
	}
	r.id = inv.ID
	ctx, cancel := context.WithTimeoutCause(ctx, reachTime, fmt.Errorf("nothing rang in %v", reachTime))
	defer cancel()
	live, stop := context.WithCancelCause(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		if e, err := from.app.await(live, endOf(inv.ID)); err == nil {
			stop(fmt.Errorf("the caller's form ended: %s %s %s", e.Invitation.State, e.Invitation.Error, e.Invitation.Reason))
		}
	})
	defer watch.Wait()
	defer stop(nil)
	got, err := to.app.await(live, about(inv.ID, api.RemoteInvitationReceived))
	if err != nil {
		return Ring{Err: err, id: inv.ID}
	}
	r.Took = got.at.Sub(start)
	rings, err := from.app.await(live, about(inv.ID, api.LocalInvitationReceivedByPeer))
	if err != nil {
		return Ring{Err: fmt.Errorf("it rang, but the caller never heard: %w", err), id: inv.ID}
	}
	r.First = rings.Invitation.Path
	return r
}

// tellWhy tells what the caller knows of a ring that was slow or failed.
func (w *World) tellWhy(ctx context.Context, from *Peer, r Ring) {
	if w.cfg.Slow == 0 || r.id == "" || r.Err == nil && r.Took <= w.cfg.Slow {
		return
	}
	e, err := from.Explain(ctx, r.id, false)
	if err != nil {
		w.say("no explanation: %v", err)
		return
	}
	for _, step := range e.Steps {
		w.say("  %6.0f ms  %s", step.SinceMS, step.Text)
	}
}

// ringAndLook rings, looks at the path after a while and cancels.
func ringAndLook(ctx context.Context, from, to *Peer, after time.Duration) Ring {
	r := ring(ctx, from, to)
	if r.Err != nil {
		return r
	}
	if r.Err = pause(ctx, after); r.Err != nil {
		return r
	}
	if r.Later, r.Err = from.PathTo(ctx, to.PeerID); r.Err == nil {
		_, r.Err = from.Cancel(ctx, r.id, "")
	}
	return r
}

// accept answers a ring and waits until both sides know.
func accept(ctx context.Context, from, to *Peer, r Ring) error {
	ctx, cancel := context.WithTimeoutCause(ctx, reachTime, fmt.Errorf("not accepted in %v", reachTime))
	defer cancel()
	if _, err := to.Accept(ctx, r.id, "answer"); err != nil {
		return err
	}
	for _, side := range []struct {
		of  *Peer
		typ string
	}{{from, api.LocalInvitationAccepted}, {to, api.RemoteInvitationAccepted}} {
		e, err := side.of.app.await(ctx, endOf(r.id))
		if err != nil {
			return err
		}
		if e.Type != side.typ {
			return fmt.Errorf("%s: %s %s in place of %s", side.of.Host, e.Type, e.Invitation.Error, side.typ)
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
