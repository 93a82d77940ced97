package main

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// pollEvery is how often a daemon is asked whether it has come to a state.
const pollEvery = 2 * time.Millisecond

// until asks a daemon until it is as wanted.
func until(ctx context.Context, d *daemon.Daemon, wanted func(api.Node) bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		n, err := d.Node(ctx)
		if err != nil {
			return err
		}
		if wanted(n) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func online(n api.Node) bool { return n.State == api.StateOnline && len(n.Addresses) > 0 }

func offline(n api.Node) bool { return n.State == api.StateOffline && len(n.Addresses) == 0 }

func alone(n api.Node) bool { return n.ConnectedPeers == 0 }

// coldRing returns how long a ring took when the caller knew the callee's address
// and had no connection to it. The callee has just left the network and come
// back, with the port that it had.
func (c *couple) coldRing(ctx context.Context) (time.Duration, error) {
	if _, err := c.callee.SetOnline(ctx, false); err != nil {
		return 0, err
	}
	if err := errors.Join(until(ctx, c.callee, offline), until(ctx, c.caller, alone)); err != nil {
		return 0, err
	}
	if _, err := c.callee.SetOnline(ctx, true); err != nil {
		return 0, err
	}
	if err := until(ctx, c.callee, online); err != nil {
		return 0, err
	}
	for _, d := range []*daemon.Daemon{c.caller, c.callee} {
		if n, err := d.Node(ctx); err != nil || !alone(n) {
			return 0, errors.Join(err, errors.New("there is a connection already; nothing should have dialled"))
		}
	}
	ring, _, err := c.workers[0].whole(ctx)
	return ring, err
}
