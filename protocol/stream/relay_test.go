package stream

import (
	"fmt"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

func TestRelayedConnectionCarriesFramesUntilADirectOneIsThere(t *testing.T) {
	listen := listens["quic"]
	anywhere := func(ma.Multiaddr) bool { return true } // loopback is not public
	r := newHost(t, listen, libp2p.ForceReachabilityPublic(),
		libp2p.EnableRelayService(relay.WithReservationAddressFilter(anywhere)))
	a, b := newEnd(t, newHost(t, listen)), newEnd(t, newHost(t, listen))
	connect(t, b, r)
	if _, err := client.Reserve(t.Context(), b, peer.AddrInfo{ID: r.ID(), Addrs: r.Addrs()}); err != nil {
		t.Fatal(err)
	}
	circuit := ma.StringCast(fmt.Sprintf("%s/p2p/%s/p2p-circuit", r.Addrs()[0], r.ID()))
	ctx := network.WithAllowLimitedConn(t.Context(), "test")
	if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: []ma.Multiaddr{circuit}}); err != nil {
		t.Fatal(err)
	}
	relayed := a.open(t, b.ID())
	if !relayed.Conn().Stat().Limited {
		t.Fatal("the connection is not relayed")
	}
	checkCarries(t, a, b, relayed)

	ctx = network.WithForceDirectDial(t.Context(), "test")
	if err := a.Connect(ctx, peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
	direct := a.open(t, b.ID())
	if direct.Conn().Stat().Limited {
		t.Fatal("the new session does not use the direct connection")
	}
	checkCarries(t, a, b, direct)
	if a.t.Current(b.ID()) != direct {
		t.Error("the direct session is not the current one")
	}
	if e := a.awaitDown(t, relayed); e.err != nil {
		t.Errorf("the relayed session ended with %v", e.err)
	}
}

func checkCarries(t *testing.T, a, b *end, s *Session) {
	t.Helper()
	there, back := large(), large()
	send(t, s, there)
	in := b.awaitFrame(t, there.Invitation()).s
	send(t, in, back)
	if e := a.awaitFrame(t, back.Invitation()); e.s != s {
		t.Error("the answer came on another session")
	}
}
