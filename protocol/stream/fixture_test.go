package stream

import (
	"bytes"
	"context"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/protocol"
)

func TestMain(m *testing.M) {
	if os.Getenv(frozenEnv) != "" {
		os.Exit(runFrozen())
	}
	goleak.VerifyTestMain(m)
}

// The two ways in which daemons reach each other directly.
var listens = map[string]string{
	"tcp":  "/ip4/127.0.0.1/tcp/0",
	"quic": "/ip4/127.0.0.1/udp/0/quic-v1",
}

// event is one call to a Receiver.
type event struct {
	kind string // up, current, frame, done_read or down
	s    *Session
	m    protocol.Message
	ids  []protocol.ID
	err  error
	at   protocol.Instant
}

// recorder is a Receiver that remembers what it was told.
type recorder struct {
	onUp func(s *Session) // if set, called by SessionUp

	mu   sync.Mutex
	got  []event
	more chan struct{} // closed and replaced with each event
	gate chan struct{} // if set, Frame waits until it is closed
}

func newRecorder() *recorder { return &recorder{more: make(chan struct{})} }

func (r *recorder) add(e event) {
	e.at = now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, e)
	close(r.more)
	r.more = make(chan struct{})
}

func (r *recorder) SessionUp(s *Session) {
	r.add(event{kind: "up", s: s})
	if r.onUp != nil {
		r.onUp(s)
	}
}
func (r *recorder) Current(s *Session) { r.add(event{kind: "current", s: s}) }
func (r *recorder) Frame(s *Session, m protocol.Message) {
	r.add(event{kind: "frame", s: s, m: m})
	r.mu.Lock()
	gate := r.gate
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
}

// block makes Frame wait from now on until the function it returns is called.
func (r *recorder) block() (release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gate := make(chan struct{})
	r.gate = gate
	return func() { close(gate) }
}

func (r *recorder) DoneRead(s *Session, ids []protocol.ID) {
	r.add(event{kind: "done_read", s: s, ids: ids})
}
func (r *recorder) SessionDown(s *Session, err error) { r.add(event{kind: "down", s: s, err: err}) }

// events returns what was told so far.
func (r *recorder) events() []event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

// has reports whether something was told that ok likes.
func (r *recorder) has(ok func(event) bool) bool { return slices.ContainsFunc(r.events(), ok) }

// await returns the first thing told that ok likes, waiting for it if need be.
func (r *recorder) await(t *testing.T, what string, ok func(event) bool) event {
	t.Helper()
	limit := time.After(90 * time.Second) // more than IdleTime
	for {
		r.mu.Lock()
		i, more := slices.IndexFunc(r.got, ok), r.more
		var e event
		if i >= 0 {
			e = r.got[i]
		}
		r.mu.Unlock()
		if i >= 0 {
			return e
		}
		select {
		case <-more:
		case <-limit:
			t.Fatalf("%s never came; got %+v", what, r.events())
		}
	}
}

func (r *recorder) awaitFrame(t *testing.T, id protocol.ID) event {
	t.Helper()
	return r.await(t, "the frame about "+id.String(), func(e event) bool {
		return e.kind == "frame" && e.m.Invitation() == id
	})
}

func (r *recorder) awaitDown(t *testing.T, s *Session) event {
	t.Helper()
	return r.await(t, "the end of the session", func(e event) bool {
		return e.kind == "down" && (s == nil || e.s == s)
	})
}

func now() protocol.Instant { return protocol.Instant(time.Now().UnixNano()) }

// end is a host with a transport, the way a daemon has them.
type end struct {
	host.Host
	*recorder
	t *Transport
}

// newEnd starts a transport on h. Both are closed with the test at the latest.
func newEnd(t *testing.T, h host.Host) *end {
	t.Helper()
	e := &end{Host: h, recorder: newRecorder()}
	e.t = New(Config{Host: h, Now: now, Receiver: e.recorder})
	e.t.Start()
	t.Cleanup(func() { _ = e.t.Close(); _ = h.Close() })
	return e
}

// newHost returns a host without limits.
func newHost(t *testing.T, listen string, opts ...libp2p.Option) host.Host {
	t.Helper()
	return newManagedHost(t, listen, &network.NullResourceManager{}, opts...)
}

func newManagedHost(t *testing.T, listen string, m network.ResourceManager, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.ListenAddrStrings(listen),
		libp2p.DisableMetrics(),
		libp2p.ResourceManager(m),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func connect(t *testing.T, a, b host.Host) {
	t.Helper()
	if err := a.Connect(context.Background(), peer.AddrInfo{ID: b.ID(), Addrs: b.Addrs()}); err != nil {
		t.Fatal(err)
	}
}

func (e *end) open(t *testing.T, p peer.ID) *Session {
	t.Helper()
	s, err := e.t.Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func send(t *testing.T, s *Session, msgs ...protocol.Message) {
	t.Helper()
	if err := s.Send(msgs...); err != nil {
		t.Fatal(err)
	}
}

// large is a message about as large as they get.
func large() protocol.Message {
	return protocol.Refuse{ID: protocol.NewID(), Reason: protocol.ReasonBusy, Response: string(bytes.Repeat([]byte("x"), protocol.MaxResponse))}
}

// frames encodes what a session would write.
func frames(t *testing.T, list ...protocol.Frame) []byte {
	t.Helper()
	var out []byte
	for _, f := range list {
		var err error
		if out, err = protocol.AppendFrame(out, f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
