package node

import (
	"errors"
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

// TestGivenAddressesAreChecked: what comes along with an ID is held to its
// bounds before anything is done, and what is good is one more source.
func TestGivenAddressesAreChecked(t *testing.T) {
	w := newWorkbench(t)
	const callee = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	const another = "12D3KooWMpZRy2UL6zvdwLouvVrgcsBSEixPreSX7zkG4sYTosYf"
	const good = "/ip4/192.0.2.1/tcp/1"
	longest := "/dns4/" + strings.Repeat("a", protocol.MaxAddress-len("/dns4//tcp/1")) + "/tcp/1"
	for what, addresses := range map[string][]string{
		"too many":             slices.Repeat([]string{good}, protocol.MaxAddresses+1),
		"too long":             {good, longest[:6] + "a" + longest[6:]},
		"empty":                {""},
		"no multiaddr":         {"192.0.2.1:1"},
		"broken":               {"/ip4/192.0.2/tcp/1"},
		"another peer":         {good + "/p2p/" + another},
		"an ID alone":          {"/p2p/" + callee},
		"a relay without host": {"/p2p/" + another + "/p2p-circuit"},
		"nowhere":              {"/ip4/0.0.0.0/tcp/1"},
	} {
		_, err := w.Create(t.Context(), CreateRequest{Callee: callee, Addresses: addresses}, Idempotency{})
		var e *protocol.Error
		if !errors.As(err, &e) || e.Code != protocol.CodeInvalidArgument || e.Field != "addresses" || e.Limit == "" || e.Detail == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	id, err := peer.Decode(callee)
	if err != nil {
		t.Fatal(err)
	}
	known := func() (n int) {
		if err := w.links.Find(t.Context(), id, func(addrs []ma.Multiaddr) { n += len(addrs) }); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := known(); n != 0 {
		t.Errorf("%d addresses of refused requests are kept", n)
	}
	all := append(slices.Repeat([]string{good + "/p2p/" + callee}, protocol.MaxAddresses-2), longest, good+"/p2p/"+another+"/p2p-circuit/p2p/"+callee)
	if _, err := w.Create(t.Context(), CreateRequest{Callee: callee, Addresses: all}, Idempotency{}); err != nil || known() != len(all) {
		t.Errorf("good ones: %v, %d are kept", err, known())
	}
}
