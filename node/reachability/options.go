package reachability

import (
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
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
		libp2p.SwarmOpts(swarm.WithDialRanker(rank)),
		libp2p.ConnectionGater(met{k}),
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

// relayTCP is how far a relay's TCP address waits behind its others.
const relayTCP = 250 * time.Millisecond

// rank says in which order addresses of a peer are dialled: the direct ones as
// libp2p would, the relayed ones beside them. Libp2p holds those back for half
// a second, which a person who waits would feel each time that the direct
// addresses of a peer behind a NAT are of no use.
func rank(addrs []ma.Multiaddr) []network.AddrDelay {
	var direct, relayed []ma.Multiaddr
	for _, a := range addrs {
		if IsRelayed(a) {
			relayed = append(relayed, a)
		} else {
			direct = append(direct, a)
		}
	}
	order := swarm.DefaultDialRanker(direct)
	for _, a := range relayed {
		delay := time.Duration(0)
		if a[1].Code() == ma.P_TCP {
			delay = relayTCP
		}
		order = append(order, network.AddrDelay{Addr: a, Delay: delay})
	}
	return order
}

// IsRelayed reports whether an address leads through a relay.
func IsRelayed(a ma.Multiaddr) bool {
	for _, c := range a {
		if c.Code() == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}
