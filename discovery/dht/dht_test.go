package dht

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func TestTwoFindEachOtherByAThird(t *testing.T) {
	for name, listen := range map[string]string{"quic": quic, "tcp": tcp} {
		t.Run(name, func(t *testing.T) {
			seed, a, b := newHost(t, listen), newHost(t, listen), newHost(t, listen)
			start(t, Config{Host: seed, Network: "test"})
			da := start(t, Config{Host: a, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)}})
			db := start(t, Config{Host: b, Network: "test", Cached: func() []peer.AddrInfo { return []peer.AddrInfo{info(seed)} }})
			findOne(t, da, b, 10*time.Second)
			findOne(t, db, a, 10*time.Second)
			if da.Mode() != ModeServer || !da.Joined() || len(da.Peers()) == 0 {
				t.Errorf("mode %s, joined %v, peers %v", da.Mode(), da.Joined(), da.Peers())
			}
		})
	}
}

func TestFindWaitsUntilJoined(t *testing.T) {
	seed, a, b := newHost(t, quic), newHost(t, quic), newHost(t, quic)
	da := start(t, Config{Host: a, Network: "test"})
	found := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		defer close(found)
		findOne(t, da, b, 20*time.Second)
	}()
	// Now the network comes up around the search: first a seed, then b.
	start(t, Config{Host: seed, Network: "test"})
	if err := seed.Connect(ctx, info(a)); err != nil {
		t.Fatal(err)
	}
	start(t, Config{Host: b, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)}})
	<-found
}

func TestJoinsWhenAConnectedPeerBeginsToServe(t *testing.T) {
	seed, a := newHost(t, tcp), newHost(t, tcp)
	joined := make(chan bool, 16)
	da := start(t, Config{
		Host: a, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)},
		OnJoined: func(j bool) { joined <- j },
	})
	if <-joined {
		t.Fatal("joined although the only known peer serves nothing yet")
	}
	start(t, Config{Host: seed, Network: "test"})
	if !<-joined || !da.Joined() {
		t.Fatal("told that it left without having joined")
	}
}

func TestTellsWhenTheLastPeerIsGone(t *testing.T) {
	seed, a, nobody := newHost(t, tcp), newHost(t, tcp), newHost(t, tcp)
	joined := make(chan bool, 16)
	start(t, Config{Host: seed, Network: "test"})
	da := start(t, Config{
		Host: a, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)},
		OnJoined: func(j bool) { joined <- j },
	})
	if got := []bool{<-joined, <-joined}; !slices.Equal(got, []bool{false, true}) {
		t.Fatalf("told %v", got)
	}
	seed.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { // a question is how one learns that a peer is gone
		defer close(ended)
		da.Find(ctx, nobody.ID(), func([]ma.Multiaddr) {})
	}()
	if <-joined {
		t.Error("told twice that it joined")
	}
	cancel()
	<-ended
}

func TestAfterCloseNobodyIsAnswered(t *testing.T) {
	seed, a := newHost(t, quic), newHost(t, quic)
	ds := start(t, Config{Host: seed, Network: "test"})
	if err := ds.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Connect(t.Context(), info(seed)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.NewStream(t.Context(), seed.ID(), ds.proto); err == nil {
		t.Error("the host still speaks for a DHT that is closed")
	}
}

func TestAServerWithoutBootstrapIsTheFirst(t *testing.T) {
	h := newHost(t, quic)
	d, err := New(Config{Host: h, Network: "test", Bootstrap: []peer.AddrInfo{info(h)}}) // itself is nobody
	if err != nil {
		t.Fatal(err)
	}
	if d.Mode() != ModeOff || d.Joined() {
		t.Errorf("not started: mode %s, joined %v", d.Mode(), d.Joined())
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	if d.Mode() != ModeServer || !d.Joined() {
		t.Errorf("started: mode %s, joined %v", d.Mode(), d.Joined())
	}
	if d.Start() == nil {
		t.Error("started twice")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d.Mode() != ModeOff || d.Find(t.Context(), h.ID(), func([]ma.Multiaddr) {}) == nil {
		t.Error("still answers after Close")
	}
}

func TestAPeerThatCannotBeReachedOnlyAsks(t *testing.T) {
	h := newHost(t, quic)
	joined := make(chan bool, 16)
	d := start(t, Config{Host: h, Network: "test", OnJoined: func(j bool) { joined <- j }})
	if !<-joined {
		t.Fatal("a first server has not joined")
	}
	em, err := h.EventBus().Emitter(new(event.EvtLocalReachabilityChanged))
	if err != nil {
		t.Fatal(err)
	}
	defer em.Close()
	em.Emit(event.EvtLocalReachabilityChanged{Reachability: network.ReachabilityPrivate})
	if <-joined || d.Mode() != ModeClient {
		t.Errorf("mode %s", d.Mode())
	}
}

func TestNetworksAreApart(t *testing.T) {
	seed, a := newHost(t, quic), newHost(t, quic)
	other := start(t, Config{Host: seed, Network: "blue"})
	d := start(t, Config{Host: a, Network: "red", Bootstrap: []peer.AddrInfo{info(seed)}})
	// Both hosts are connected and have told each other what they speak.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := a.Connect(ctx, info(seed)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.NewStream(ctx, seed.ID(), d.proto); err == nil {
		t.Error("a node of another network answers")
	}
	if s, err := a.NewStream(ctx, seed.ID(), other.proto); err != nil {
		t.Errorf("it answers nobody: %v", err)
	} else {
		s.Reset()
	}
	if d.Size() != 0 || other.Size() != 0 || d.Joined() {
		t.Errorf("tables: %d and %d, joined %v", d.Size(), other.Size(), d.Joined())
	}
}

func TestCloseEndsFind(t *testing.T) {
	h, nobody := newHost(t, quic), newHost(t, quic)
	d := start(t, Config{Host: h, Network: "test"})
	ended := make(chan error)
	go func() { ended <- d.Find(context.Background(), nobody.ID(), func([]ma.Multiaddr) {}) }()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if <-ended == nil {
		t.Error("Find ended without an error")
	}
}

func TestNetworkNames(t *testing.T) {
	h := newHost(t)
	for name, ok := range map[string]bool{
		"main": true, "a": true, "my-net_2.org": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "Main": false, "a/b": false, "ä": false, "a b": false,
	} {
		if _, err := New(Config{Host: h, Network: name}); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAddressFilter(t *testing.T) {
	all := []ma.Multiaddr{
		ma.StringCast("/ip4/127.0.0.1/tcp/1"), ma.StringCast("/ip4/192.0.2.1/tcp/1"),
		ma.StringCast("/ip6/fe80::1/tcp/1"), ma.StringCast("/ip4/0.0.0.0/tcp/1"),
	}
	d := &DHT{}
	if got := d.filter(all); len(got) != 2 {
		t.Errorf("on loopback only: %v", got)
	}
	d.noLocal.Store(true)
	if got := d.filter(all); len(got) != 1 || !got[0].Equal(all[1]) {
		t.Errorf("elsewhere: %v", got)
	}
}
