package mdns

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/scripts/netns"
)

// TestMain runs everything in a network of the tests' own: nothing is said on
// the machine's.
func TestMain(m *testing.M) {
	netns.Enter()
	goleak.VerifyTestMain(m)
}

func newHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func start(t *testing.T, h host.Host) *MDNS {
	t.Helper()
	m, err := Start(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// first returns the first addresses of id that m yields.
func first(t *testing.T, m *MDNS, id peer.ID) []ma.Multiaddr {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []ma.Multiaddr
	err := m.Find(ctx, id, func(addrs []ma.Multiaddr) {
		got = addrs
		cancel()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Find: %v", err)
	}
	return got
}

func TestTwoHear(t *testing.T) {
	netns.Need(t)
	a, b := newHost(t), newHost(t)
	ma, mb := start(t, a), start(t, b)
	for _, x := range []struct {
		m      *MDNS
		target host.Host
	}{{ma, b}, {mb, a}} {
		if got := first(t, x.m, x.target.ID()); len(got) != 1 || !got[0].Equal(x.target.Addrs()[0]) {
			t.Errorf("got %v, want %v", got, x.target.Addrs())
		}
	}
	if len(a.Network().Peers())+len(b.Network().Peers()) > 0 {
		t.Error("somebody was dialed")
	}
}

func TestAnnouncesNewAddresses(t *testing.T) {
	netns.Need(t)
	a, b := newHost(t), newHost(t)
	start(t, a)
	mb := start(t, b)
	if len(first(t, mb, a.ID())) != 1 {
		t.Fatal("not heard")
	}
	if err := a.Network().Listen(ma.StringCast("/ip4/127.0.0.1/tcp/0")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	heard := 0
	mb.Find(ctx, a.ID(), func(addrs []ma.Multiaddr) {
		if heard = len(addrs); heard == 2 {
			cancel()
		}
	})
	if heard != 2 {
		t.Errorf("heard %d addresses after the change", heard)
	}
}

func TestFindWaitsForAWord(t *testing.T) {
	m := &MDNS{host: newHost(t), lan: newLAN(), ctx: t.Context()}
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	words := make(chan string, 2)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Find(ctx, id, func(addrs []ma.Multiaddr) { words <- addrs[0].String() })
	}()
	for _, a := range []string{"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1"} {
		m.HandlePeerFound(peer.AddrInfo{ID: id, Addrs: []ma.Multiaddr{ma.StringCast(a)}})
		if got := <-words; got != a {
			t.Errorf("got %s, want %s", got, a)
		}
	}
	cancel()
	<-ended
}

func TestMemoryIsBounded(t *testing.T) {
	l := newLAN()
	var last peer.ID
	for range maxPeers + 10 {
		last, _ = test.RandPeerID()
		l.heard(peer.AddrInfo{ID: last, Addrs: make([]ma.Multiaddr, 100)})
	}
	all := l.all()
	if len(all) != maxPeers || all[0].ID != last || len(all[0].Addrs) != maxAddrs {
		t.Errorf("%d peers, %d addresses", len(all), len(all[0].Addrs))
	}
	if l.forget(); len(l.all()) != 0 {
		t.Error("not forgotten")
	}
}

func TestWithoutInterfacesNothingBreaks(t *testing.T) {
	netns.Need(t)
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	em, err := h.EventBus().Emitter(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	m := start(t, h) // nothing to announce: a warning
	em.Emit(event.EvtLocalAddressesUpdated{})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := m.Find(ctx, h.ID(), func([]ma.Multiaddr) {}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Find: %v", err)
	}
	if m.Running() {
		t.Error("it runs without an address")
	}
}
