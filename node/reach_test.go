package node

import (
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// TestByRelay: what goes through one relay is tried together, apart from what
// goes through another and from what is direct.
func TestByRelay(t *testing.T) {
	const r1, r2 = "/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp", "/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"
	var addrs []ma.Multiaddr
	for _, a := range []string{
		"/ip4/52.1.0.1/udp/4001/quic-v1" + r1 + "/p2p-circuit", "/ip4/192.168.1.2/tcp/4001", "/ip4/52.1.0.1/tcp/4001" + r1 + "/p2p-circuit",
		"/ip4/52.2.0.1/tcp/4001" + r2 + "/p2p-circuit", "/p2p-circuit",
	} {
		addrs = append(addrs, ma.StringCast(a))
	}
	direct, relayed := byRelay(addrs)
	if len(direct) != 1 || len(relayed) != 2 {
		t.Fatalf("%d direct, %d relays", len(direct), len(relayed))
	}
	first := relayed[0]
	if "/p2p/"+first.relay.ID.String() != r1 || len(first.addrs) != 2 || len(first.relay.Addrs) != 2 || len(relayed[1].addrs) != 1 {
		t.Errorf("through %+v", relayed)
	}
}
