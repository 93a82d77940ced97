package dht

import (
	"crypto/rand"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	quictransport "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/x/simlibp2p"
	"github.com/marcopolo/simnet"
)

const roundTrip = 50 * time.Millisecond

func virtualHost(t *testing.T, nw *simnet.Simnet, i int, more ...libp2p.Option) host.Host {
	t.Helper()
	link := simnet.LinkSettings{BitsPerSecond: 50 * simlibp2p.OneMbps}
	h, err := libp2p.New(append(more,
		libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(i))),
		libp2p.Transport(quictransport.NewTransport),
		simlibp2p.QUICSimnet(nw, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link}),
		libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableMetrics(), libp2p.DisableRelay(),
		libp2p.ResourceManager(&network.NullResourceManager{}))...)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A network of twenty that know one seed, 50 ms from each other: a newcomer
// finds anybody right after its start, dead entries in its cache or not.
func TestTwentyPeersInAVirtualNetwork(t *testing.T) {
	old, gone := 20, 10
	if raceEnabled {
		old, gone = 4, 2
	}
	synctest.Test(t, func(t *testing.T) {
		nw := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(roundTrip / 2)}
		hosts := make([]host.Host, old+2)
		dead := make([]peer.AddrInfo, gone)
		for i := range hosts {
			hosts[i] = virtualHost(t, nw, i)
		}
		for i := range dead {
			h := virtualHost(t, nw, 100+i)
			dead[i] = info(h)
			h.Close()
		}
		nw.Start()
		defer nw.Close()
		seeds := []peer.AddrInfo{info(hosts[0])}
		var dhts []*DHT
		begin := func(cfg Config) *DHT {
			cfg.Network = "test"
			d, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Start(); err != nil {
				t.Fatal(err)
			}
			dhts = append(dhts, d)
			return d
		}
		for _, h := range hosts[:old] {
			begin(Config{Host: h, Bootstrap: seeds})
		}
		time.Sleep(5 * time.Second) // virtual: they get to know each other

		// 2 round trips to dial, 1 to be identified, 1 to be checked, 1 or 2 to ask.
		newcomer := begin(Config{Host: hosts[old], Bootstrap: seeds})
		findOne(t, newcomer, hosts[old-1], 12*roundTrip)
		findOne(t, newcomer, hosts[old/3], 6*roundTrip)

		// Dead peers before the seed cost a new start one dial time at most.
		unlucky := begin(Config{Host: hosts[old+1], Bootstrap: dead, Cached: func() []peer.AddrInfo { return seeds }})
		findOne(t, unlucky, hosts[3], dialTime+12*roundTrip)

		for i, d := range dhts {
			if d.Size() == 0 {
				t.Errorf("peer %d knows nobody", i)
			}
			if err := d.Close(); err != nil {
				t.Error(err)
			}
		}
		for _, h := range hosts {
			h.Close()
		}
	})
}

// The only known peer comes up half a minute after everybody else: it is
// dialed again and again although libp2p advises against it.
func TestJoinsWhenTheSeedComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nw := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(roundTrip / 2)}
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		early := virtualHost(t, nw, 1, libp2p.Identity(key))
		seeds := []peer.AddrInfo{info(early)}
		early.Close()
		a := virtualHost(t, nw, 2)
		nw.Start()
		defer nw.Close()
		defer a.Close()
		d, err := New(Config{Host: a, Network: "test", Bootstrap: seeds})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		time.Sleep(30 * time.Second)
		if d.Joined() {
			t.Fatal("joined nobody")
		}
		seed := virtualHost(t, nw, 1, libp2p.Identity(key))
		defer seed.Close()
		s, err := New(Config{Host: seed, Network: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		// Rounds take 5 s and are 1, 2, 4, 8, 16 and 32 s apart.
		findOne(t, d, seed, 40*time.Second)
		time.Sleep(time.Second) // the seed checks the newcomer, too
		if !d.Joined() || s.Size() != 1 {
			t.Errorf("joined %v, the seed knows %d", d.Joined(), s.Size())
		}
	})
}
