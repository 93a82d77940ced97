//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
	"github.com/beckon-p2p/beckon/scripts/internal/wire"
)

// Scenarios are all there are.
var Scenarios = []Scenario{
	{"lan-only", "two devices of one home ring while its uplink is cut", nil, lanOnly},
	{"ipv6-only", "two homes behind firewalls, and no IPv4 anywhere", ipv6, rings(Firewall, Firewall, 0)},
	{"loss5", "both uplinks lose 5 % each way", nil, rings(EIM, EIM, 0.05)},
	{"relay-killed-while-ringing", "the relay in use is killed; it rings on and is accepted", nil, relayKilled},
	{"all-bootstrap-dead-after-joining", "every bootstrap peer is killed; the rest of the network stays", others, bootstrapDead},
	{"half-servers-dead", "ten of 20 servers are killed, and eight couples ring at once", servers(20), halfDead},
	{"callee-address-change-while-ringing", "the callee is carried to another home while it rings", nil, addressChange},
	{"uplink-cut-60s-then-ring", "the callee's uplink is cut for a minute, and it rings at once after", nil, uplinkCut},
	{"ten", "the cost of 10 daemons", servers(4), crowd(6)},
	{"twenty", "the cost of 20 daemons", servers(10), crowd(10)},
	{"sixty", "the cost of 60 daemons, and they ring", servers(30), crowd(30)},
}

func ipv6(c *Config)   { c.IPv6 = true }
func others(c *Config) { c.Others = c.Servers }

func servers(n int) func(*Config) { return func(c *Config) { c.Servers = n } }

// two starts peers in two homes and waits until they are settled.
func (w *World) two(ctx context.Context, r *Report, kinds ...Kind) (peers []*Peer, homes []*Home, err error) {
	for _, k := range kinds {
		p, h, err := w.At(ctx, k)
		if err != nil {
			return nil, nil, err
		}
		peers, homes = append(peers, p), append(homes, h)
	}
	start := time.Now()
	err = w.settle(ctx, peers...)
	r.Add("peers settled", time.Since(start))
	return peers, homes, err
}

// ringAndAccept measures a ring from one to the other and an accept.
func (w *World) ringAndAccept(ctx context.Context, r *Report, from, to *Peer) error {
	got := ring(ctx, from, to)
	w.tellWhy(ctx, from, got)
	if got.Err != nil {
		return got.Err
	}
	r.Add("ring", got.Took)
	r.Add("path", word(got.First))
	start := time.Now()
	err := accept(ctx, from, to, got)
	r.Add("accept", time.Since(start))
	return err
}

func lanOnly(ctx context.Context, w *World, r *Report) error {
	h, err := w.Home(EIM)
	if err != nil {
		return err
	}
	if _, err := h.Device(); err != nil {
		return err
	}
	h.Uplink().Change(cut)
	var peers []*Peer
	for _, d := range h.Devices {
		p, err := w.start(ctx, d, func(c *daemon.Config) { c.MDNS = true })
		if err != nil {
			return err
		}
		peers = append(peers, p)
	}
	got := ring(ctx, peers[0], peers[1])
	if got.Err != nil {
		return got.Err
	}
	r.Add("ring, after the start", got.Took)
	if got.First != api.PathLAN {
		return fmt.Errorf("the path is %q", got.First)
	}
	return accept(ctx, peers[0], peers[1], got)
}

func cut(l *wire.Link)  { l.Cut = true }
func mend(l *wire.Link) { l.Cut = false }

func rings(a, b Kind, loss float64) func(context.Context, *World, *Report) error {
	return func(ctx context.Context, w *World, r *Report) error {
		peers, homes, err := w.two(ctx, r, a, b)
		if err != nil {
			return err
		}
		for _, h := range homes {
			h.Uplink().Change(func(l *wire.Link) { l.Loss = loss })
		}
		return w.ringAndAccept(ctx, r, peers[0], peers[1])
	}
}

// relayKilled uses two homes between which no hole can be punched.
func relayKilled(ctx context.Context, w *World, r *Report) error {
	peers, _, err := w.two(ctx, r, Sym, Sym)
	if err != nil {
		return err
	}
	from, to := peers[0], peers[1]
	got := ring(ctx, from, to)
	if got.Err != nil {
		return got.Err
	}
	r.Add("ring", got.Took)
	if got.First != api.PathRelayed {
		return fmt.Errorf("the path is %q, not relayed", got.First)
	}
	killed := 0
	for _, p := range peers {
		n, err := p.Node(ctx)
		if err != nil {
			return err
		}
		// Which of its relays carries the session cannot be seen: the first is it or not.
		if of := relays(n); len(of) > 0 {
			killed += w.kill(of[0])
		}
	}
	r.Add("relays killed", killed)
	if killed == 0 {
		return errors.New("no relay is among the addresses of the peers")
	}
	start := time.Now()
	err = accept(ctx, from, to, got)
	r.Add("accept, after the kill", time.Since(start))
	return err
}

// kill kills the server with a peer ID, if it lives.
func (w *World) kill(id string) int {
	for _, s := range w.Servers {
		if s.PeerID == id && s.Daemon.Err() == nil {
			s.Die()
			return 1
		}
	}
	return 0
}

func bootstrapDead(ctx context.Context, w *World, r *Report) error {
	peers, _, err := w.two(ctx, r, EIM, EIM)
	if err != nil {
		return err
	}
	boot := len(w.Servers) / 2
	start := time.Now()
	for _, p := range peers { // who knows nobody else has not joined
		if err := p.AwaitServers(ctx, boot+1, Look); err != nil {
			return err
		}
	}
	r.Add("others than the bootstrap peers known", time.Since(start))
	for _, s := range w.Servers[:boot] {
		s.Die()
	}
	if err := pause(ctx, Look); err != nil { // those who lost a relay have another
		return err
	}
	return w.ringAndAccept(ctx, r, peers[0], peers[1])
}

// couples is how many couples ring when half of the servers are dead: whether
// it takes long is up to which relays died.
const couples = 8

func halfDead(ctx context.Context, w *World, r *Report) error {
	peers, _, err := w.two(ctx, r, slices.Repeat([]Kind{EIM}, 2*couples)...)
	if err != nil {
		return err
	}
	for i, s := range w.Servers {
		if i%2 == 0 {
			s.Die()
		}
	}
	rings := make([]Ring, couples)
	var all sync.WaitGroup
	for i := range rings {
		from, to := peers[2*i], peers[2*i+1]
		all.Go(func() {
			rings[i] = ring(ctx, from, to)
			w.tellWhy(ctx, from, rings[i])
		})
	}
	all.Wait()
	var errs []error
	var took []time.Duration
	for _, got := range rings {
		errs, took = append(errs, got.Err), append(took, got.Took)
	}
	slices.Sort(took)
	r.Add("ring, half of them", took[couples/2])
	r.Add("ring, the slowest", took[couples-1])
	return errors.Join(errs...)
}

func addressChange(ctx context.Context, w *World, r *Report) error {
	peers, _, err := w.two(ctx, r, EIM, EIM)
	if err != nil {
		return err
	}
	other, err := w.Home(EIM)
	if err != nil {
		return err
	}
	got := ring(ctx, peers[0], peers[1])
	if got.Err != nil {
		return got.Err
	}
	r.Add("ring", got.Took)
	if err := other.Adopt(peers[1].Host); err != nil {
		return err
	}
	start := time.Now()
	err = accept(ctx, peers[0], peers[1], got)
	r.Add("accept, after the change", time.Since(start))
	return err
}

// cutTime is longer than all of libp2p's timeouts.
const cutTime = time.Minute

func uplinkCut(ctx context.Context, w *World, r *Report) error {
	peers, homes, err := w.two(ctx, r, EIM, EIM)
	if err != nil {
		return err
	}
	homes[1].Uplink().Change(cut)
	if err := pause(ctx, cutTime); err != nil {
		return err
	}
	homes[1].Uplink().Change(mend)
	return w.ringAndAccept(ctx, r, peers[0], peers[1])
}

// crowd starts so many daemons in homes beside the servers, of the kinds in
// turn, and measures what all of them cost; then each second one rings the
// next.
func crowd(n int) func(context.Context, *World, *Report) error {
	return func(ctx context.Context, w *World, r *Report) error {
		start := time.Now()
		peers, err := w.crowd(ctx, n)
		if err != nil {
			return err
		}
		r.Add(fmt.Sprintf("%d more started", n), time.Since(start))
		err = w.settle(ctx, peers...)
		r.Add("all settled, from their start", time.Since(start))
		if err != nil {
			return err
		}
		w.cost(r, append(peers, w.Servers...))
		return w.pairs(ctx, r, peers)
	}
}

// startsAtOnce keeps a small machine from being busy with starts only.
const startsAtOnce = 4

func (w *World) crowd(ctx context.Context, n int) ([]*Peer, error) {
	peers, errs := make([]*Peer, n), make([]error, n)
	turn := make(chan struct{}, startsAtOnce)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			peers[i], _, errs[i] = w.At(ctx, Kinds[i%len(Kinds)])
		})
	}
	all.Wait()
	return peers, errors.Join(errs...)
}

// pairs rings between neighbours, one pair after the other.
func (w *World) pairs(ctx context.Context, r *Report, peers []*Peer) error {
	var took []time.Duration
	var failed []error
	for i := 1; i < len(peers); i += 2 {
		got := ring(ctx, peers[i-1], peers[i])
		w.say("%s rings %s: %v %s %v", peers[i-1].Host, peers[i].Host, got.Took, got.First, got.Err)
		if got.Err != nil {
			failed = append(failed, fmt.Errorf("%s rings %s: %w", peers[i-1].Host, peers[i].Host, got.Err))
			continue
		}
		took = append(took, got.Took)
	}
	r.Add("rings", fmt.Sprintf("%d of %d, p50 %s, p95 %s", len(took), len(peers)/2, share(took, 50), share(took, 95)))
	return errors.Join(failed...)
}
