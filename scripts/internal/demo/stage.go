package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

const (
	app     = "demo"
	network = "beckon-demo"
)

// side is one of the two who meet.
type side int

const (
	caller side = iota
	callee
)

// seen is a callback that one side's app was told.
type seen struct {
	side  side
	at    time.Time
	event client.Event
	err   error // the stream's end
}

// stage is the three daemons and the apps of two of them.
type stage struct {
	boot    *daemon.Daemon
	peers   [2]*daemon.Daemon
	told    chan seen
	leave   context.CancelFunc
	readers sync.WaitGroup
}

// openStage starts the daemons and an app at each of the two that will meet.
func openStage(ctx context.Context, beckond, dir string) (s *stage, err error) {
	s = &stage{told: make(chan seen), leave: func() {}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	cfg := daemon.Config{Binary: beckond, Dir: dir, Network: network}
	cfg.Name = "bootstrap"
	if s.boot, err = daemon.Start(ctx, cfg); err != nil {
		return s, err
	}
	info, err := s.boot.Node(ctx)
	if err != nil {
		return s, err
	}
	cfg.Bootstrap = info.Addresses
	for i, name := range []string{"caller", "callee"} {
		cfg.Name = name
		if s.peers[i], err = daemon.Start(ctx, cfg); err != nil {
			return s, err
		}
	}
	return s, s.listen(ctx)
}

// listen attaches the two apps and waits until both are there and their daemons
// have joined the network.
func (s *stage) listen(ctx context.Context) error {
	ctx, s.leave = context.WithCancel(ctx)
	for i, d := range s.peers {
		s.readers.Go(func() { s.read(ctx, side(i), d) })
	}
	var here, online [2]bool
	for here != [2]bool{true, true} || online != [2]bool{true, true} {
		e, err := s.next(ctx)
		if err != nil {
			return err
		}
		switch {
		case e.event.Hello != nil:
			here[e.side] = true
			online[e.side] = online[e.side] || e.event.Hello.State == api.StateOnline
		case e.event.Type == api.NodeOnline:
			online[e.side] = true
		}
	}
	return nil
}

// read hands on what one app is told.
func (s *stage) read(ctx context.Context, who side, d *daemon.Daemon) {
	tell := func(e seen) bool {
		select {
		case s.told <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for ev, err := range d.Events(ctx, client.EventOptions{Apps: []string{app}, FailFast: true}) {
		if !tell(seen{who, time.Now(), ev, err}) {
			return
		}
	}
}

// next waits for the next callback to either app.
func (s *stage) next(ctx context.Context) (seen, error) {
	select {
	case e := <-s.told:
		return e, e.err
	case <-s.boot.Done():
	case <-s.peers[caller].Done():
	case <-s.peers[callee].Done():
	case <-ctx.Done():
		return seen{}, context.Cause(ctx)
	}
	return seen{}, s.broken(ctx)
}

// broken says which daemon has ended by itself. Nothing is broken once ctx is
// done.
func (s *stage) broken(ctx context.Context) error {
	for _, d := range []*daemon.Daemon{s.boot, s.peers[caller], s.peers[callee]} {
		if d != nil && d.Err() != nil && ctx.Err() == nil {
			return d.Err()
		}
	}
	return nil
}

// do lets the user of one side do something to an invitation.
func (s *stage) do(ctx context.Context, a act, id string) error {
	d, err := s.peers[a.by], error(nil)
	switch a.verb {
	case api.VerbAccept:
		_, err = d.Accept(ctx, id, a.text)
	case api.VerbRefuse:
		_, err = d.Refuse(ctx, id, api.ReasonBusy, a.text)
	case api.VerbCancel:
		_, err = d.Cancel(ctx, id, "")
	}
	if err != nil {
		return fmt.Errorf("%s at the %s: %w", a.verb, d.Name, err)
	}
	return nil
}

// close ends the apps, then the daemons.
func (s *stage) close() {
	s.leave()
	s.readers.Wait()
	daemon.StopAll(s.boot, s.peers[caller], s.peers[callee])
}
