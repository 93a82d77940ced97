package stream

import (
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

// stub is a stream between two named peers, and nothing more.
type stub struct {
	network.Stream
	conn stubConn
}

func (s stub) Conn() network.Conn { return s.conn }

type stubConn struct {
	network.Conn
	local, remote peer.ID
}

func (c stubConn) LocalPeer() peer.ID  { return c.local }
func (c stubConn) RemotePeer() peer.ID { return c.remote }

// seen is a session of "me" with "you" as the choice sees it.
func seen(me, you peer.ID, opener bool, opened, last time.Duration) *Session {
	s := &Session{raw: stub{conn: stubConn{local: me, remote: you}}, peer: you, opener: opener, up: true, heard: last > 0}
	s.openedAt = protocol.Instant(time.Second + opened)
	if last > 0 {
		s.last.Store(int64(time.Second + last))
	}
	return s
}

// TestChoose: which of two sessions is written on.
func TestChoose(t *testing.T) {
	const s = time.Second
	for name, c := range map[string]struct {
		old, young *Session
		want       string
	}{
		// The process that opened or accepted the old one has died; its successor
		// opened the young one. Whoever has the lower ID, the old one is dead.
		"peer is back, we have the lower ID":  {seen("a", "b", true, 0, 1*s), seen("a", "b", false, 3*s, 3*s), "young"},
		"peer is back, we have the higher ID": {seen("b", "a", true, 0, 1*s), seen("b", "a", false, 3*s, 3*s), "young"},
		// Both opened at once and both are read: the tie is broken by ID.
		"both at once, we have the lower ID":  {seen("a", "b", true, 0, 2*s), seen("a", "b", false, 1*s, 2*s), "young"},
		"both at once, we have the higher ID": {seen("b", "a", true, 0, 2*s), seen("b", "a", false, 1*s, 2*s), "old"},
		"a session that was read from beats a newer one that was not": {
			seen("b", "a", true, 0, 1*s), seen("b", "a", true, 2*s, 0), "old"},
	} {
		for _, list := range [][]*Session{{c.old, c.young}, {c.young, c.old}} {
			got := "old"
			if choose(list) == c.young {
				got = "young"
			}
			if got != c.want {
				t.Errorf("%s: writes on the %s one, want the %s one", name, got, c.want)
			}
		}
	}
}
