package dht

import (
	"context"
	"encoding/hex"
	"slices"
	"testing"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// stranger is a server of the public DHT as others run it.
func stranger(t *testing.T, h host.Host, mode kaddht.ModeOpt) *kaddht.IpfsDHT {
	t.Helper()
	kad, err := kaddht.New(h, kaddht.Mode(mode))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kad.Close() })
	return kad
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("in vain: " + what)
		}
	}
}

// record returns all addresses that the provider record of id yields.
func record(ctx context.Context, d *DHT, id peer.ID) (all []ma.Multiaddr) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	d.queryRecord(ctx, d.started(), id, func(addrs []ma.Multiaddr) { all = append(all, d.filter(addrs)...) })
	return all
}

func holds(all []ma.Multiaddr, a ma.Multiaddr) bool { return slices.ContainsFunc(all, a.Equal) }

// TestProviderKey: the key is part of the protocol and never changes.
func TestProviderKey(t *testing.T) {
	id, err := peer.Decode("12D3KooWMpZRy2UL6zvdwLouvVrgcsBSEixPreSX7zkG4sYTosYf")
	if err != nil {
		t.Fatal(err)
	}
	const want = "1220" + "7eca9e9c9083f1b7c001f90b2a4c0511c0dd7827ac161e3cfb3b466389c3cb56"
	if got := hex.EncodeToString(providerKey(id).Hash()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTwoMeetOnAPublicDHTOfStrangers(t *testing.T) {
	seed, a, b := newHost(t, quic), newHost(t, quic), newHost(t, quic)
	stranger(t, seed, kaddht.ModeServer)
	da := start(t, Config{Host: a, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)}})
	db := start(t, Config{Host: b, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)}})
	findOne(t, da, b, 10*time.Second)
	findOne(t, db, a, 10*time.Second)
	if da.Mode() != ModeClient || !da.Joined() {
		t.Errorf("mode %s, joined %v", da.Mode(), da.Joined())
	}
	eventually(t, "a announces itself", func() bool { return !da.Announced().IsZero() })
	eventually(t, "the record can be read", func() bool { return holds(record(t.Context(), db, a.ID()), a.Addrs()[0]) })
	// It outlives the peer: a record cannot be taken back.
	at := a.Addrs()[0]
	da.Close()
	a.Close()
	if !holds(record(t.Context(), db, a.ID()), at) {
		t.Error("gone with the peer")
	}
}

func TestOnlyItsOwnerCountsUnderAKey(t *testing.T) {
	seed, a, liar := newHost(t, quic), newHost(t, quic), newHost(t, quic)
	stranger(t, seed, kaddht.ModeServer)
	d := start(t, Config{Host: a, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)}})
	absent := newHost(t, quic)
	kad := stranger(t, liar, kaddht.ModeClient)
	if err := liar.Connect(t.Context(), info(seed)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the liar joins", func() bool { return kad.RoutingTable().Size() > 0 })
	key := providerKey(absent.ID())
	if err := kad.Provide(t.Context(), key, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a joins", d.Joined)
	eventually(t, "the lie is there", func() bool {
		all, err := d.started().FindProviders(t.Context(), key)
		return err == nil && len(all) == 1 && all[0].ID == liar.ID()
	})
	if got := record(t.Context(), d, absent.ID()); len(got) != 0 {
		t.Errorf("believed %v", got)
	}
}

func TestAPublicServerKeepsRecordsOfOthers(t *testing.T) {
	seed, a, b := newHost(t, quic), newHost(t, quic), newHost(t, quic)
	ds := start(t, Config{Host: seed, Network: Public, Server: true})
	if ds.Mode() != ModeServer || !ds.Joined() {
		t.Errorf("mode %s, joined %v", ds.Mode(), ds.Joined())
	}
	da := start(t, Config{Host: a, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)}})
	db := start(t, Config{Host: b, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)}})
	eventually(t, "a announces itself", func() bool { return !da.Announced().IsZero() })
	eventually(t, "b joins", db.Joined)
	eventually(t, "the record can be read", func() bool { return holds(record(t.Context(), db, a.ID()), a.Addrs()[0]) })
}

func TestAPublicPeerAloneHasNotJoined(t *testing.T) {
	d := start(t, Config{Host: newHost(t, quic), Network: Public})
	if d.Joined() || d.Mode() != ModeClient || !d.Announced().IsZero() {
		t.Errorf("joined %v, mode %s, announced %v", d.Joined(), d.Mode(), d.Announced())
	}
}

func TestLab(t *testing.T) {
	loopback, public := ma.StringCast("/ip4/127.0.0.1/tcp/1"), ma.StringCast("/dnsaddr/example.org")
	for name, x := range map[string]struct {
		local     bool
		bootstrap []ma.Multiaddr
		want      bool
	}{
		"loopback only":           {true, []ma.Multiaddr{public}, true},
		"private bootstrap":       {false, []ma.Multiaddr{loopback}, true},
		"a public one among it":   {false, []ma.Multiaddr{loopback, public}, false},
		"no bootstrap, reachable": {false, nil, false},
	} {
		d := &DHT{}
		d.noLocal.Store(!x.local)
		for _, a := range x.bootstrap {
			d.cfg.Bootstrap = append(d.cfg.Bootstrap, peer.AddrInfo{Addrs: []ma.Multiaddr{a}})
		}
		if got := d.isLab(); got != x.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPublicAddressFilter(t *testing.T) {
	relay := "/p2p/12D3KooWMpZRy2UL6zvdwLouvVrgcsBSEixPreSX7zkG4sYTosYf/p2p-circuit"
	good := []string{"/ip4/45.1.2.3/tcp/1", "/ip4/45.1.2.3/udp/1/quic-v1" + relay, "/ip6/2a00::1/tcp/1", "/dns4/example.org/tcp/1"}
	bad := []string{"/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.1/tcp/80", "/ip4/10.0.0.1/tcp/1" + relay, "/ip6/fe80::1/tcp/1", "/ip6/fd00::1/tcp/1", "/ip4/0.0.0.0/tcp/1"}
	d := &DHT{strict: true}
	for _, a := range good {
		if len(d.filter([]ma.Multiaddr{ma.StringCast(a)})) != 1 {
			t.Errorf("dropped %s", a)
		}
	}
	for _, a := range bad {
		if len(d.filter([]ma.Multiaddr{ma.StringCast(a)})) != 0 {
			t.Errorf("kept %s", a)
		}
	}
}

func TestServersAreHandedOutToBeSaved(t *testing.T) {
	seed, a := newHost(t, quic), newHost(t, quic)
	stranger(t, seed, kaddht.ModeServer)
	saved := make(chan []peer.AddrInfo, 1)
	d, err := New(Config{
		Host: a, Network: Public, Bootstrap: []peer.AddrInfo{info(seed)},
		Save: func(all []peer.AddrInfo) { saved <- all },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a joins", d.Joined)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if all := <-saved; len(all) != 1 || all[0].ID != seed.ID() || !all[0].Addrs[0].Equal(seed.Addrs()[0]) {
		t.Errorf("saved %v", all)
	}
}
