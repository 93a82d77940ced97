package reachability

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
)

func loopback(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// TestMeet: the gate lets addresses through a relay pass once the relay was met,
// until its connection ends; one that knows no ping is alive, too.
func TestMeet(t *testing.T) {
	for _, c := range []struct {
		name string
		mute bool
	}{{"that answers pings", false}, {"that knows no ping", true}} {
		t.Run(c.name, func(t *testing.T) {
			h, relay := loopback(t), loopback(t)
			if c.mute {
				relay.RemoveStreamHandler(ping.ID)
			}
			k := New(Config{})
			k.host, k.ready = h, true
			gate := met{k}
			through := ma.StringCast("/ip4/127.0.0.1/udp/1/quic-v1/p2p/" + relay.ID().String() + "/p2p-circuit")
			if !gate.InterceptAddrDial("", relay.Addrs()[0]) || gate.InterceptAddrDial("", through) {
				t.Error("before the relay was met: direct addresses pass, and those through it do not")
			}
			info := peer.AddrInfo{ID: relay.ID(), Addrs: relay.Addrs()}
			if k.Trust(relay.ID()) {
				t.Error("a stranger is trusted")
			}
			for _, how := range []string{"dialled", "proven"} {
				if err := k.Meet(t.Context(), info); err != nil {
					t.Fatalf("%s: %v", how, err)
				}
				if !gate.InterceptAddrDial("", through) || h.Network().Connectedness(relay.ID()) != network.Connected {
					t.Errorf("%s: nothing passes through it", how)
				}
			}
			if !k.Trust(relay.ID()) {
				t.Error("who has just answered is not trusted")
			}
			if err := h.Network().ClosePeer(relay.ID()); err != nil {
				t.Fatal(err)
			}
			if gate.InterceptAddrDial("", through) || k.Trust(relay.ID()) {
				t.Error("what leads through a relay that has gone passes")
			}
		})
	}
}

// TestMetAreForgotten: however many relays are named to us, only those of the
// last seconds are in memory.
func TestMetAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := New(Config{})
		for i := range 100 {
			k.note(k.metAt, peer.ID(fmt.Sprint(i)))
			time.Sleep(time.Second)
		}
		if most := int(trustedFor/time.Second) + 1; len(k.metAt) > most {
			t.Errorf("%d are kept, %d at the most matter", len(k.metAt), most)
		}
	})
}
