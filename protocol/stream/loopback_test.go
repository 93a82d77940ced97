package stream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

func TestFramesGoBothWays(t *testing.T) {
	for name, listen := range listens {
		t.Run(name, func(t *testing.T) {
			a, b := newEnd(t, newHost(t, listen)), newEnd(t, newHost(t, listen))
			connect(t, a, b)
			s := a.open(t, b.ID())
			if !a.has(func(e event) bool { return e.kind == "current" && e.s == s }) {
				t.Error("Open returned before the session was told to be the current one")
			}
			if last, since := s.Heard(); last != 0 || since != 0 {
				t.Errorf("heard at %d since %d before anything could be", last, since)
			}
			big, there, back := large(), protocol.NewID(), protocol.NewID()
			send(t, s, big, protocol.Confirm{ID: there})
			if got := b.awaitFrame(t, big.Invitation()); got.m != big {
				t.Error("the large message changed on its way")
			}
			in := b.awaitFrame(t, there).s
			if in.Opener() || in.Peer() != a.ID() || b.t.Current(a.ID()) != in {
				t.Error("the accepted session does not know its place")
			}
			send(t, in, protocol.Delivered{ID: back})
			a.awaitFrame(t, back)
			if last, since := s.Heard(); last == 0 || since == 0 || since > last || last > now() {
				t.Errorf("heard at %d since %d", last, since)
			}
			s.Close()
			if e := a.awaitDown(t, s); e.err != nil {
				t.Errorf("the closing side: %v", e.err)
			}
			if e := b.awaitDown(t, in); e.err != nil {
				t.Errorf("the other side: %v", e.err)
			}
			checkOrder(t, a.events(), s, "up", "current", "frame", "down")
			checkOrder(t, b.events(), in, "up", "current", "frame", "frame", "down")
		})
	}
}

func checkOrder(t *testing.T, got []event, s *Session, want ...string) {
	t.Helper()
	var kinds []string
	for _, e := range got {
		if e.s == s {
			kinds = append(kinds, e.kind)
		}
	}
	if g, w := strings.Join(kinds, " "), strings.Join(want, " "); g != w {
		t.Errorf("told %q, want %q", g, w)
	}
}

func TestFirstBatchRidesFirstFlightAndBatchIsOneWrite(t *testing.T) {
	for name, listen := range listens {
		t.Run(name, func(t *testing.T) {
			tap := &tap{}
			a, b := newEnd(t, tapHost{newHost(t, listen), tap}), newEnd(t, newHost(t, listen))
			connect(t, a, b)
			first, second := protocol.NewID(), protocol.NewID()
			s := a.open(t, b.ID())
			// Done brings its Beat along.
			one := []protocol.Message{protocol.Delivered{ID: first}, protocol.Done{ID: first, Outcome: protocol.OutcomeUnknown}}
			two := []protocol.Message{protocol.Delivered{ID: second}, protocol.Received{ID: second}}
			send(t, s, one...)
			a.await(t, "the answer to the Beat", func(e event) bool { return e.kind == "done_read" })
			send(t, s, two...)
			b.await(t, "Received", func(e event) bool { return e.m == two[1] })

			writes := tap.written()
			if len(writes) != 2 {
				t.Fatalf("%d writes, want 2", len(writes))
			}
			want := frames(t, one[0], one[1], protocol.Beat{Number: 1})
			if !bytes.Contains(writes[0], []byte(protocol.StreamID)) || !bytes.HasSuffix(writes[0], want) {
				t.Errorf("the first write is %q", writes[0])
			}
			if !bytes.Equal(writes[1], frames(t, two[0], two[1])) {
				t.Errorf("the second write is %q", writes[1])
			}
		})
	}
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	a, b := newEnd(t, newHost(t, listens["tcp"])), newHost(t, listens["tcp"])
	_, err := a.t.Open(context.Background(), b.ID())
	if !errors.Is(err, &protocol.Error{Code: protocol.CodePeerUnreachable}) {
		t.Errorf("without a connection: %v", err)
	}
	connect(t, a, b)
	_ = a.t.Close()
	_, err = a.t.Open(context.Background(), b.ID())
	if !errors.Is(err, &protocol.Error{Code: protocol.CodeShuttingDown}) {
		t.Errorf("after Close: %v", err)
	}
}

func TestPeerThatDoesNotSpeakIt(t *testing.T) {
	for name, listen := range listens {
		t.Run(name, func(t *testing.T) {
			a, b := newEnd(t, newHost(t, listen)), newHost(t, listen)
			connect(t, a, b)
			s := a.open(t, b.ID())
			send(t, s, protocol.Delivered{ID: protocol.NewID()})
			if e := a.awaitDown(t, s); !errors.Is(e.err, ErrNotSpoken) {
				t.Errorf("ended with %v", e.err)
			}
		})
	}
}

func TestCloseFlushesAndEndsEverything(t *testing.T) {
	a, b := newEnd(t, newHost(t, listens["tcp"])), newEnd(t, newHost(t, listens["tcp"]))
	connect(t, a, b)
	s, id := a.open(t, b.ID()), protocol.NewID()
	send(t, s, large(), large(), protocol.Delivered{ID: id})
	_ = a.t.Close()
	if !a.has(func(e event) bool { return e.kind == "down" && e.s == s }) {
		t.Error("Close returned before the session's end was told")
	}
	b.awaitFrame(t, id)
	b.awaitDown(t, nil)
	if err := s.Send(protocol.Delivered{ID: id}); err != nil {
		t.Errorf("Send on an ended session: %v", err)
	}
}

func TestMessageThatCannotBeEncodedIsLeftOut(t *testing.T) {
	a, b := newEnd(t, newHost(t, listens["tcp"])), newEnd(t, newHost(t, listens["tcp"]))
	connect(t, a, b)
	id := protocol.NewID()
	bad := protocol.Refuse{ID: protocol.NewID(), Reason: protocol.ReasonBusy, Response: strings.Repeat("x", protocol.MaxResponse+1)}
	if err := a.open(t, b.ID()).Send(bad, protocol.Delivered{ID: id}); err == nil {
		t.Error("no error about an oversized response")
	}
	b.awaitFrame(t, id)
}

func TestMalformedFramesResetOnlyTheirStream(t *testing.T) {
	good := frames(t, protocol.Delivered{ID: protocol.NewID()})
	for name, bytes := range map[string][]byte{
		"length over the limit":  {0xff, 0xff, 0x7f},
		"length of four bytes":   {0x80, 0x80, 0x80, 0x00},
		"truncated length":       {0x80},
		"truncated body":         good[:len(good)-1],
		"empty frame":            {0x00},
		"garbage":                {0x04, 0xff, 0xff, 0xff, 0xff},
		"garbage after a frame":  append(append([]byte{}, good...), 0x02, 0xff, 0xff),
		"another protocol's GET": []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
	} {
		t.Run(name, func(t *testing.T) {
			a, b := newEnd(t, newHost(t, listens["quic"])), newEnd(t, newHost(t, listens["quic"]))
			connect(t, a, b)
			s, before, after := a.open(t, b.ID()), protocol.NewID(), protocol.NewID()
			send(t, s, protocol.Delivered{ID: before})
			b.awaitFrame(t, before)

			raw := rawStream(t, a, b.ID())
			write(t, raw, bytes)
			_ = raw.CloseWrite()
			_, err := io.ReadAll(raw)
			if !errors.Is(err, &network.StreamError{Remote: true, ErrorCode: network.StreamProtocolViolation}) {
				t.Errorf("the stream ended with %v", err)
			}
			send(t, s, protocol.Delivered{ID: after})
			b.awaitFrame(t, after)
			if b.has(func(e event) bool { return e.kind == "down" && !errors.Is(e.err, ErrNonsense) }) {
				t.Error("another session suffered")
			}
		})
	}
}

func TestUnknownFrameIsIgnored(t *testing.T) {
	a, b := newHost(t, listens["tcp"]), newEnd(t, newHost(t, listens["tcp"]))
	connect(t, a, b)
	raw, id := rawStream(t, a, b.ID()), protocol.NewID()
	unknown := []byte{0x06, 0xaa, 0x3f, 0x03, 'n', 'e', 'w'} // field 1013, three bytes
	write(t, raw, append(unknown, frames(t, protocol.Delivered{ID: id})...))
	b.awaitFrame(t, id)
	_ = raw.Reset()
	b.awaitDown(t, nil)
}

func TestFloodOfBeatsEndsTheSession(t *testing.T) {
	a, b := newHost(t, listens["quic"]), newEnd(t, newHost(t, listens["quic"]))
	connect(t, a, b)
	raw := rawStream(t, a, b.ID())
	var flood []protocol.Frame
	for i := range uint64(MaxBeats + 1) {
		flood = append(flood, protocol.Beat{Number: i + 1})
	}
	write(t, raw, frames(t, flood...))
	if e := b.awaitDown(t, nil); !errors.Is(e.err, ErrFlood) {
		t.Errorf("ended with %v", e.err)
	}
	_, err := io.ReadAll(raw)
	if !errors.Is(err, &network.StreamError{Remote: true, ErrorCode: network.StreamRateLimited}) {
		t.Errorf("the stream ended with %v", err)
	}
}

func TestFifthInboundSessionEndsTheOldest(t *testing.T) {
	a, b := newHost(t, listens["quic"]), newEnd(t, newHost(t, listens["quic"]))
	connect(t, a, b)
	answer := frames(t, protocol.BeatAnswer{Number: 1})
	var streams []network.Stream
	for range MaxInbound + 1 {
		raw := rawStream(t, a, b.ID())
		streams = append(streams, raw)
		write(t, raw, frames(t, protocol.Beat{Number: 1}))
		got := make([]byte, len(answer))
		if _, err := io.ReadFull(raw, got); err != nil || !bytes.Equal(got, answer) {
			t.Fatalf("answer %x, %v", got, err)
		}
	}
	_, err := io.ReadAll(streams[0])
	if !errors.Is(err, &network.StreamError{Remote: true, ErrorCode: network.StreamSupplanted}) {
		t.Errorf("the oldest ended with %v", err)
	}
	if e := b.awaitDown(t, nil); !errors.Is(e.err, ErrCrowded) {
		t.Errorf("its end was told as %v", e.err)
	}
	for _, raw := range streams[1:] {
		write(t, raw, frames(t, protocol.Beat{Number: 1}))
		if _, err := io.ReadFull(raw, make([]byte, len(answer))); err != nil {
			t.Errorf("a newer one ended too: %v", err)
		}
	}
}

func TestPeerThatDoesNotReadIsCutOff(t *testing.T) {
	for name, listen := range listens {
		t.Run(name, func(t *testing.T) {
			a, b := newEnd(t, newHost(t, listen)), newHost(t, listen)
			b.SetStreamHandler(protocol.StreamID, func(network.Stream) {}) // never reads
			connect(t, a, b)
			s := a.open(t, b.ID())
			for range 64 << 20 / protocol.MaxResponse {
				send(t, s, large())
				if s.ending.Load() {
					break
				}
			}
			if e := a.awaitDown(t, s); !errors.Is(e.err, ErrUnread) {
				t.Errorf("ended with %v", e.err)
			}
		})
	}
}

// rawStream opens a stream as a peer would that follows rules of its own.
func rawStream(t *testing.T, h host.Host, p peer.ID) network.Stream {
	t.Helper()
	raw, err := h.NewStream(context.Background(), p, protocol.StreamID)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Reset() })
	return raw
}

func write(t *testing.T, raw network.Stream, b []byte) {
	t.Helper()
	if _, err := raw.Write(b); err != nil {
		t.Fatal(err)
	}
}
