package stream

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/beckon-p2p/beckon/protocol"
)

// keep watches the session's clocks until it has stopped, then takes it down.
// It is a goroutine of its own because reads and writes on a connection whose
// peer has vanished block, and say nothing for half a minute.
func (s *Session) keep() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	retired := false
	for {
		select {
		case <-s.stopped:
			s.takeDown(s.cutConn)
			return
		case <-timer.C:
		case <-s.nudge:
		}
		timer.Reset(s.check(s.t.now()))
		if closing := s.isClosing(); closing && !retired {
			retired = true
			s.t.retire(s)
		}
	}
}

// check does what is due and returns how long nothing will be.
func (s *Session) check(now protocol.Instant) time.Duration {
	s.mu.Lock()
	live, closing, lingerTo, closeAt := s.live, s.closing, s.lingerTo, s.closeAt
	if now >= s.askAt { // else ask would nudge us again, at once and for ever
		s.ask(now)
	}
	waiting, askAt := s.probe == 0 && len(s.unasked) > 0, s.askAt
	s.mu.Unlock()

	if closing {
		if now >= lingerTo {
			s.stop(nil, network.StreamNoError)
		}
		return lingerTo.Sub(now)
	}
	if closeAt != 0 && now >= closeAt {
		closeAt = 0
		if s.t.isSuperseded(s) {
			s.Close()
			return LingerTime
		}
		s.mu.Lock()
		s.closeAt = 0
		s.mu.Unlock()
	}
	var next protocol.Instant
	if live {
		next = s.checkLive(now)
	} else {
		next = s.checkIdle(now)
	}
	if closeAt != 0 {
		next = min(next, closeAt)
	}
	if waiting {
		next = min(next, askAt)
	}
	return next.Sub(now)
}

// checkLive sends the Beat that is due and ends a session whose peer has gone
// silent. It returns when to look again.
func (s *Session) checkLive(now protocol.Instant) protocol.Instant {
	s.mu.Lock()
	if now >= s.beatAt {
		s.beatAt = now.Add(protocol.BeatEvery)
		// Behind a write that is stuck one Beat is enough.
		if s.writing == 0 || len(s.queue) == 0 {
			s.beat()
			poke(s.wake)
		}
	}
	beatAt := s.beatAt
	from := max(s.openedAt, s.liveSince, protocol.Instant(s.last.Load()), protocol.Instant(s.freed.Load()))
	s.mu.Unlock()

	silentAt := from.Add(protocol.SessionSilence)
	switch {
	case now < silentAt:
	case s.busy.Load():
		silentAt = now.Add(busyCheck)
	default:
		s.silent()
	}
	return min(beatAt, silentAt)
}

// checkIdle closes a session on which nothing happens. It returns when to look
// again.
func (s *Session) checkIdle(now protocol.Instant) protocol.Instant {
	last := protocol.Instant(s.last.Load())
	if !s.opener && last == 0 {
		if end := s.openedAt.Add(FirstFrameTime); now < end {
			return end
		}
		s.stop(nil, network.StreamProtocolViolation)
		return now.Add(FirstFrameTime)
	}
	s.mu.Lock()
	from := max(s.openedAt, s.liveSince, last, protocol.Instant(s.wrote.Load()))
	s.mu.Unlock()
	end := from.Add(IdleTime)
	if now >= end && !s.busy.Load() {
		s.Close()
	}
	return max(end, now.Add(busyCheck))
}

// takeDown frees the stream and, if it was silent, cuts its connection.
func (s *Session) takeDown(cutConn func()) {
	s.mu.Lock()
	err, code, cut := s.err, s.code, s.cut
	peaceful := s.readAll && s.wroteAll
	s.mu.Unlock()

	// Whatever the network does, the reader and the writer come back now.
	_ = s.raw.SetDeadline(time.Unix(1, 0))
	if cut {
		cutConn()
	}
	if err == nil && peaceful {
		_ = s.raw.Close()
		return
	}
	_ = s.raw.ResetWithError(code)
}

// cutConn closes the connection, so that the next dial makes a new one.
func (s *Session) cutConn() {
	closed := make(chan struct{})
	s.t.wg.Go(func() {
		defer close(closed)
		_ = s.raw.Conn().Close()
	})
	limit := time.NewTimer(cutTime)
	defer limit.Stop()
	select {
	case <-closed:
	case <-limit.C:
	}
}
