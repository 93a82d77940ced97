package stream

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2p "github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"github.com/beckon-p2p/beckon/protocol"
)

// Session is one stream that carries frames to and from a peer. Its methods
// may be called from any goroutine and never block.
type Session struct {
	t        *Transport
	raw      network.Stream
	rw       io.ReadWriter // raw, behind the naming of the protocol if we opened it
	peer     peer.ID
	peerText protocol.PeerID
	opener   bool
	relayed  bool // on a connection through a relay, with its limits
	openedAt protocol.Instant

	seq   uint64 // guarded by t.mu, as are the next two
	up    bool   // SessionUp is told or about to be
	heard bool   // a frame was read

	last, since atomic.Int64 // Instants, see Heard
	wrote       atomic.Int64 // Instant of the last write
	freed       atomic.Int64 // Instant at which the Receiver last returned
	busy        atomic.Bool  // the reader waits for the Receiver
	ending      atomic.Bool  // not to be used for anything new

	told    chan struct{} // closed when SessionUp has been told
	begun   chan struct{} // closed when the first batch has been written
	wake    chan struct{} // of the writer, size 1
	nudge   chan struct{} // of the keeper, size 1
	stopped chan struct{} // closed when reader, writer and keeper shall end

	mu        sync.Mutex
	queue     []byte           // encoded frames to be written
	writing   int              // bytes of the batch that is being written
	beats     uint64           // number of the last Beat
	probe     uint64           // the Beat that follows asked; 0 for none
	asked     []protocol.ID    // Dones written before probe
	unasked   []protocol.ID    // Dones that wait for the next one
	askAt     protocol.Instant // when the next one may go out
	live      bool
	liveSince protocol.Instant // when live last changed
	beatAt    protocol.Instant // when the next Beat is due while live
	closeAt   protocol.Instant // when to close because superseded; 0: never
	closing   bool             // flush, then end
	lingerTo  protocol.Instant // when closing has taken long enough
	readAll   bool             // the peer has closed its side
	wroteAll  bool             // we have closed ours
	err       error            // why it stopped
	code      network.StreamErrorCode
	cut       bool // the connection goes too
}

func newSession(t *Transport, raw network.Stream, opener bool) *Session {
	s := &Session{
		t:        t,
		raw:      raw,
		rw:       raw,
		peer:     raw.Conn().RemotePeer(),
		peerText: protocol.PeerID(raw.Conn().RemotePeer().String()),
		opener:   opener,
		relayed:  raw.Conn().Stat().Limited,
		openedAt: t.now(),
		told:     make(chan struct{}),
		begun:    make(chan struct{}),
		wake:     make(chan struct{}, 1),
		nudge:    make(chan struct{}, 1),
		stopped:  make(chan struct{}),
	}
	if opener {
		// The name of the protocol goes out with the first batch.
		s.rw = msmux.NewMSSelect(raw, libp2p.ID(protocol.StreamID))
	}
	return s
}

// Peer returns who is at the other end.
func (s *Session) Peer() peer.ID { return s.peer }

// PeerText returns the text form of Peer, made once.
func (s *Session) PeerText() protocol.PeerID { return s.peerText }

// Opener reports whether we opened the session.
func (s *Session) Opener() bool { return s.opener }

// OpenedAt returns when the session was opened or accepted here.
func (s *Session) OpenedAt() protocol.Instant { return s.openedAt }

// Conn returns the connection that the session is on.
func (s *Session) Conn() network.Conn { return s.raw.Conn() }

// Heard returns when the last frame of any kind was read, zero if none was,
// and when the stretch began in which no two frames were further apart than
// protocol.StandStill.
func (s *Session) Heard() (last, since protocol.Instant) {
	for {
		// since is stored before last: a since after last is half a change.
		l := s.last.Load()
		if b := s.since.Load(); b <= l {
			return protocol.Instant(l), protocol.Instant(b)
		}
	}
}

// Send queues messages, which go out in one write with whatever else is
// queued. What is sent on a session that is ending is lost. If more than
// MaxQueue bytes are waiting from earlier calls the session ends with ErrUnread. The error is
// about messages that cannot be encoded, a fault of the caller; the others are
// sent.
func (s *Session) Send(msgs ...protocol.Message) error {
	if s.ending.Load() {
		return nil
	}
	var bad []error
	now := s.t.now()
	s.mu.Lock()
	full := s.overfull() // by what was sent before: one call is never too much
	for _, m := range msgs {
		if err := s.append(m); err != nil {
			bad = append(bad, err)
		} else if done, ok := m.(protocol.Done); ok {
			s.unasked = append(s.unasked, done.ID)
		}
	}
	s.ask(now)
	s.mu.Unlock()
	if full {
		s.stop(ErrUnread, network.StreamResourceLimitExceeded)
	}
	poke(s.wake)
	return errors.Join(bad...)
}

// SetLive says whether something about this peer is live. While it is, a Beat
// goes out every protocol.BeatEvery, and if nothing is read for
// protocol.SessionSilence the session ends with ErrSilent and its connection
// is closed.
func (s *Session) SetLive(live bool) {
	now := s.t.now()
	s.mu.Lock()
	changed := live != s.live
	if changed {
		s.live, s.liveSince = live, now
	}
	s.mu.Unlock()
	if changed {
		poke(s.nudge)
	}
}

// Close ends the session once what is queued has been written. It returns at
// once; SessionDown tells when it has ended.
func (s *Session) Close() {
	now := s.t.now()
	s.ending.Store(true)
	s.mu.Lock()
	if !s.closing {
		s.closing, s.lingerTo = true, now.Add(LingerTime)
	}
	s.mu.Unlock()
	poke(s.wake)
	poke(s.nudge)
}

// stop ends the session without further ado. The first reason is the one that
// counts; a session that was closing anyway has ended in peace.
func (s *Session) stop(err error, code network.StreamErrorCode) {
	s.ending.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stopped:
		return
	default:
	}
	if s.closing {
		err = nil
	}
	s.err, s.code = err, code
	close(s.stopped)
}

// silent ends the session and its connection.
func (s *Session) silent() {
	s.mu.Lock()
	s.cut = true
	s.mu.Unlock()
	s.stop(ErrSilent, network.StreamNoError)
}

// supersede has the session closed in SupersededTime, if it still is
// superseded then.
func (s *Session) supersede() {
	now := s.t.now()
	s.mu.Lock()
	fresh := s.closeAt == 0 && !s.closing
	if fresh {
		s.closeAt = now.Add(SupersededTime)
	}
	s.mu.Unlock()
	if fresh {
		poke(s.nudge)
	}
}

// run is the session's life. It returns when everything is over and told.
func (s *Session) run() {
	var wg sync.WaitGroup
	wg.Go(s.keep)
	wg.Go(s.write)
	if s.opener {
		s.t.up(s, false)
	}
	s.read()
	wg.Wait()
	s.t.down(s)
}

func (s *Session) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// isClosing reports whether the session is closing and not torn down yet.
func (s *Session) isClosing() bool {
	select {
	case <-s.stopped:
		return false
	default:
		return s.ending.Load()
	}
}

func (s *Session) openedBy() peer.ID {
	if s.opener {
		return s.raw.Conn().LocalPeer()
	}
	return s.peer
}

// append encodes f onto the queue. The caller holds s.mu.
func (s *Session) append(f protocol.Frame) error {
	queue, err := protocol.AppendFrame(s.queue, f)
	if err == nil {
		s.queue = queue
	}
	return err
}

// beat queues a Beat and returns its number. The caller holds s.mu.
func (s *Session) beat() uint64 {
	s.beats++
	_ = s.append(protocol.Beat{Number: s.beats}) // any number can be encoded
	return s.beats
}

// ask has a Beat follow the Dones that wait for one, unless one is under way
// or was just now; then the keeper sees to it. The caller holds s.mu.
func (s *Session) ask(now protocol.Instant) {
	switch {
	case s.probe != 0 || len(s.unasked) == 0:
	case now < s.askAt:
		poke(s.nudge)
	default:
		s.probe, s.asked, s.unasked = s.beat(), s.unasked, nil
		s.askAt = now.Add(AskEvery)
		poke(s.wake)
	}
}

// overfull reports whether the peer is too far behind. The caller holds s.mu.
func (s *Session) overfull() bool {
	return len(s.queue)+s.writing > MaxQueue || len(s.asked)+len(s.unasked) > MaxUnanswered
}

// poke wakes the one goroutine that waits on c, now or when it next waits.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
