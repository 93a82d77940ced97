//go:build linux

package netlab

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// Peer is a daemon on a host, with an app.
type Peer struct {
	*daemon.Daemon
	Host *Host

	cfg  daemon.Config
	app  *app
	lab  *Lab
	once *sync.Once // of this run of the daemon
}

// start starts a daemon on a host.
func (w *World) start(ctx context.Context, h *Host, change func(*daemon.Config)) (*Peer, error) {
	w.mu.Lock()
	w.peers++
	name := fmt.Sprintf("b%d", w.peers)
	w.mu.Unlock()
	p := &Peer{Host: h, lab: w.Lab, cfg: daemon.Config{
		Binary: w.cfg.Beckond, Dir: w.dir, Name: name, Network: "lab",
		Bootstrap: w.boot, Listen: []string{daemon.Default}, Start: h.Start,
	}}
	if change != nil {
		change(&p.cfg)
	}
	return p, p.run(ctx)
}

func (p *Peer) run(ctx context.Context) error {
	d, err := daemon.Start(ctx, p.cfg)
	if err != nil {
		return fmt.Errorf("on the %s: %w", p.Host, err)
	}
	p.Daemon, p.once = d, new(sync.Once)
	if p.app, err = attach(ctx, d.Client); err != nil {
		d.Stop()
		return err
	}
	p.lab.own(dying{p})
	return nil
}

// dying is a peer whose laboratory ends: it has no time for an orderly stop.
type dying struct{ p *Peer }

func (d dying) Close() { d.p.Die() }

// Close stops the daemon in order.
func (p *Peer) Close() { p.end(p.Daemon.Stop) }

// Die ends the daemon at once.
func (p *Peer) Die() { p.end(p.Daemon.Kill) }

func (p *Peer) end(how func()) {
	p.once.Do(func() {
		p.lab.disown(dying{p})
		p.app.close()
		how()
	})
}

// Restart stops the daemon and starts it again: it keeps its identity and what
// it remembers.
func (p *Peer) Restart(ctx context.Context) error {
	p.Close()
	return p.run(ctx)
}

// eachBit is how often a condition is looked at.
const eachBit = 50 * time.Millisecond

// until waits until something holds; for at most the given time.
func until(ctx context.Context, most time.Duration, holds func(context.Context) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(eachBit)
	defer tick.Stop()
	for !holds(ctx) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Settle waits until the peer is online and can be reached as far as it can
// ever be: at a public address or through a relay. It returns how long that
// took, and whether it is so; not even being online is an error.
func (p *Peer) Settle(ctx context.Context, most time.Duration) (took time.Duration, reachable bool, err error) {
	start := time.Now()
	online := until(ctx, joinTime, func(ctx context.Context) bool {
		n, err := p.Node(ctx)
		return err == nil && n.State == "online"
	})
	if !online {
		return 0, false, fmt.Errorf("%s on the %s did not come online in %v", p.Name, p.Host, joinTime)
	}
	reachable = until(ctx, most, func(ctx context.Context) bool {
		n, err := p.Node(ctx)
		return err == nil && (n.Reachability == "public" || len(relays(n)) > 0)
	})
	return time.Since(start), reachable, ctx.Err()
}

// AwaitServers waits until the daemon knows so many servers of the DHT.
func (p *Peer) AwaitServers(ctx context.Context, n int, most time.Duration) error {
	knows := 0
	if !until(ctx, most, func(ctx context.Context) bool {
		got, err := p.Node(ctx)
		knows = got.DHT.RoutingTable
		return err == nil && knows >= n
	}) {
		return fmt.Errorf("%s on the %s knows %d servers of the DHT after %v, want %d", p.Name, p.Host, knows, most, n)
	}
	return nil
}

// joinTime is how long a daemon may take to come online.
const joinTime = 60 * time.Second

// relays returns the peer IDs of the relays among a node's addresses.
func relays(n api.Node) (ids []string) {
	for _, a := range n.Addresses {
		before, _, circuit := strings.Cut(a, "/p2p-circuit")
		if _, id, ok := strings.Cut(before, "/p2p/"); circuit && ok && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// PathTo returns the path of the connection to another peer, "" if none.
func (p *Peer) PathTo(ctx context.Context, id string) (string, error) {
	all, err := p.Peers(ctx)
	for _, other := range all {
		if other.PeerID == id {
			return other.Path, err
		}
	}
	return "", err
}
