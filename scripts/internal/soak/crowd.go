package main

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// member is a daemon of the crowd and its app.
type member struct {
	*client.Client
	name   string
	mortal bool // may be killed
	cfg    daemon.Config
	app    sync.WaitGroup

	mu      sync.Mutex
	d       *daemon.Daemon
	id      string
	samples []sample
}

// gather starts all daemons. They keep their ports, and know the first ones.
func (s *soak) gather(ctx, apps context.Context) error {
	var known []string
	for i := range s.daemons {
		port, err := freePort()
		if err != nil {
			return err
		}
		m := &member{name: fmt.Sprintf("d%d", i), mortal: i >= s.daemons-s.daemons/3}
		m.cfg = daemon.Config{
			Binary: s.Beckond, Dir: s.Dir, Name: m.name, Network: "soak", Bootstrap: known,
			Listen: []string{fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", port), fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port)},
		}
		m.Client = client.New(s.Dir + "/" + m.name + ".sock")
		s.crowd = append(s.crowd, m)
		if err := m.start(ctx); err != nil {
			return err
		}
		if len(known) < 4 {
			known = append(known[:len(known):len(known)], m.cfg.Listen[0]+"/p2p/"+m.id)
		}
		m.app.Go(func() { s.answer(apps, m) })
	}
	return nil
}

func freePort() (int, error) {
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port, nil
}

func (m *member) start(ctx context.Context) error {
	d, err := daemon.Start(ctx, m.cfg)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.d, m.id = d, d.PeerID
	return nil
}

func (m *member) daemon() *daemon.Daemon {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.d
}

func (s *soak) close(stop context.CancelFunc) {
	stop()
	var all sync.WaitGroup
	for _, m := range s.crowd {
		all.Go(func() {
			m.app.Wait()
			if d := m.daemon(); d != nil {
				d.Stop()
			}
			m.Close()
		})
	}
	all.Wait()
}

// answer is the app of a member: it accepts most, refuses some and leaves some to
// the caller.
func (s *soak) answer(ctx context.Context, m *member) {
	for ev, err := range m.Events(ctx, client.EventOptions{Apps: []string{"soak"}}) {
		if err != nil {
			if ctx.Err() == nil {
				s.violation("%s's app: %v", m.name, err)
			}
			return
		}
		if ev.Type != api.RemoteInvitationReceived || ev.Over {
			continue
		}
		switch n := rand.IntN(10); {
		case n < 6 || strings.HasPrefix(ev.Invitation.Content, warmContent):
			_, err = m.Accept(ctx, ev.Invitation.ID, ev.Invitation.Content)
		case n < 8:
			_, err = m.Refuse(ctx, ev.Invitation.ID, "busy", "")
		}
		var p *api.Problem
		if errors.As(err, &p) && p.Status >= 500 && p.Code != api.CodeShuttingDown {
			s.violation("%s was answered %v", m.name, err)
		}
	}
}

// ringOften lets random pairs ring until busy is over, and waits for the last.
func (s *soak) ringOften(ctx, busy context.Context) error {
	rng := rand.New(rand.NewPCG(s.seed, 1))
	content := strings.Repeat("x", s.content)
	var rings sync.WaitGroup
	tick := time.NewTicker(time.Second / time.Duration(s.rate))
	defer tick.Stop()
	for n := 0; busy.Err() == nil; n++ {
		from, to := rng.IntN(len(s.crowd)), rng.IntN(len(s.crowd)-1)
		if to >= from {
			to++
		}
		cancelAfter := time.Duration(0)
		if rng.IntN(5) == 0 {
			cancelAfter = time.Duration(rng.IntN(1500)) * time.Millisecond
		}
		rings.Go(func() { s.ring(ctx, s.crowd[from], s.crowd[to], content, cancelAfter) })
		select {
		case <-tick.C:
		case <-busy.Done():
		}
	}
	rings.Wait()
	return ctx.Err()
}

// ring is one invitation from its creation to its end.
func (s *soak) ring(ctx context.Context, from, to *member, content string, cancelAfter time.Duration) {
	in := api.CreateInvitation{CalleeID: to.id, App: "soak", Content: content, ReachMS: 4000, RingMS: 3000}
	key := crand.Text()
	inv, err := insist(ctx, func() (api.Invitation, error) { return from.CreateOnce(ctx, key, in) })
	if err == nil {
		if cancelAfter > 0 && program.Sleep(ctx, cancelAfter) {
			_, _ = from.Cancel(ctx, inv.ID, "") // it may be over
		}
		inv, err = insist(ctx, func() (api.Invitation, error) { return from.Wait(ctx, inv.ID) })
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		s.violation("a ring from %s to %s: %v", from.name, to.name, err)
	default:
		s.ended(strings.TrimSpace(inv.State + " " + inv.Error))
		if !from.mortal && !to.mortal && inv.Error == api.PeerOffline {
			s.violation("%s could not reach %s, and neither was killed", from.name, to.name)
		}
	}
}

// insist asks again while the daemon is away.
func insist(ctx context.Context, ask func() (api.Invitation, error)) (api.Invitation, error) {
	for {
		inv, err := ask()
		if !errors.Is(err, client.ErrNotRunning) && !errors.Is(err, &api.Problem{Code: api.CodeShuttingDown}) || !program.Sleep(ctx, 50*time.Millisecond) {
			return inv, err
		}
	}
}

// killOften kills one of the mortal ones now and then and starts it again.
func (s *soak) killOften(ctx, busy context.Context) error {
	rng := rand.New(rand.NewPCG(s.seed, 2))
	mortal := s.crowd[s.daemons-s.daemons/3:]
	for program.Sleep(busy, s.killEvery/2+time.Duration(rng.Int64N(int64(s.killEvery)))) {
		m := mortal[rng.IntN(len(mortal))]
		m.daemon().Kill()
		s.mu.Lock()
		s.kills++
		s.mu.Unlock()
		if !program.Sleep(ctx, time.Duration(rng.IntN(2000))*time.Millisecond) {
			return ctx.Err()
		}
		if err := m.start(ctx); err != nil {
			return err
		}
	}
	return nil
}
