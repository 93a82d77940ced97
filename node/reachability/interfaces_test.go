package reachability

import (
	"slices"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestAddressesAreThoseOfNow(t *testing.T) {
	listen := addrs("/ip4/0.0.0.0/udp/4001/quic-v1", "/ip4/0.0.0.0/tcp/4001", "/p2p-circuit")
	circuit := ma.StringCast("/ip4/52.1.0.1/udp/4001/quic-v1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp/p2p-circuit")
	for name, c := range map[string]struct {
		before, now, unreachable, circuits, given, want []ma.Multiaddr
	}{
		"nothing changed": {
			now:   addrs("/ip4/192.168.1.2"),
			given: addrs("/ip4/192.168.1.2/udp/4001/quic-v1", "/ip4/192.168.1.2/tcp/4001"),
			want:  addrs("/ip4/192.168.1.2/udp/4001/quic-v1", "/ip4/192.168.1.2/tcp/4001"),
		},
		"moved to another network; what others observe stays": {
			before: addrs("/ip4/192.168.1.2"), now: addrs("/ip4/10.0.0.7"),
			given: addrs("/ip4/192.168.1.2/tcp/4001", "/ip4/52.9.0.1/tcp/4001"),
			want:  addrs("/ip4/52.9.0.1/tcp/4001", "/ip4/10.0.0.7/udp/4001/quic-v1", "/ip4/10.0.0.7/tcp/4001"),
		},
		"every interface is down": {
			before: addrs("/ip4/192.168.1.2"),
			given:  addrs("/ip4/192.168.1.2/tcp/4001"),
		},
		"a refuted address does not come back": {
			now: addrs("/ip4/52.3.0.1"), unreachable: addrs("/ip4/52.3.0.1/udp/4001/quic-v1"),
			given: addrs("/ip4/52.3.0.1/tcp/4001"),
			want:  addrs("/ip4/52.3.0.1/tcp/4001"),
		},
		"relayed addresses stand beside a reachable one": {
			now: addrs("/ip4/192.168.1.2"), circuits: []ma.Multiaddr{circuit},
			given: addrs("/ip4/192.168.1.2/tcp/4001", "/ip6/2600::2/tcp/4001"),
			want:  append(addrs("/ip4/192.168.1.2/tcp/4001", "/ip6/2600::2/tcp/4001", "/ip4/192.168.1.2/udp/4001/quic-v1"), circuit),
		},
	} {
		var b book
		b.set(c.before)
		b.set(c.now)
		b.unreachable, b.circuits = c.unreachable, c.circuits
		got := b.right(c.given, listen)
		if !same(got, c.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, c.want)
		}
	}
}

func same(a, b []ma.Multiaddr) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(x ma.Multiaddr) bool { return !slices.ContainsFunc(b, x.Equal) })
}
