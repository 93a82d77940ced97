package dht

import (
	"context"
	"slices"
	"sync"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

const (
	dialsAtOnce = 8
	dialTime    = 5 * time.Second
	// enough connections end a round: the DHT's own refresh finds the rest.
	enough = 8
	// maxKnown bounds one round.
	maxKnown = 64

	firstRetry = time.Second
	lastRetry  = time.Minute
)

// run follows the routing table and the host's events, and dials known peers
// while the peer has not joined. It must not block: libp2p waits for a slow
// reader of its events.
func (d *DHT) run(sub event.Subscription, kad *kaddht.IpfsDHT) {
	var round sync.WaitGroup
	defer round.Wait()
	next := time.NewTimer(0)
	defer next.Stop()
	delay := firstRetry
	atOnce := func() {
		delay = firstRetry
		next.Reset(0)
	}
	ended := make(chan struct{}, 1)
	dialing, again := false, false
	d.tableChanged(kad)
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.touched:
			if d.tableChanged(kad) {
				atOnce()
			}
		case e := <-sub.Out():
			if d.hostChanged(e, kad) {
				atOnce()
			}
		case <-next.C:
			if dialing {
				again = true
				continue
			}
			dialing = true
			round.Go(func() {
				d.round(kad, d.wanted(kad))
				ended <- struct{}{}
			})
		case <-ended:
			dialing = false
			if again {
				again = false
				next.Reset(0)
				continue
			}
			next.Reset(delay)
			delay = min(2*delay, d.longest(kad))
		}
	}
}

// longest is the distance of two rounds at the most.
func (d *DHT) longest(kad *kaddht.IpfsDHT) time.Duration {
	if kad.RoutingTable().Size() == 0 {
		return lastRetry
	}
	return refreshEvery
}

// tableChanged looks at the routing table and tells those who wait for it. It
// reports whether the last peer has gone.
func (d *DHT) tableChanged(kad *kaddht.IpfsDHT) (emptied bool) {
	some := kad.RoutingTable().Size() > 0
	d.mu.Lock()
	was := isClosed(d.filled)
	switch {
	case some && !was:
		close(d.filled)
	case !some && was:
		d.filled = make(chan struct{})
	}
	d.mu.Unlock()
	d.tell()
	return was && !some
}

// tell tells OnJoined if it does not know yet.
func (d *DHT) tell() {
	joined := d.Joined()
	if d.cfg.OnJoined == nil || d.ctx.Err() != nil || d.toldOnce && joined == d.told {
		return
	}
	d.toldOnce, d.told = true, joined
	d.cfg.OnJoined(joined)
}

// tableFilled returns a channel that is closed once the table has a peer.
func (d *DHT) tableFilled() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.filled
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// hostChanged reports whether it is worth dialing at once.
func (d *DHT) hostChanged(e any, kad *kaddht.IpfsDHT) bool {
	switch e := e.(type) {
	case event.EvtLocalAddressesUpdated:
		d.lookAtAddresses()
		select {
		case d.moved <- struct{}{}:
		default:
		}
		return true
	case event.EvtLocalProtocolsUpdated:
		d.tell() // the mode may have changed
	case event.EvtPeerConnectednessChanged:
		// There is nothing to dial, but the table may have missed the peer.
		if e.Connectedness == network.Connected && d.isBootstrap(e.Peer) && kad.RoutingTable().Find(e.Peer) == "" {
			kad.Bootstrap(d.ctx)
		}
	}
	return false
}

func (d *DHT) isBootstrap(id peer.ID) bool {
	return slices.ContainsFunc(d.cfg.Bootstrap, func(p peer.AddrInfo) bool { return p.ID == id })
}

// wanted returns whom to dial now: everybody known while the table is empty,
// and those of a private DHT while it has none of them, for otherwise two halves
// of a network that began without them would never meet. The public DHT is too
// large to have halves, and its bootstrap peers have enough to do.
func (d *DHT) wanted(kad *kaddht.IpfsDHT) []peer.AddrInfo {
	if kad.RoutingTable().Size() == 0 {
		return d.known(true)
	}
	if d.public() {
		return nil
	}
	for _, p := range d.cfg.Bootstrap {
		if kad.RoutingTable().Find(p.ID) != "" {
			return nil
		}
	}
	return d.known(false)
}

// known returns the bootstrap peers and, if asked, those of the cache.
func (d *DHT) known(cached bool) []peer.AddrInfo {
	all := slices.Clone(d.cfg.Bootstrap)
	if cached && d.cfg.Cached != nil {
		all = append(all, d.cfg.Cached()...)
	}
	at := make(map[peer.ID]int, len(all))
	var peers []peer.AddrInfo
	for _, p := range all {
		i, ok := at[p.ID]
		switch {
		case p.ID == d.cfg.Host.ID():
		case ok:
			peers[i].Addrs = append(slices.Clip(peers[i].Addrs), p.Addrs...)
		case len(peers) < maxKnown:
			at[p.ID] = len(peers)
			peers = append(peers, p)
		}
	}
	return peers
}

// round dials the peers, several at once, until enough of them are connected.
func (d *DHT) round(kad *kaddht.IpfsDHT, peers []peer.AddrInfo) {
	if len(peers) == 0 {
		return
	}
	var (
		dials     sync.WaitGroup
		mu        sync.Mutex
		connected int
	)
	todo := make(chan peer.AddrInfo, len(peers))
	for _, p := range peers {
		todo <- p
	}
	close(todo)
	for range min(dialsAtOnce, len(peers)) {
		dials.Go(func() {
			for p := range todo {
				mu.Lock()
				stop := connected >= enough
				mu.Unlock()
				if stop || d.ctx.Err() != nil {
					return
				}
				if d.connect(p) {
					mu.Lock()
					connected++
					mu.Unlock()
				}
			}
		})
	}
	dials.Wait()
	if connected > 0 {
		kad.Bootstrap(d.ctx) // never waits; its error is always nil
	} else if d.ctx.Err() == nil {
		log.Warn("reached none of the peers to join the network by, will try again",
			"network", d.cfg.Network, "tried", len(peers))
	}
}

func (d *DHT) connect(p peer.AddrInfo) bool {
	clearBackoff(d.cfg.Host, p.ID)
	ctx, cancel := context.WithTimeout(d.ctx, dialTime)
	defer cancel()
	if err := d.cfg.Host.Connect(ctx, p); err != nil {
		log.Debug("cannot reach a peer to join the network by", "peer", p.ID, "err", err)
		return false
	}
	return true
}

// clearBackoff: libp2p would refuse to dial again for 5 s and more after a
// failure.
func clearBackoff(h host.Host, id peer.ID) {
	if s, ok := h.Network().(interface{ Backoff() *swarm.DialBackoff }); ok {
		s.Backoff().Clear(id)
	}
}
