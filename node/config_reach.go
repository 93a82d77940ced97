package node

import (
	"fmt"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/beckon-p2p/beckon/discovery/static"
	"github.com/beckon-p2p/beckon/node/reachability"
)

// checkReach reads what concerns how others reach this peer.
func (c Config) checkReach(listen []ma.Multiaddr, bootstrap []peer.AddrInfo) (r reachability.Config, err error) {
	switch c.Reachability {
	case "", "auto":
	case "public":
		r.Forced = network.ReachabilityPublic
	case "private":
		r.Forced = network.ReachabilityPrivate
	default:
		return r, fmt.Errorf("--reachability: use auto, public or private")
	}
	if len(c.Relays) == 1 && c.Relays[0] == NoRelay {
		r.NoRelays = true
	} else if r.Relays, err = static.Parse(c.Relays); err != nil {
		return r, fmt.Errorf("--relay: %w; or use %s alone for no relay", err, NoRelay)
	}
	r.Serve = !c.NoServe
	// A router has nothing to forward to loopback.
	r.PortMap = !c.NoPortMap && (len(listen) == 0 || !slices.ContainsFunc(listen, manet.IsIPLoopback))
	r.Internet = slices.ContainsFunc(append(slices.Clone(bootstrap), r.Relays...), func(p peer.AddrInfo) bool {
		return slices.ContainsFunc(p.Addrs, manet.IsPublicAddr)
	})
	return r, nil
}
