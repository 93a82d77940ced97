package reachability

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/observedaddrs"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// Bounds of the help that a public peer gives as a relay: enough for a few
// households; what one invitation needs fits many times into the 2 minutes and
// 128 KiB of a relayed connection.
const (
	maxReservations = 64
	maxPerIP        = 8
	maxCircuits     = 8 // at once, for each peer
)

// observers is how many peers must have seen an address of ours before it is
// tried by AutoNAT: libp2p waits for four, which a young network may not have.
const observers = 2

func init() { observedaddrs.ActivationThresh = observers }

// Options returns what a host must be built with that Start will be given.
func (k *Keeper) Options() []libp2p.Option {
	if k.cfg.Interfaces != nil {
		return k.options() // the dialer of AutoNAT v2 has sockets of its own
	}
	return append(k.options(), libp2p.EnableAutoNATv2())
}

func (k *Keeper) options() []libp2p.Option {
	opts := []libp2p.Option{
		// Keeps AutoNAT v1 quiet; the verdict is ours to say.
		libp2p.ForceReachabilityPrivate(),
		libp2p.EnableHolePunching(),
		libp2p.AddrsFactory(k.addrs),
		libp2p.SwarmOpts(swarm.WithDialRanker(k.rank)),
	}
	if k.cfg.Serve {
		resources := relay.DefaultResources()
		resources.MaxReservations, resources.MaxReservationsPerIP, resources.MaxCircuits = maxReservations, maxPerIP, maxCircuits
		opts = append(opts, libp2p.EnableRelayService(relay.WithResources(resources)))
	}
	if k.cfg.PortMap {
		opts = append(opts, libp2p.NATPortMap())
	}
	return opts
}

const (
	// relayTCP is how far a relay's TCP address waits behind its others.
	relayTCP = 250 * time.Millisecond
	// strangeRelay is how long a relay waits that is not connected: libp2p dials
	// a peer through one relay at a time, and this one may be dead.
	strangeRelay = 3 * time.Second
)

// rank says in which order addresses of a peer are dialled: the direct ones as
// libp2p would, the relayed ones beside them. Libp2p holds those back for half
// a second, which a person who waits would feel each time that the direct
// addresses of a peer behind a NAT are of no use.
func (k *Keeper) rank(addrs []ma.Multiaddr) []network.AddrDelay {
	var direct, relayed []ma.Multiaddr
	for _, a := range addrs {
		if isCircuit(a) {
			relayed = append(relayed, a)
		} else {
			direct = append(direct, a)
		}
	}
	order := swarm.DefaultDialRanker(direct)
	for _, a := range relayed {
		delay := time.Duration(0)
		switch {
		case !k.knows(a):
			delay = strangeRelay
		case a[1].Code() == ma.P_TCP:
			delay = relayTCP
		}
		order = append(order, network.AddrDelay{Addr: a, Delay: delay})
	}
	return order
}

// knows reports whether the relay of an address is connected.
func (k *Keeper) knows(circuit ma.Multiaddr) bool {
	id, err := circuit.ValueForProtocol(ma.P_P2P)
	if err != nil {
		return false
	}
	relay, err := peer.Decode(id)
	k.mu.Lock()
	h := k.host
	k.mu.Unlock()
	return err == nil && h != nil && h.Network().Connectedness(relay) == network.Connected
}

func isCircuit(a ma.Multiaddr) bool {
	for _, c := range a {
		if c.Code() == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}
