package dht

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// serversOf is how many servers a virtual public DHT has.
func serversOf(full int) int {
	if raceEnabled {
		return 4
	}
	return full
}

// announcedRelayed reports whether the record tells of a way through a relay.
func announcedRelayed(d *DHT) bool {
	return !d.Announced().IsZero() && slices.ContainsFunc(d.ownAddrs(), func(a ma.Multiaddr) bool {
		_, err := a.ValueForProtocol(ma.P_CIRCUIT)
		return err == nil
	})
}

// Peers behind firewalls, clients all, reachable by relays only, meet on a DHT
// of strangers by their bare IDs; and go on to when half the servers die without
// notice, the one that all joined by among them.
func TestVirtualPublicPeersBehindFirewallsMeet(t *testing.T) {
	virtually(t, func(t *testing.T, n *internet) {
		servers := n.servers(serversOf(20), libp2p.EnableRelayService())
		relays := servers[len(servers)-2:]
		var peers []*DHT
		for range 2 {
			peers = append(peers, n.join(n.behind(relays), servers[0], servers[1]))
		}
		for _, d := range peers {
			n.await("it is announced", func() bool { return announcedRelayed(d) })
		}
		n.pass(announceApart + 10*time.Second) // by the second relay, too
		a, b := peers[0], peers[1]
		if a.Mode() != ModeClient || b.Mode() != ModeClient {
			t.Errorf("modes %s, %s", a.Mode(), b.Mode())
		}
		t.Logf("found and reached after %v", n.reach(a, b.cfg.Host.ID(), 5*time.Second))
		n.forget(a, b)
		t.Logf("and the other way after %v", n.reach(b, a.cfg.Host.ID(), 5*time.Second))
		n.cut(servers[:len(servers)/2]...)
		var all []time.Duration
		for range 20 {
			n.forget(a, b)
			all = append(all, n.reach(a, b.cfg.Host.ID(), 20*time.Second))
			a, b = b, a
		}
		slices.Sort(all)
		p95 := all[len(all)*95/100-1]
		t.Logf("half the servers dead: found and reached p50 %v, p95 %v, worst %v", all[len(all)/2], p95, all[len(all)-1])
		if p95 > 5*time.Second {
			t.Errorf("p95 %v", p95)
		}
	})
}

// A peer moves: its record says so soon, and who still hears of the old place
// first reaches it all the same.
func TestVirtualPublicRecordFollowsItsPeer(t *testing.T) {
	virtually(t, func(t *testing.T, n *internet) {
		servers := n.servers(serversOf(12))
		var says atomic.Pointer[[]ma.Multiaddr]
		old := []ma.Multiaddr{ma.StringCast("/ip4/99.1.0.1/udp/4001/quic-v1")} // nobody is there
		says.Store(&old)
		h := n.host(true, libp2p.ForceReachabilityPublic(), libp2p.AddrsFactory(func([]ma.Multiaddr) []ma.Multiaddr { return *says.Load() }))
		d := n.join(h, servers[0])
		n.await("it is announced", func() bool { return !d.Announced().IsZero() })
		caller := n.join(n.host(false, libp2p.ForceReachabilityPrivate()), servers[1])
		n.await("the caller joins", caller.Joined)
		n.await("the old place is known", func() bool { return holds(record(t.Context(), caller, h.ID()), old[0]) })

		now := onlyPublic(h.Network().ListenAddresses())
		before := d.Announced()
		says.Store(&now)
		n.await("it is announced again", func() bool { return d.Announced().After(before) })
		if took := d.Announced().Sub(before); took > announceApart+15*time.Second {
			t.Errorf("only after %v", took)
		}
		if got := record(t.Context(), caller, h.ID()); !holds(got, now[0]) {
			t.Errorf("the record says %v", got)
		}
		// The dead address still stands in the servers' memory, beside the good one.
		if took := n.reach(caller, h.ID(), 5*time.Second); took > 2*time.Second {
			t.Errorf("reached after %v", took)
		}

		// Nothing changes, and nobody is connected any more: the record is fresh
		// all the same, hours later.
		for _, p := range h.Network().Peers() {
			h.Network().ClosePeer(p)
		}
		n.pass(3 * time.Hour)
		if age := time.Since(d.Announced()); age > announceEvery+2*lookEvery {
			t.Errorf("the record is %v old", age)
		}
		late := n.join(n.host(false, libp2p.ForceReachabilityPrivate()), servers[1])
		n.await("it joins", late.Joined)
		if got := record(t.Context(), late, h.ID()); !holds(got, now[0]) {
			t.Errorf("hours later the record says %v", got)
		}
	})
}

// A peer that has gone is found for a while at where it was, and then no more;
// a search for it, or for one who never came, ends.
func TestVirtualPublicRecordDiesWithItsPeer(t *testing.T) {
	virtually(t, func(t *testing.T, n *internet) {
		servers := n.servers(serversOf(12))
		h := n.host(true, libp2p.ForceReachabilityPublic())
		d := n.join(h, servers[0])
		n.await("it is announced", func() bool { return !d.Announced().IsZero() })
		at := h.Addrs()[0]
		d.Close()
		h.Close()
		caller := n.join(n.host(false, libp2p.ForceReachabilityPrivate()), servers[1])
		n.await("the caller joins", caller.Joined)
		n.pass(10 * time.Minute)
		if !holds(record(t.Context(), caller, h.ID()), at) {
			t.Error("forgotten at once")
		}
		n.pass(15 * time.Minute)
		if got := record(t.Context(), caller, h.ID()); len(got) > 0 {
			t.Errorf("still known: %v", got)
		}
		start := time.Now()
		if got := record(t.Context(), caller, n.host(false).ID()); len(got) > 0 || time.Since(start) > time.Second {
			t.Errorf("for one who never came %v, after %v", got, time.Since(start))
		}
	})
}

// A start without any network: the peer joins by itself when there is one, by
// servers of last time, although the only one on the list is dead.
func TestVirtualPublicJoinsLaterByOldServers(t *testing.T) {
	virtually(t, func(t *testing.T, n *internet) {
		servers := n.servers(serversOf(12))
		saved := make(chan []peer.AddrInfo, 8)
		h := n.host(false, libp2p.ForceReachabilityPrivate())
		first, err := New(Config{Host: h, Network: Public, Bootstrap: infos(servers[:1]), Save: func(s []peer.AddrInfo) { saved <- s }})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Start(); err != nil {
			t.Fatal(err)
		}
		n.pass(saveFirst + 10*time.Second)
		known := <-saved // without waiting for Close
		if len(known) < min(len(servers), MaxServers)/2 {
			t.Errorf("saved %d servers", len(known))
		}
		if err := first.Close(); err != nil {
			t.Error(err)
		}
		n.cut(servers[0])
		again := n.host(false, libp2p.ForceReachabilityPrivate())
		n.cut(again) // no network yet
		d, err := New(Config{Host: again, Network: Public, Bootstrap: infos(servers[:1]), Cached: func() []peer.AddrInfo { return known }})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		n.ends = append(n.ends, func() { d.Close() })
		n.pass(10 * time.Minute)
		if d.Joined() {
			t.Fatal("joined without a network")
		}
		n.gone.Clear()
		n.cut(servers[0])
		start := time.Now()
		n.await("it joins", d.Joined)
		if took := time.Since(start); took > lastRetry+2*dialTime {
			t.Errorf("after %v", took)
		}
	})
}
