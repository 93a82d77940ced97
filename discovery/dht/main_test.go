package dht

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	quic = "/ip4/127.0.0.1/udp/0/quic-v1"
	tcp  = "/ip4/127.0.0.1/tcp/0"
)

// newHost returns a host on loopback that is closed with the test.
func newHost(t *testing.T, listen ...string) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings(listen...), libp2p.DisableRelay(), libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// start returns a running DHT that is closed with the test.
func start(t *testing.T, cfg Config) *DHT {
	t.Helper()
	d, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

func info(h host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// findOne asks d until it yields an address of target that can be dialed.
func findOne(t *testing.T, d *DHT, target host.Host, within time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	found := false
	d.Find(ctx, target.ID(), func(addrs []ma.Multiaddr) {
		for _, a := range addrs {
			for _, b := range target.Addrs() {
				found = found || a.Equal(b)
			}
		}
		if found {
			cancel()
		}
	})
	if !found {
		t.Errorf("not found within %v; table %d, mode %s", within, d.Size(), d.Mode())
	}
}
