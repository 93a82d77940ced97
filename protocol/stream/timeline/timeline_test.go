package timeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func newHost(t *testing.T) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// couple returns two hosts that are connected.
func couple(t *testing.T) (asker, answerer host.Host) {
	t.Helper()
	asker, answerer = newHost(t), newHost(t)
	if err := asker.Connect(testContext(t), peer.AddrInfo{ID: answerer.ID(), Addrs: answerer.Addrs()}); err != nil {
		t.Fatal(err)
	}
	return asker, answerer
}

func serve(t *testing.T, h host.Host, answer Answer) *Server {
	t.Helper()
	var now protocol.Instant = 1 // time stands still: no rate recovers
	s := Serve(h, func() protocol.Instant { return now }, answer)
	t.Cleanup(s.Close)
	return s
}

func TestAskAndAnswer(t *testing.T) {
	a, b := couple(t)
	id := protocol.NewID()
	serve(t, b, func(_ context.Context, from protocol.PeerID, asked protocol.ID) protocol.ExplainAnswer {
		if string(from) != a.ID().String() || asked != id {
			return protocol.ExplainAnswer{Status: protocol.ExplainUnknown}
		}
		return protocol.ExplainAnswer{Status: protocol.ExplainTimeline, Steps: []protocol.ExplainStep{{Code: "sent", Since: time.Second}}}
	})
	got, err := Ask(testContext(t), a, b.ID(), id)
	if err != nil || got.Status != protocol.ExplainTimeline || len(got.Steps) != 1 || got.Steps[0].Since != time.Second {
		t.Fatalf("%+v, %v", got, err)
	}
	if got, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); err != nil || got.Status != protocol.ExplainUnknown {
		t.Errorf("another id: %+v, %v", got, err)
	}
}

func TestAskWhoDoesNotSpeakIt(t *testing.T) {
	a, b := couple(t)
	if _, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); !errors.Is(err, ErrNotSpoken) {
		t.Errorf("%v", err)
	}
}

func TestAskDoesNotDial(t *testing.T) {
	a, b := newHost(t), newHost(t)
	serve(t, b, nil)
	a.Peerstore().AddAddrs(b.ID(), b.Addrs(), time.Hour)
	if _, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); err == nil || len(a.Network().Peers()) > 0 {
		t.Errorf("%v, peers %v", err, a.Network().Peers())
	}
}

// TestHostileRequests: nothing of them reaches the node, and the stream is reset.
func TestHostileRequests(t *testing.T) {
	a, b := couple(t)
	serve(t, b, func(context.Context, protocol.PeerID, protocol.ID) protocol.ExplainAnswer {
		t.Error("it was answered")
		return protocol.ExplainAnswer{}
	})
	for name, bytes := range map[string]string{
		"nothing": "", "no id": "\x00", "a length without end": strings.Repeat("\xff", 11), "a huge length": "\xff\xff\xff\xff\x0f",
		"cut": "\x12\x0a\x10abc", "no protobuf": "\x03\xff\xff\xff",
	} {
		raw, err := a.NewStream(testContext(t), b.ID(), protocol.ExplainID)
		if err != nil {
			t.Fatal(err)
		}
		raw.Write([]byte(bytes))
		raw.CloseWrite()
		if got, err := io.ReadAll(raw); err == nil {
			t.Errorf("%s: answered %x", name, got)
		}
	}
}

// TestHostileAnswers: who asks a liar gets an error, in bounded time and room.
func TestHostileAnswers(t *testing.T) {
	a, b := couple(t)
	for i, bytes := range []string{"", "\x00", "\xff\xff\xff\xff\x0f", "\x02\x08\x63", "\x05\x08\x01", "\x02\xff\xff"} {
		b.SetStreamHandler(protocol.ExplainID, func(raw network.Stream) {
			raw.Write([]byte(bytes))
			raw.Close()
		})
		if got, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); err == nil {
			t.Errorf("case %d: taken as %+v", i, got)
		}
	}
	silent := make(chan struct{})
	b.SetStreamHandler(protocol.ExplainID, func(raw network.Stream) {
		<-silent
		raw.Reset()
	})
	defer close(silent)
	ctx, cancel := context.WithTimeout(testContext(t), 100*time.Millisecond)
	defer cancel()
	if _, err := Ask(ctx, a, b.ID(), protocol.NewID()); err == nil {
		t.Error("a peer that never answers was waited for")
	}
}

// TestSlowAndManyRequests: whoever says nothing is cut off, and while the room
// is taken nobody else is served.
func TestSlowAndManyRequests(t *testing.T) {
	a, b := couple(t)
	s := serve(t, b, func(context.Context, protocol.PeerID, protocol.ID) protocol.ExplainAnswer {
		return protocol.ExplainAnswer{Status: protocol.ExplainOff}
	})
	open := func() network.Stream {
		t.Helper()
		raw, err := a.NewStream(testContext(t), b.ID(), protocol.ExplainID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Write([]byte{0x12}); err != nil { // the rest does not come
			t.Fatal(err)
		}
		return raw
	}
	var slow []network.Stream
	for range maxAnswering {
		slow = append(slow, open())
	}
	for len(s.room) < maxAnswering {
		runtime.Gosched()
	}
	if got, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); err == nil {
		t.Errorf("served beside %d others: %+v", maxAnswering, got)
	}
	for _, raw := range slow {
		raw.Reset()
	}
	for len(s.room) > 0 {
		runtime.Gosched()
	}
	s.mu.Lock()
	s.most = 50 * time.Millisecond
	s.mu.Unlock()
	if got, err := io.ReadAll(open()); err == nil {
		t.Errorf("answered half a request: %x", got)
	}
	if _, err := Ask(testContext(t), a, b.ID(), protocol.NewID()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestRate: a peer may ask a burst, then at its pace; others are not concerned.
func TestRate(t *testing.T) {
	now := protocol.Instant(1)
	r := newRates(func() protocol.Instant { return now })
	for i := range protocol.ExplainBurst {
		if !r.take("a") {
			t.Fatalf("refused after %d", i)
		}
	}
	if r.take("a") || !r.take("b") {
		t.Error("the burst has no end, or another peer pays for it")
	}
	now = now.Add(protocol.ExplainEvery)
	if !r.take("a") || r.take("a") {
		t.Error("after a pause just one more")
	}
	now = now.Add(time.Hour)
	for range protocol.ExplainBurst {
		if !r.take("a") {
			t.Error("the burst does not come back")
		}
	}
}

// TestRateTableIsBounded: many peers at once do not make it grow, and it is
// free again for others when they have gone.
func TestRateTableIsBounded(t *testing.T) {
	now := protocol.Instant(1)
	r := newRates(func() protocol.Instant { return now })
	for i := range 3 * maxAskers {
		r.take(peer.ID(fmt.Sprint(i)))
	}
	if len(r.until) > maxAskers || r.take("late") {
		t.Errorf("%d peers are remembered", len(r.until))
	}
	now = now.Add(time.Minute)
	if !r.take("late") || len(r.until) != 1 {
		t.Errorf("%d peers are remembered after a while", len(r.until))
	}
}
