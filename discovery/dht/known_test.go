package dht

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/encoding/protodelim"
)

// joined waits until the table has that many peers.
func joined(t *testing.T, d *DHT, size int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(20 * time.Second); d.Size() < size; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d peers in the table, want %d", d.Size(), size)
		}
	}
}

// TestServersTellWhereThisPeerIs: what a caller would be told is asked of three
// others.
func TestServersTellWhereThisPeerIs(t *testing.T) {
	var seeds []peer.AddrInfo
	for range 4 {
		h := newHost(t, tcp)
		start(t, Config{Host: h, Network: "test"})
		seeds = append(seeds, info(h))
	}
	a := newHost(t, quic, tcp)
	d := start(t, Config{Host: a, Network: "test", Bootstrap: seeds})
	joined(t, d, len(seeds))
	k, err := d.Known(t.Context())
	if err != nil || k.Asked != askKnown || k.Knew != askKnown {
		t.Fatalf("%+v, %v", k, err)
	}
	for _, own := range a.Addrs() {
		if !slices.ContainsFunc(k.Addrs, own.Equal) {
			t.Errorf("%v is not named: %v", own, k.Addrs)
		}
	}
}

// TestNobodyToAsk: an empty table is no error, a closed DHT is one.
func TestNobodyToAsk(t *testing.T) {
	d := start(t, Config{Host: newHost(t, tcp), Network: "test"})
	if k, err := d.Known(t.Context()); err != nil || k.Asked != 0 {
		t.Errorf("%+v, %v", k, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Known(t.Context()); err == nil {
		t.Error("a closed DHT was asked")
	}
}

// TestServersThatSayNothingUseful: silence, rubbish and an answer about
// somebody else are not taken for knowledge, and do not take longer than asked.
func TestServersThatSayNothingUseful(t *testing.T) {
	for name, c := range map[string]struct {
		say   []byte
		asked int
	}{
		"silence":         {nil, 0},
		"rubbish":         {[]byte("\x05hello"), 0},
		"too long":        {[]byte("\xff\xff\xff\xff\x0f"), 0},
		"a short answer":  {[]byte("\x00"), 1},
		"cut off":         {[]byte("\x7f\x08"), 0},
		"a broken length": {[]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			seed, a := newHost(t, tcp), newHost(t, tcp)
			start(t, Config{Host: seed, Network: "test"})
			d := start(t, Config{Host: a, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)}})
			joined(t, d, 1)
			answers(seed, d, c.say)
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			begun := time.Now()
			k, err := d.Known(ctx)
			if err != nil || k.Asked != c.asked || k.Knew != 0 || len(k.Addrs) > 0 {
				t.Errorf("%+v, %v", k, err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// answers makes a server say the same to every question, or nothing.
func answers(h host.Host, d *DHT, say []byte) {
	h.SetStreamHandler(d.proto, func(s network.Stream) {
		if say == nil {
			io.Copy(io.Discard, s) // until it is reset
			return
		}
		s.Write(say)
		s.CloseWrite()
	})
}

// TestALiarNamesFewAddresses bounds what one server can name.
func TestALiarNamesFewAddresses(t *testing.T) {
	seed, a := newHost(t, tcp), newHost(t, tcp)
	start(t, Config{Host: seed, Network: "test"})
	d := start(t, Config{Host: a, Network: "test", Bootstrap: []peer.AddrInfo{info(seed)}})
	joined(t, d, 1)
	lie := &pb.Message_Peer{Id: []byte(a.ID())}
	for port := range 10 * maxKnownAddrs {
		lie.Addrs = append(lie.Addrs, ma.StringCast(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", port+1)).Bytes())
	}
	var say bytes.Buffer
	if _, err := protodelim.MarshalTo(&say, &pb.Message{CloserPeers: []*pb.Message_Peer{lie}}); err != nil {
		t.Fatal(err)
	}
	answers(seed, d, say.Bytes())
	k, err := d.Known(t.Context())
	if err != nil || k.Knew != 1 || len(k.Addrs) != maxKnownAddrs {
		t.Errorf("%d addresses, %v", len(k.Addrs), err)
	}
}
