package stream

import (
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// write writes what is queued, all of it at a time, until the session has
// stopped or has nothing more to say.
func (s *Session) write() {
	var spare []byte
	for {
		select {
		case <-s.wake:
		case <-s.stopped:
			return
		}
		for {
			batch, last := s.batch(spare)
			if last {
				s.closeWrite()
				return
			}
			if len(batch) == 0 {
				break
			}
			if err := s.writeBatch(batch); err != nil {
				s.stop(err, network.StreamNoError)
				return
			}
			spare = batch[:0]
		}
	}
}

// batch takes what is queued and leaves spare in its place, or reports that
// there will be nothing more.
func (s *Session) batch(spare []byte) (batch []byte, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = len(s.queue)
	if len(s.queue) == 0 {
		return nil, s.closing
	}
	if cap(spare) > keepBuffer {
		spare = nil
	}
	batch, s.queue = s.queue, spare
	return batch, false
}

func (s *Session) writeBatch(batch []byte) error {
	if err := s.raw.SetWriteDeadline(time.Now().Add(WriteTime)); err != nil {
		return fmt.Errorf("the session broke: %w", err)
	}
	if _, err := s.rw.Write(batch); err != nil {
		var t interface{ Timeout() bool }
		if errors.As(err, &t) && t.Timeout() && !s.raw.Conn().IsClosed() {
			return ErrUnread
		}
		return fmt.Errorf("the session broke: %w", err)
	}
	s.written()
	return nil
}

// written notes that a batch is on its way.
func (s *Session) written() {
	s.wrote.Store(int64(s.t.now()))
	select {
	case <-s.begun:
	default:
		close(s.begun)
	}
}

// closeWrite ends our side. If we opened the stream and never wrote, the peer
// has not seen it, and it is simply dropped.
func (s *Session) closeWrite() {
	select {
	case <-s.begun:
	default:
		if s.opener {
			s.stop(nil, network.StreamNoError)
			return
		}
	}
	if err := s.raw.CloseWrite(); err != nil {
		s.stop(nil, network.StreamNoError)
		return
	}
	s.finished(func() { s.wroteAll = true })
}
