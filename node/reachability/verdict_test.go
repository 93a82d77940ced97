package reachability

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

func addrs(all ...string) (list []ma.Multiaddr) {
	for _, a := range all {
		list = append(list, ma.StringCast(a))
	}
	return list
}

func TestVerdict(t *testing.T) {
	lan := []string{"/ip4/127.0.0.1", "/ip4/192.168.1.2", "/ip6/::1"}
	for name, c := range map[string]struct {
		evidence
		want network.Reachability
	}{
		"a lan of its own": {evidence{interfaces: addrs(lan...)}, network.ReachabilityUnknown},
		"nothing but loopback, public peers known": {
			evidence{interfaces: addrs("/ip4/127.0.0.1"), internet: true}, network.ReachabilityPrivate},
		"a home, before anybody has looked": {
			evidence{interfaces: addrs(lan...), internet: true}, network.ReachabilityPrivate},
		"a home with a forwarded port": {
			evidence{interfaces: addrs(lan...), internet: true, reachable: addrs("/ip4/52.1.0.1/udp/4001/quic-v1")}, network.ReachabilityPublic},
		"a home with open IPv6 and a NAT keeps its relays": {
			evidence{interfaces: addrs(append(lan, "/ip6/2600::2")...), internet: true, reachable: addrs("/ip6/2600::2/udp/4001/quic-v1")}, network.ReachabilityPrivate},
		"IPv6 alone": {
			evidence{interfaces: addrs("/ip4/127.0.0.1", "/ip6/2600::2"), internet: true, reachable: addrs("/ip6/2600::2/udp/4001/quic-v1")}, network.ReachabilityPublic},
		"a server, before anybody has looked": {
			evidence{interfaces: addrs("/ip4/52.1.0.1"), internet: true}, network.ReachabilityUnknown},
		"a server that was dialled": {
			evidence{interfaces: addrs("/ip4/52.1.0.1"), internet: true, visited: true}, network.ReachabilityPublic},
		"a server behind a firewall": {
			evidence{interfaces: addrs("/ip4/52.1.0.1"), internet: true, unreachable: addrs("/ip4/52.1.0.1/udp/4001/quic-v1")}, network.ReachabilityPrivate},
		"one transport blocked, the other works": {
			evidence{interfaces: addrs("/ip4/52.1.0.1"), internet: true, reachable: addrs("/ip4/52.1.0.1/tcp/4001"), unreachable: addrs("/ip4/52.1.0.1/udp/4001/quic-v1")}, network.ReachabilityPublic},
		"the user knows better": {
			evidence{forced: network.ReachabilityPrivate, interfaces: addrs("/ip4/52.1.0.1"), visited: true}, network.ReachabilityPrivate},
	} {
		if got := c.verdict(); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
