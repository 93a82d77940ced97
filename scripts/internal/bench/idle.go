package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// settled is how long after its start a daemon has nothing left to do about it:
// beckond tidies up after 10 s.
const settled = 12 * time.Second

// wireTime is the least in which what an idle daemon sends and receives says
// something: connections are kept alive every 15 s.
const wireTime = 30 * time.Second

// still is a daemon with neighbours that is left alone: a client of a private
// DHT, as a device behind a NAT is.
type still struct {
	*daemon.Daemon
	started time.Time
	peers   *child
	cable   *cable // nil: on loopback, where bytes cannot be told from others'
	why     error  // there is no cable
}

// startStill starts one and connects all its neighbours.
func (l *lab) startStill(ctx context.Context) (err error) {
	s := &still{started: time.Now()}
	l.still = s
	near, far := "127.0.0.1", slices.Repeat([]string{"127.0.0.1"}, neighbours)
	cfg := daemon.Config{Name: "idle", Network: benchNetwork, More: []string{"--reachability", "private"}}
	start := startHere
	if s.cable, s.why = newCable(); s.cable != nil {
		near, far = nearIP, farIPs()
		cfg.Start, start = s.cable.startNear, s.cable.startFar
	}
	if s.peers, err = startChild(start, append([]string{roleNeighbours}, far...)...); err != nil {
		return err
	}
	first, err := s.peers.line(ctx)
	if err != nil {
		return err
	}
	cfg.Bootstrap = []string{first}
	cfg.Listen = []string{"/ip4/" + near + "/udp/0/quic-v1", "/ip4/" + near + "/tcp/0"}
	if s.Daemon, err = l.start(ctx, cfg); err != nil {
		return err
	}
	n, err := s.Node(ctx)
	if err != nil {
		return err
	}
	for _, a := range n.Addresses {
		if strings.Contains(a, "/quic-v1/") {
			fmt.Fprintln(s.peers.in, a)
			break
		}
	}
	stand, err := s.peers.line(ctx)
	if err != nil {
		return err
	}
	if stand != strconv.Itoa(neighbours) {
		return fmt.Errorf("%s connections to the idle daemon stand, want %d", stand, neighbours)
	}
	return nil
}

// measureStill lets it be for a while, and reads what that took.
func (l *lab) measureStill(ctx context.Context) error {
	s := l.still
	rest(ctx, time.Until(s.started.Add(settled)))
	n, err := s.Node(ctx)
	if err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	if n.ConnectedPeers != neighbours || n.DHT.Mode != "client" {
		return fmt.Errorf("the idle daemon has %d connections and is a DHT %s, want %d and a client", n.ConnectedPeers, n.DHT.Mode, neighbours)
	}
	l.say("idle with %d connections for %v", neighbours, l.plan.still)
	before, begun := used(s.PID()), time.Now()
	var carried int64
	if s.cable != nil {
		carried = s.cable.carried()
	}
	rest(ctx, l.plan.still)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	took := time.Since(begun)
	if s.cable != nil && took >= wireTime {
		l.add(figWire, float64(s.cable.carried()-carried)/took.Hours())
	}
	resident, own, err := memory(s.Daemon)
	if err != nil || resident == 0 {
		return err // the system does not tell
	}
	l.add(figStill, float64(resident))
	l.add(figStillOwn, float64(own))
	l.add(figShare, (used(s.PID())-before).Seconds()/took.Seconds())
	return nil
}

// rest waits, unless ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *still) close() {
	if s.peers != nil {
		_ = s.peers.close() // they only stood there
	}
	if s.cable != nil {
		s.cable.close()
	}
}
