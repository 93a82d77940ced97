package discovery

import (
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// maxLinks bounds the peers of a Links: more than are being called at once by
// way of a link.
const maxLinks = 256

// Links is the Source of addresses that somebody here was given together with
// a peer's ID, by an invite link for example. It remembers the last 256 peers
// and forgets all at the end of the process: what proves good is in the Cache
// by then. The zero value is empty. Its methods may be called from any goroutine.
type Links struct {
	mu    sync.Mutex
	peers []entry // the one that was given last comes first
}

// Name returns "link".
func (l *Links) Name() string { return "link" }

// Given notes addresses of id in the place of what was given before, at most
// MaxPerSource; no addresses change nothing. Those that cannot lead to id are
// left out.
func (l *Links) Given(id peer.ID, addrs []ma.Multiaddr) {
	e := entry{id: id}
	for _, a := range addrs[:min(len(addrs), MaxPerSource)] {
		if a, ok := dialable(id, a); ok {
			e.addrs = append(e.addrs, a)
		}
	}
	if len(e.addrs) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = slices.DeleteFunc(l.peers, func(p entry) bool { return p.id == id })
	l.peers = slices.Insert(l.peers, 0, e)
	if len(l.peers) > maxLinks {
		l.peers = slices.Delete(l.peers, maxLinks, len(l.peers))
	}
}

// Find yields what was given for id and returns at once.
func (l *Links) Find(_ context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	l.mu.Lock()
	var addrs []ma.Multiaddr
	if i := slices.IndexFunc(l.peers, func(e entry) bool { return e.id == id }); i >= 0 {
		addrs = slices.Clone(l.peers[i].addrs)
	}
	l.mu.Unlock()
	if len(addrs) > 0 {
		yield(addrs)
	}
	return nil
}

// Leads reports whether addr can lead to id: it has a transport, is not the
// unspecified IP, and ends in the ID of no other peer.
func Leads(id peer.ID, addr ma.Multiaddr) bool {
	_, ok := dialable(id, addr)
	return ok
}
