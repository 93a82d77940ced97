//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// Config says what runs in a laboratory.
type Config struct {
	Beckond string        // path of the binary
	Servers int           // public hosts, all bootstrap peers
	Others  int           // further public hosts, which nobody is told of
	Settle  time.Duration // how long a peer may take to be reachable; one that never is waits so long
	IPv6    bool
	Slow    time.Duration                    // a ring that took longer, or failed, tells why; 0: none does
	Say     func(format string, args ...any) // progress; may be nil
}

// World is a laboratory with public servers that run.
type World struct {
	*Lab
	Servers []*Peer

	cfg   Config
	dir   string
	boot  []string
	mu    sync.Mutex
	peers int
}

// serverPort is where servers listen.
const serverPort = 4001

// Build builds a laboratory and starts its servers.
func Build(ctx context.Context, cfg Config) (w *World, err error) {
	w = &World{Lab: New(uint64(time.Now().UnixNano())), cfg: cfg}
	w.IPv6 = cfg.IPv6
	defer closeUnless(&err, w)
	if w.dir, err = os.MkdirTemp("", "nl"); err != nil { // short: it holds sockets
		return nil, err
	}
	if w.cfg.Beckond, err = filepath.Abs(cfg.Beckond); err != nil {
		return nil, err
	}
	var boot []string
	for i := range cfg.Servers + cfg.Others {
		p, err := w.server(ctx)
		if err != nil {
			return nil, err
		}
		w.Servers = append(w.Servers, p)
		if i < cfg.Servers {
			boot = append(boot, p.multiaddrs()...)
		}
		// The rest of them join by the first; their own list comes too late for them.
		w.boot = boot[:min(len(boot), 2)]
	}
	w.boot = boot
	return w, nil
}

func (w *World) server(ctx context.Context) (*Peer, error) {
	h, err := w.Public()
	if err != nil {
		return nil, err
	}
	return w.start(ctx, h, func(c *daemon.Config) {
		ip := w.ip(unspecified(h.Addr).String())
		c.Listen = []string{fmt.Sprintf("%s/udp/%d/quic-v1", ip, serverPort), fmt.Sprintf("%s/tcp/%d", ip, serverPort)}
	})
}

func (w *World) ip(addr string) string {
	if w.IPv6 {
		return "/ip6/" + addr
	}
	return "/ip4/" + addr
}

// multiaddrs are a server's, QUIC and TCP.
func (p *Peer) multiaddrs() []string {
	ip := "/ip4/"
	if p.Host.Addr.Is6() {
		ip = "/ip6/"
	}
	ip += p.Host.Addr.String()
	return []string{
		fmt.Sprintf("%s/udp/%d/quic-v1/p2p/%s", ip, serverPort, p.PeerID),
		fmt.Sprintf("%s/tcp/%d/p2p/%s", ip, serverPort, p.PeerID),
	}
}

// Close ends everything and removes its files.
func (w *World) Close() {
	w.Lab.Close()
	if w.dir != "" {
		_ = os.RemoveAll(w.dir) // what stays is in the system's temporary directory
	}
}

// say tells how far it is.
func (w *World) say(format string, args ...any) {
	if w.cfg.Say != nil {
		w.cfg.Say(format, args...)
	}
}

// At starts a peer on the first device of a new home.
func (w *World) At(ctx context.Context, kind Kind) (*Peer, *Home, error) {
	h, err := w.Home(kind)
	if err != nil {
		return nil, nil, err
	}
	p, err := w.start(ctx, h.Devices[0], nil)
	return p, h, err
}

// settle waits for several peers at once.
func (w *World) settle(ctx context.Context, peers ...*Peer) error {
	errs := make([]error, len(peers))
	var all sync.WaitGroup
	for i, p := range peers {
		all.Go(func() { _, _, errs[i] = p.Settle(ctx, w.cfg.Settle) })
	}
	all.Wait()
	return errors.Join(errs...)
}
