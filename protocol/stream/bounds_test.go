package stream

import (
	"errors"
	"io"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"

	"github.com/beckon-p2p/beckon/protocol"
)

func TestFullHouseAcceptsNoMoreButCanStillCall(t *testing.T) {
	a, b := newHost(t, listens["quic"]), newEnd(t, newHost(t, listens["quic"]))
	connect(t, a, b)
	b.t.mu.Lock()
	b.t.count += MaxSessions // as many others
	b.t.mu.Unlock()
	raw := rawStream(t, a, b.ID())
	write(t, raw, frames(t, protocol.Beat{Number: 1}))
	_, err := io.ReadAll(raw)
	if !errors.Is(err, &network.StreamError{Remote: true, ErrorCode: network.StreamResourceLimitExceeded}) {
		t.Errorf("the stream ended with %v", err)
	}
	b.open(t, a.ID()).Close()

	b.t.mu.Lock()
	b.t.count += MaxSessions
	b.t.mu.Unlock()
	if _, err := b.t.Open(t.Context(), a.ID()); !errors.Is(err, &protocol.Error{Code: protocol.CodeTooMany}) {
		t.Errorf("opening one too many: %v", err)
	}
}

func TestSessionsAreAccountedForAndFreed(t *testing.T) {
	manager := func() network.ResourceManager {
		m, err := rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.InfiniteLimits))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	ma, mb := manager(), manager()
	a, b := newEnd(t, newManagedHost(t, listens["tcp"], ma)), newEnd(t, newManagedHost(t, listens["tcp"], mb))
	connect(t, a, b)
	s, id := a.open(t, b.ID()), protocol.NewID()
	send(t, s, protocol.Delivered{ID: id})
	in := b.awaitFrame(t, id).s

	if got := serviceStat(t, ma); got.NumStreamsOutbound != 1 || got.Memory < sessionMemory {
		t.Errorf("the opener accounts for %+v", got)
	}
	if got := serviceStat(t, mb); got.NumStreamsInbound != 1 || got.Memory < sessionMemory {
		t.Errorf("the other side accounts for %+v", got)
	}
	s.Close()
	a.awaitDown(t, s)
	b.awaitDown(t, in)
	_ = a.t.Close()
	if got := serviceStat(t, ma); got != (network.ScopeStat{}) {
		t.Errorf("%+v is left", got)
	}
}

func serviceStat(t *testing.T, m network.ResourceManager) (stat network.ScopeStat) {
	t.Helper()
	if err := m.ViewService(Service, func(s network.ServiceScope) error { stat = s.Stat(); return nil }); err != nil {
		t.Fatal(err)
	}
	return stat
}

func TestFailedSessionLeavesTheOthers(t *testing.T) {
	a, b := newEnd(t, newHost(t, listens["quic"])), newEnd(t, newHost(t, listens["quic"]))
	connect(t, a, b)
	good, bad, id := a.open(t, b.ID()), a.open(t, b.ID()), protocol.NewID()
	send(t, bad, protocol.Delivered{ID: id})
	in := b.awaitFrame(t, id).s
	why := errors.New("broke a rule")
	in.Fail(why)
	if e := b.awaitDown(t, in); !errors.Is(e.err, why) {
		t.Errorf("ended with %v", e.err)
	}
	e := a.awaitDown(t, bad)
	if !errors.Is(e.err, &network.StreamError{Remote: true, ErrorCode: network.StreamProtocolViolation}) {
		t.Errorf("the peer was told %v", e.err)
	}
	after := protocol.NewID()
	send(t, good, protocol.Delivered{ID: after})
	b.awaitFrame(t, after)
}

func TestPeerThatResetsWhatWeClosedIsNoFault(t *testing.T) {
	a, b := newEnd(t, newHost(t, listens["quic"])), newHost(t, listens["quic"])
	b.SetStreamHandler(protocol.StreamID, func(raw network.Stream) {
		_, _ = io.ReadAll(raw)
		_ = raw.Reset()
	})
	connect(t, a, b)
	s := a.open(t, b.ID())
	send(t, s, protocol.Delivered{ID: protocol.NewID()})
	s.Close()
	if e := a.awaitDown(t, s); e.err != nil {
		t.Errorf("ended with %v", e.err)
	}
}

// echo answers each Invite with Received.
type echo struct{ *recorder }

func (echo) Frame(s *Session, m protocol.Message) {
	_ = s.Send(protocol.Received{ID: m.Invitation()})
}

// pulse says when a frame came.
type pulse struct {
	*recorder
	came chan struct{}
}

func (p pulse) Frame(*Session, protocol.Message) { p.came <- struct{}{} }

func BenchmarkInviteAndItsAnswer(b *testing.B) {
	for name, listen := range listens {
		b.Run(name, func(b *testing.B) {
			hosts := [2]*end{}
			p := pulse{recorder: newRecorder(), came: make(chan struct{})}
			for i, r := range []Receiver{p, echo{newRecorder()}} {
				h, err := libp2p.New(libp2p.ListenAddrStrings(listen), libp2p.DisableMetrics())
				if err != nil {
					b.Fatal(err)
				}
				defer h.Close()
				hosts[i] = &end{Host: h, t: New(Config{Host: h, Now: now, Receiver: r})}
				hosts[i].t.Start()
				defer hosts[i].t.Close()
			}
			if err := hosts[0].Connect(b.Context(), hosts[1].Peerstore().PeerInfo(hosts[1].ID())); err != nil {
				b.Fatal(err)
			}
			s, err := hosts[0].t.Open(b.Context(), hosts[1].ID())
			if err != nil {
				b.Fatal(err)
			}
			invite := protocol.Invite{
				ID: protocol.NewID(), App: "call", Content: string(make([]byte, 1024)),
				ReachLeft: protocol.DefaultReach, Ring: protocol.DefaultRing,
			}
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Send(invite)
				<-p.came
			}
		})
	}
}
