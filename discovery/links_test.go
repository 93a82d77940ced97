package discovery

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func somebody(t *testing.T) peer.ID {
	t.Helper()
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestLinks(t *testing.T) {
	var l Links
	found := func(id peer.ID) (all []string) {
		if err := l.Find(t.Context(), id, func(addrs []ma.Multiaddr) {
			for _, a := range addrs {
				all = append(all, a.String())
			}
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	first, second := somebody(t), somebody(t)
	l.Given(first, []ma.Multiaddr{
		ma.StringCast("/ip4/192.0.2.1/tcp/1/p2p/" + first.String()), ma.StringCast("/ip4/192.0.2.1/tcp/2"),
		ma.StringCast("/ip4/192.0.2.1/tcp/3/p2p/" + second.String()), ma.StringCast("/ip4/0.0.0.0/tcp/4"),
	})
	want := "[/ip4/192.0.2.1/tcp/1 /ip4/192.0.2.1/tcp/2]"
	if got := fmt.Sprint(found(first)); got != want {
		t.Errorf("found %s, want %s", got, want)
	}
	l.Given(first, nil)
	if got := fmt.Sprint(found(first)); got != want || found(second) != nil {
		t.Errorf("given nothing: found %s, and of another peer %v", got, found(second))
	}
	var ports []ma.Multiaddr
	for i := range 2 * MaxPerSource {
		ports = append(ports, ma.StringCast(fmt.Sprint("/ip4/192.0.2.1/tcp/", 100+i)))
	}
	l.Given(second, ports)
	if n := len(found(second)); n != MaxPerSource {
		t.Errorf("%d addresses are kept", n)
	}
	for range maxLinks - 1 {
		l.Given(somebody(t), ports[:1])
	}
	if found(first) != nil || found(second) == nil || len(l.peers) != maxLinks {
		t.Errorf("%d peers are kept; the oldest: %v", len(l.peers), found(first))
	}
}
