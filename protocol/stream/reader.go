package stream

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/beckon-p2p/beckon/protocol"
)

// lengthBits is what the length of a frame may take: three groups of seven.
const lengthBits = 21

// reader cuts one session's bytes into frames. It is used by one goroutine.
type reader struct {
	s      *Session
	in     *bufio.Reader
	heard  bool             // a frame was read
	second protocol.Instant // start of the second in which others are counted
	others int              // frames other than messages
}

// read reads frames until the session has stopped.
func (s *Session) read() {
	if s.opener {
		// Reading makes libp2p name the protocol at once, which would cost the
		// first batch a packet of its own; and nobody answers before it.
		select {
		case <-s.begun:
		case <-s.stopped:
			return
		}
	}
	if newReader(s, s.rw).readAll() == io.EOF {
		s.finished(func() { s.readAll = true })
		<-s.stopped
	}
}

func newReader(s *Session, in io.Reader) *reader {
	return &reader{s: s, in: bufio.NewReaderSize(in, readBuffer)}
}

// readAll reads frames to the end of the stream, and returns io.EOF, or until
// one is no good, and stops the session.
func (r *reader) readAll() error {
	for {
		body, err := r.next()
		if err == io.EOF {
			return err
		}
		if err != nil {
			code, why := readError(err, r.heard)
			r.s.stop(why, code)
			return err
		}
		frame, err := protocol.DecodeFrame(body)
		if err != nil {
			r.s.stop(nonsense(err), network.StreamProtocolViolation)
			return err
		}
		if err := r.take(frame); err != nil {
			r.s.stop(err, network.StreamRateLimited)
			return err
		}
	}
}

// next returns the body of the next frame. It is valid until the call after.
// The error is io.EOF only between frames.
func (r *reader) next() ([]byte, error) {
	n, err := r.length()
	if err != nil {
		return nil, err
	}
	if n > r.in.Size() {
		body := make([]byte, n)
		_, err := io.ReadFull(r.in, body)
		return body, whole(err)
	}
	body, err := r.in.Peek(n)
	if err != nil {
		return nil, whole(err)
	}
	_, _ = r.in.Discard(n) // what was peeked is there
	return body, nil
}

// length reads the length of the next frame, at most protocol.MaxFrame.
func (r *reader) length() (int, error) {
	n := 0
	for shift := 0; shift < lengthBits; shift += 7 {
		b, err := r.in.ReadByte()
		if err != nil {
			if shift > 0 {
				err = whole(err)
			}
			return 0, err
		}
		n |= int(b&0x7f) << shift
		if n > protocol.MaxFrame {
			break
		}
		if b < 0x80 {
			return n, nil
		}
	}
	return 0, nonsense(fmt.Errorf("a frame of more than %d bytes", protocol.MaxFrame))
}

// whole makes nonsense of an end in the middle of a frame.
func whole(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nonsense(io.ErrUnexpectedEOF)
	}
	return err
}

// take does with one frame what is to be done before the next is read.
func (r *reader) take(frame protocol.Frame) error {
	s, now := r.s, r.s.t.now()
	if last := protocol.Instant(s.last.Load()); last == 0 || now.Sub(last) > protocol.StandStill {
		s.since.Store(int64(now))
	}
	s.last.Store(int64(now))
	if !r.heard {
		r.heard = true
		s.occupied(func() {
			if s.opener {
				s.t.heard(s)
			} else {
				s.t.up(s, true)
			}
		})
	}
	if m, ok := frame.(protocol.Message); ok {
		s.occupied(func() { s.t.recv.Frame(s, m) })
		return nil
	}
	if r.flood(now) {
		return ErrFlood
	}
	switch f := frame.(type) {
	case protocol.Beat:
		s.answer(f)
	case protocol.BeatAnswer:
		if ids := s.answered(f, now); len(ids) > 0 {
			s.occupied(func() { s.t.recv.DoneRead(s, ids) })
		}
	}
	return nil
}

// flood counts a frame that is no message, and reports whether there are too many.
func (r *reader) flood(now protocol.Instant) bool {
	if now.Sub(r.second) >= time.Second {
		r.second, r.others = now, 0
	}
	r.others++
	return r.others > MaxBeats
}

// occupied calls the Receiver. Meanwhile nothing can be read, which must not
// count as the peer's silence.
func (s *Session) occupied(call func()) {
	s.busy.Store(true)
	call()
	s.freed.Store(int64(s.t.now()))
	s.busy.Store(false)
}

// answer queues the answer to a Beat.
func (s *Session) answer(b protocol.Beat) {
	s.mu.Lock()
	_ = s.append(protocol.BeatAnswer(b)) // any number can be encoded
	full := s.overfull()
	s.mu.Unlock()
	if full {
		s.stop(ErrUnread, network.StreamResourceLimitExceeded)
	}
	poke(s.wake)
}

// answered returns the Dones that the answer shows to have been read, and asks
// about those that wait.
func (s *Session) answered(a protocol.BeatAnswer, now protocol.Instant) []protocol.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.probe == 0 || a.Number < s.probe || a.Number > s.beats {
		return nil
	}
	ids := s.asked
	s.probe, s.asked = 0, nil
	s.ask(now)
	return ids
}

// finished notes the end of one direction, and ends the session in peace with
// that of the second.
func (s *Session) finished(note func()) {
	s.Close()
	s.mu.Lock()
	note()
	both := s.readAll && s.wroteAll
	s.mu.Unlock()
	if both {
		s.stop(nil, network.StreamNoError)
	}
}
