package stream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2p "github.com/libp2p/go-libp2p/core/protocol"

	"github.com/beckon-p2p/beckon/protocol"
)

// Config says what a Transport works with. All fields are required.
type Config struct {
	Host     host.Host
	Now      func() protocol.Instant // a clock that also counts in suspend
	Receiver Receiver
}

// Receiver hears from sessions. The calls about one session come one after
// another: SessionUp first, SessionDown last. SessionUp, Current and
// SessionDown come one after another for all sessions together, so that the
// last Current told for a peer is the one that holds. Frame and DoneRead of
// different sessions may come at once.
//
// A call may block: its session is then not read from, and the peer notices.
// It must not call Transport.Open or Transport.Close, nor wait for somebody
// who does; Transport.Close waits for it to return.
type Receiver interface {
	// SessionUp says that s can be written on: we opened it, or accepted it
	// and read its first frame.
	SessionUp(s *Session)
	// Current says that s is from now on the session to write on for its peer.
	// The first such call comes right after the SessionUp.
	Current(s *Session)
	// Frame brings one message about an invitation.
	Frame(s *Session, m protocol.Message)
	// DoneRead says that the peer has read the Dones about these invitations
	// which were sent on s.
	DoneRead(s *Session, ids []protocol.ID)
	// SessionDown says that s has ended, with nil if it was closed in peace.
	SessionDown(s *Session, err error)
}

// Transport opens, accepts and keeps the sessions of one host. Its methods may
// be called from any goroutine.
type Transport struct {
	host host.Host
	now  func() protocol.Instant
	recv Receiver

	wg sync.WaitGroup // sessions, calls of Open, connections being closed

	mu      sync.Mutex
	closed  bool
	opened  uint64 // sessions ever; orders those of one instant
	count   int
	peers   map[peer.ID][]*Session // in the order of their opening
	current map[peer.ID]*Session   // as last told
	notices []notice               // not told yet
	telling bool                   // somebody is telling them
}

// New returns a Transport that does nothing before Start.
func New(cfg Config) *Transport {
	return &Transport{
		host:    cfg.Host,
		now:     cfg.Now,
		recv:    cfg.Receiver,
		peers:   make(map[peer.ID][]*Session),
		current: make(map[peer.ID]*Session),
	}
}

// Start begins to accept sessions.
func (t *Transport) Start() {
	t.host.SetStreamHandler(protocol.StreamID, t.accept)
}

// Close ends all sessions and returns when every call to the Receiver has
// returned. What was queued is flushed if that takes no longer than CloseTime.
// It always returns nil.
func (t *Transport) Close() error {
	t.host.RemoveStreamHandler(protocol.StreamID)
	t.mu.Lock()
	t.closed = true
	var all []*Session
	for _, list := range t.peers {
		all = append(all, list...)
	}
	t.mu.Unlock()

	for _, s := range all {
		s.Close()
	}
	ended := make(chan struct{})
	go func() {
		t.wg.Wait()
		close(ended)
	}()
	flush := time.NewTimer(CloseTime)
	defer flush.Stop()
	select {
	case <-ended:
	case <-flush.C:
		for _, s := range all {
			s.stop(nil, network.StreamShutdown)
		}
		<-ended
	}
	return nil
}

// Open opens a session with p on the best connection there is: a direct one
// before a relayed one, then the newest. It does not dial, and no round trip is
// waited for: whether p speaks the protocol shows later. SessionUp and Current
// have been told when it returns. The error is a *protocol.Error:
// peer_unreachable if no connection carries a session, too_many,
// shutting_down.
func (t *Transport) Open(ctx context.Context, p peer.ID) (*Session, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil, errClosed
	}
	t.wg.Add(1)
	t.mu.Unlock()
	defer t.wg.Done()

	conn := best(t.host.Network().ConnsToPeer(p))
	if conn == nil {
		return nil, protocol.Errorf(protocol.CodePeerUnreachable, "there is no connection to %s: dial it first", p)
	}
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, Service), OpenTime)
	defer cancel()
	raw, err := conn.NewStream(ctx)
	if err != nil {
		return nil, protocol.Errorf(protocol.CodePeerUnreachable, "the connection to %s takes no stream (%v): dial it again", p, err)
	}
	if err := account(raw, libp2p.ID(protocol.StreamID)); err != nil {
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, protocol.Errorf(protocol.CodeTooMany, "no room for a session with %s (%v): try again later", p, err)
	}
	s := newSession(t, raw, true)
	if err := t.admit(s); err != nil {
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return nil, err
	}
	t.wg.Go(s.run)
	<-s.told
	return s, nil
}

// accept runs a session that the peer opened, in the goroutine that libp2p
// gives it.
func (t *Transport) accept(raw network.Stream) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		_ = raw.ResetWithError(network.StreamShutdown)
		return
	}
	t.wg.Add(1)
	t.mu.Unlock()
	defer t.wg.Done()

	if err := account(raw, ""); err != nil {
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	s := newSession(t, raw, false)
	if err := t.admit(s); err != nil {
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	s.run()
}

// account tells libp2p's resource manager whose stream this is. A stream that
// we opened has no protocol yet.
func account(raw network.Stream, id libp2p.ID) error {
	if id != "" {
		if err := raw.SetProtocol(id); err != nil {
			return fmt.Errorf("protocol: %w", err)
		}
	}
	if err := raw.Scope().SetService(Service); err != nil {
		return fmt.Errorf("service: %w", err)
	}
	if err := raw.Scope().ReserveMemory(sessionMemory, network.ReservationPriorityMedium); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	return nil
}

// best returns the connection to open a session on, nil if there is none.
func best(conns []network.Conn) network.Conn {
	var found network.Conn
	for _, c := range conns {
		if c.IsClosed() {
			continue
		}
		if found == nil || better(c.Stat(), found.Stat()) {
			found = c
		}
	}
	return found
}

func better(a, b network.ConnStats) bool {
	if a.Limited != b.Limited {
		return !a.Limited
	}
	return a.Opened.After(b.Opened)
}
