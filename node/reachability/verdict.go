package reachability

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// evidence is all that the verdict is drawn from.
type evidence struct {
	forced      network.Reachability // not Unknown: what the user says
	interfaces  []ma.Multiaddr       // addresses of this machine's interfaces
	reachable   []ma.Multiaddr       // ours, confirmed by AutoNAT v2
	unreachable []ma.Multiaddr       // ours, refuted by AutoNAT v2
	visited     bool                 // a public peer has dialled us at a public address of an interface
	internet    bool                 // the network has public peers
}

// verdict says whether others can dial this peer. Libp2p's own is not used: it
// comes from AutoNAT v1, which says nothing for ever where few serve it.
//
// Public needs an IPv4 address that works where there is IPv4: a home with open
// IPv6 and a NAT would else give up the relays by which IPv4 callers reach it.
func (e evidence) verdict() network.Reachability {
	if e.forced != network.ReachabilityUnknown {
		return e.forced
	}
	needed := e.family()
	if slices.ContainsFunc(e.reachable, needed) {
		return network.ReachabilityPublic
	}
	own := slices.ContainsFunc(e.interfaces, func(a ma.Multiaddr) bool { return needed(a) && manet.IsPublicAddr(a) })
	switch {
	case own && e.visited:
		return network.ReachabilityPublic
	case own && slices.ContainsFunc(e.unreachable, needed):
		return network.ReachabilityPrivate
	case own:
		return network.ReachabilityUnknown
	case e.internet:
		return network.ReachabilityPrivate
	}
	return network.ReachabilityUnknown // a network of its own, where NATs are of no account
}

// family returns what tells the addresses that decide: those of IPv4, or of
// IPv6 where there is nothing else.
func (e evidence) family() func(ma.Multiaddr) bool {
	version := ma.P_IP6
	for _, a := range e.interfaces {
		if isVersion(a, ma.P_IP4) && !manet.IsIPLoopback(a) {
			version = ma.P_IP4
		}
	}
	return func(a ma.Multiaddr) bool { return isVersion(a, version) }
}

func isVersion(a ma.Multiaddr, code int) bool {
	return len(a) > 0 && a[0].Protocol().Code == code
}
