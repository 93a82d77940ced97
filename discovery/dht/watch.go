package dht

import (
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The routing table has callbacks, but they cannot be set without a race once
// the DHT runs. The DHT itself uses them to mark the table's peers at the
// connection manager, and that can be watched.
const tableTag = "kbucket"

// watch returns h with a connection manager that calls changed when a peer
// enters or leaves the DHT's routing table.
func watch(h host.Host, changed func()) host.Host {
	return &watchedHost{Host: h, marks: &watchedMarks{ConnManager: h.ConnManager(), changed: changed}}
}

type watchedHost struct {
	host.Host
	marks *watchedMarks
}

func (h *watchedHost) ConnManager() connmgr.ConnManager { return h.marks }

type watchedMarks struct {
	connmgr.ConnManager
	changed func()
}

func (m *watchedMarks) Protect(id peer.ID, tag string) {
	m.ConnManager.Protect(id, tag)
	m.tell(tag)
}

func (m *watchedMarks) TagPeer(id peer.ID, tag string, value int) {
	m.ConnManager.TagPeer(id, tag, value)
	m.tell(tag)
}

func (m *watchedMarks) UntagPeer(id peer.ID, tag string) {
	m.ConnManager.UntagPeer(id, tag)
	m.tell(tag)
}

func (m *watchedMarks) tell(tag string) {
	if tag == tableTag {
		m.changed()
	}
}
