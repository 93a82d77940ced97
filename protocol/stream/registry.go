package stream

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

// notice is one call to the Receiver about what sessions there are.
type notice struct {
	call func()
	done chan struct{} // closed after the call; nil if nobody waits
}

// Current returns the session to write on for p: the newest that was read
// from, or the newest if none was; nil if there is none.
func (t *Transport) Current(p peer.ID) *Session {
	t.mu.Lock()
	defer t.mu.Unlock()
	return choose(t.peers[p])
}

// admit enters a session that is not up yet, if there is room for it.
func (t *Transport) admit(s *Session) error {
	t.mu.Lock()
	room := MaxSessions
	if s.opener {
		room += MaxSessions
	}
	if t.closed || t.count >= room {
		defer t.mu.Unlock()
		if t.closed {
			return errClosed
		}
		return protocol.Errorf(protocol.CodeTooMany, "there are %d sessions, the most there may be: try again later", t.count)
	}
	var oldest *Session
	if !s.opener {
		oldest = surplus(t.peers[s.peer])
	}
	t.opened++
	s.seq = t.opened
	t.count++
	t.peers[s.peer] = append(t.peers[s.peer], s)
	t.mu.Unlock()
	if oldest != nil {
		oldest.stop(ErrCrowded, network.StreamSupplanted)
	}
	return nil
}

// surplus returns the oldest accepted session if there are MaxInbound of them.
func surplus(list []*Session) *Session {
	var oldest *Session
	n := 0
	for _, s := range list {
		if s.opener || s.ending.Load() {
			continue
		}
		if n++; oldest == nil {
			oldest = s
		}
	}
	if n < MaxInbound {
		return nil
	}
	return oldest
}

// up makes s one that can be written on, and returns when that has been told.
func (t *Transport) up(s *Session, heard bool) {
	t.mu.Lock()
	s.up, s.heard = true, heard
	t.notices = append(t.notices, notice{call: func() { t.recv.SessionUp(s) }})
	t.settle(s.peer)
	// Closed after the Current that follows the SessionUp, if one does.
	t.notices[len(t.notices)-1].done = s.told
	t.mu.Unlock()
	t.tell()
	<-s.told
}

// heard notes that a first frame was read on s.
func (t *Transport) heard(s *Session) {
	t.mu.Lock()
	s.heard = true
	t.settle(s.peer)
	t.mu.Unlock()
	t.tell()
}

// retire notes that s does not count any more, though it is still there.
func (t *Transport) retire(s *Session) {
	t.mu.Lock()
	t.settle(s.peer)
	t.mu.Unlock()
	t.tell()
}

// down removes s, whose goroutines have ended.
func (t *Transport) down(s *Session) {
	t.mu.Lock()
	t.count--
	list := slices.DeleteFunc(t.peers[s.peer], func(o *Session) bool { return o == s })
	if len(list) > 0 {
		t.peers[s.peer] = list
	} else {
		delete(t.peers, s.peer)
	}
	if s.up {
		err := s.reason()
		t.notices = append(t.notices, notice{call: func() { t.recv.SessionDown(s, err) }})
	}
	t.settle(s.peer)
	t.mu.Unlock()
	t.tell()
}

// settle decides anew which session of p is the one to write on and which are
// superseded. The caller holds t.mu and calls tell after.
func (t *Transport) settle(p peer.ID) {
	list := t.peers[p]
	switch c := choose(list); {
	case c == nil:
		delete(t.current, p)
	case c != t.current[p]:
		t.current[p] = c
		t.notices = append(t.notices, notice{call: func() { t.recv.Current(c) }})
	}
	for _, s := range list {
		if superseded(s, list) {
			s.supersede()
		}
	}
}

// isSuperseded reports whether there still is a session that makes s needless.
func (t *Transport) isSuperseded(s *Session) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return superseded(s, t.peers[s.peer])
}

// tell makes the calls that are due, in the order in which they became so.
// Whoever comes while another goroutine is at it leaves it to that one.
func (t *Transport) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.telling {
		return
	}
	t.telling = true
	for len(t.notices) > 0 {
		n := t.notices[0]
		t.notices = t.notices[1:]
		t.mu.Unlock()
		n.call()
		if n.done != nil {
			close(n.done)
		}
		t.mu.Lock()
	}
	t.notices = nil
	t.telling = false
}

// choose returns the session of one peer to write on, or nil.
func choose(list []*Session) *Session {
	var found *Session
	for _, s := range list {
		if !s.up || s.ending.Load() {
			continue
		}
		if found == nil || fitter(s, found) {
			found = s
		}
	}
	return found
}

// fitter reports whether a is to be written on rather than b. A session on
// which nothing was read since the other one was opened may be that of a
// process that has died: a peer that is back opens its own at once.
func fitter(a, b *Session) bool {
	if a.heard != b.heard {
		return a.heard
	}
	if aFresh, bFresh := a.heardSince(b), b.heardSince(a); a.heard && aFresh != bFresh {
		return aFresh
	}
	return newer(a, b, 0)
}

// heardSince reports whether something was read on s since o was opened.
func (s *Session) heardSince(o *Session) bool { return protocol.Instant(s.last.Load()) >= o.openedAt }

// superseded reports whether we should close s because another session, newer
// and read from, does its work. Only the opener of a session closes it.
func superseded(s *Session, list []*Session) bool {
	if !s.opener {
		return false
	}
	for _, o := range list {
		if o != s && o.heard && !o.ending.Load() && newer(o, s, BothOpenMargin) {
			return true
		}
	}
	return false
}

// newer reports whether a counts as opened after b. Of two sessions that the
// two sides opened within BothOpenTime of each other, a relayed one counts as
// older than a direct one, else the one opened by the lower peer ID as the
// older: both sides see it alike, and so keep the same one. A margin makes newer hesitate where the other side may have
// measured less than BothOpenTime.
func newer(a, b *Session, margin time.Duration) bool {
	apart := a.openedAt.Sub(b.openedAt)
	if a.opener != b.opener {
		if apart.Abs() <= BothOpenTime {
			if a.relayed != b.relayed {
				return b.relayed
			}
			return b.openedBy() < a.openedBy()
		}
		if b.openedBy() > a.openedBy() {
			return apart > BothOpenTime+margin
		}
	}
	if apart != 0 {
		return apart > 0
	}
	return a.seq > b.seq
}
