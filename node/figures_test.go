package node

import (
	"context"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	quictransport "github.com/libp2p/go-libp2p/p2p/transport/quic"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Bounds on a first ring, in round trips: to a known address without a
// connection, and through a relay that is not connected either.
const (
	firstTrips   = 2.2
	relayedTrips = 9
)

// TestVirtualFigures measures a first ring between two whole nodes, until the
// callee's app has it and until the caller's app knows that, beside what libp2p
// needs in the same network to connect, open a stream and have one message read.
// The time is virtual: it counts the ways through the network and no computing.
// The attributes are for scripts/bench, in seconds.
func TestVirtualFigures(t *testing.T) {
	for _, c := range []struct {
		name    string
		relayed bool
		most    float64
	}{{"ring", false, firstTrips}, {"relayed_ring", true, relayedTrips}} {
		virtually(t, func(t *testing.T, v *virtual) {
			relay := v.node(true, Config{Reachability: "public"})
			callee, caller := v.node(true, Config{Relays: []string{NoRelay}}), v.node(true, Config{})
			if c.relayed {
				callee = v.node(false, Config{Reachability: "private", Relays: addressesOf(t, relay)})
			}
			v.pass(time.Minute)
			at := addressesOf(t, callee)
			if len(at) != 1 || strings.Contains(at[0], "p2p-circuit") != c.relayed {
				t.Fatalf("the callee is at %v", at)
			}
			stock := v.message(callee, at[0])
			rung, known := v.ring(caller, callee, at)
			tell(t, "stock_"+c.name, stock)
			tell(t, c.name, rung)
			if !c.relayed {
				tell(t, "known", known)
				rung = known
			}
			if trips := float64(rung) / float64(roundTrip); trips > c.most {
				t.Errorf("%s took %v round trips, want at most %v", c.name, trips, c.most)
			}
			if rung > stock {
				t.Errorf("%s took %v, libp2p's own way %v", c.name, rung, stock)
			}
		})
	}
}

func tell(t *testing.T, name string, took time.Duration) {
	t.Attr(name, strconv.FormatFloat(took.Seconds(), 'f', -1, 64))
}

// addressesOf returns the addresses that a node gives out.
func addressesOf(t *testing.T, n *Node) []string {
	t.Helper()
	info, err := n.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Addresses
}

// ring returns how long it took from the caller's request until the callee's
// app had the event, and until the caller's app knew of it.
func (v *virtual) ring(caller, callee *Node, at []string) (rung, known time.Duration) {
	v.t.Helper()
	there, here := startApp(v.t, callee), startApp(v.t, caller)
	start := time.Now()
	if _, err := caller.Create(v.t.Context(), CreateRequest{Callee: string(callee.self), Content: "offer", Addresses: at}, Idempotency{}); err != nil {
		v.t.Fatal(err)
	}
	there.await(invitation.RemoteReceived)
	rung = time.Since(start)
	here.await(invitation.LocalReceivedByPeer)
	return rung, time.Since(start)
}

// message returns how long it took from a libp2p host's call of Connect until a
// message was read at a node, in libp2p's usual way.
func (v *virtual) message(to *Node, at string) time.Duration {
	v.t.Helper()
	const id = "/beckon/test/message"
	read := make(chan time.Time)
	far := to.uplink.Load().host
	far.SetStreamHandler(id, func(s network.Stream) {
		if _, err := io.ReadFull(s, make([]byte, len("offer"))); err == nil {
			read <- time.Now()
		}
		s.Close()
	})
	defer far.RemoveStreamHandler(id)
	h := v.stock()
	defer h.Close()
	info, err := peer.AddrInfoFromString(at)
	if err != nil {
		v.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(v.t.Context(), "test"), patience)
	defer cancel()
	start := time.Now()
	if err := h.Connect(ctx, *info); err != nil {
		v.t.Fatal(err)
	}
	s, err := h.NewStream(ctx, info.ID, id)
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := s.Write([]byte("offer")); err != nil {
		v.t.Fatal(err)
	}
	return (<-read).Sub(start)
}

// stock returns a libp2p host with nothing changed.
func (v *virtual) stock() host.Host {
	h, err := libp2p.New(libp2p.ListenAddrs(ma.StringCast("/ip4/81.0.0.1/udp/4001/quic-v1")),
		libp2p.Transport(quictransport.NewTransport), libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(), v.attach(true))
	if err != nil {
		v.t.Fatal(err)
	}
	return h
}
