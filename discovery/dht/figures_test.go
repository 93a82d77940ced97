package dht

import (
	"context"
	"flag"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
)

// How much TestVirtualFigures measures. scripts/bench has 100 of both, which take
// a minute and more than a GB:
//
//	go test -run TestVirtualFigures -v ./discovery/dht -args -dht-servers=100 -dht-searches=100
var (
	figureServers  = flag.Int("dht-servers", 20, "servers of the DHT in TestVirtualFigures")
	figureSearches = flag.Int("dht-searches", 20, "searches of either kind in it")
)

// TestVirtualFigures measures a search by a newcomer who has just joined, for
// one of the servers, 50 ms round trip from everybody: this package's Find
// beside the library's FindPeer, one after the other in the same network. The
// time is virtual: it counts the ways through the network and no computing. The
// attributes are for scripts/bench, in seconds.
func TestVirtualFigures(t *testing.T) {
	virtually(t, func(t *testing.T, n *internet) {
		servers := n.servers(serversOf(*figureServers))
		n.pass(time.Minute)
		searches := *figureSearches
		if raceEnabled {
			searches = 2
		}
		var ours, theirs []time.Duration
		for i := range searches {
			target, by := servers[(i*7+3)%len(servers)], servers[(i*5+1)%len(servers)]
			if target == by {
				target = servers[(i*7+2)%len(servers)]
			}
			ours = append(ours, n.findOurs(target, by))
			theirs = append(theirs, n.findTheirs(target, by))
		}
		for name, all := range map[string][]time.Duration{"find": ours, "stock_find": theirs} {
			slices.Sort(all)
			var seconds []string
			for _, d := range all {
				seconds = append(seconds, strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
			}
			t.Attr(name, strings.Join(seconds, " "))
		}
		// Among four servers there is nothing to win, and one search is luck.
		if !raceEnabled && ours[len(ours)/2] >= theirs[len(theirs)/2] {
			t.Error("no faster than the library's own")
		}
		if slices.Max(ours) > slices.Max(theirs)+2*roundTrip {
			t.Error("slower than the library's own")
		}
	})
}

// newcomer returns a host for one search, and its end.
func (n *internet) newcomer() (host.Host, func()) {
	h := n.host(false)
	n.ends = n.ends[:len(n.ends)-1]
	return h, func() { h.Close() }
}

func (n *internet) findOurs(target, by host.Host) time.Duration {
	h, end := n.newcomer()
	defer end()
	d, err := New(Config{Host: h, Network: Public, Bootstrap: infos([]host.Host{by})})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		n.t.Fatal(err)
	}
	defer d.Close()
	<-d.tableFilled()
	return n.timed(func(ctx context.Context, found func([]ma.Multiaddr)) { d.Find(ctx, target.ID(), found) })
}

func (n *internet) findTheirs(target, by host.Host) time.Duration {
	h, end := n.newcomer()
	defer end()
	kad, err := kaddht.New(h, kaddht.Mode(kaddht.ModeClient))
	if err != nil {
		n.t.Fatal(err)
	}
	defer kad.Close()
	if err := h.Connect(n.t.Context(), info(by)); err != nil {
		n.t.Fatal(err)
	}
	kad.Bootstrap(n.t.Context())
	for kad.RoutingTable().Size() == 0 {
		n.pass(time.Millisecond)
	}
	return n.timed(func(ctx context.Context, found func([]ma.Multiaddr)) {
		if p, err := kad.FindPeer(ctx, target.ID()); err == nil {
			found(p.Addrs)
		}
	})
}

// timed returns how long a search took to its first address.
func (n *internet) timed(find func(context.Context, func([]ma.Multiaddr))) time.Duration {
	const limit = 10 * time.Second
	ctx, cancel := context.WithTimeout(n.t.Context(), limit)
	defer cancel()
	start, took := time.Now(), time.Duration(0)
	find(ctx, func(addrs []ma.Multiaddr) {
		if took == 0 && len(addrs) > 0 {
			took = time.Since(start)
			cancel()
		}
	})
	if took == 0 {
		return limit
	}
	return took
}
