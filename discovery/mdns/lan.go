package mdns

import (
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Bounds of what is remembered: anybody on the local network can claim peers.
const (
	maxPeers = 256
	maxAddrs = 16
)

// lan is what was heard on the local network.
type lan struct {
	mu    sync.Mutex
	peers []peer.AddrInfo // the one that was heard last comes first
	news  chan struct{}   // closed and replaced with each word heard
}

func newLAN() *lan { return &lan{news: make(chan struct{})} }

// heard puts p in the place of what was known of it.
func (l *lan) heard(p peer.AddrInfo) {
	p.Addrs = slices.Clone(p.Addrs[:min(len(p.Addrs), maxAddrs)])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = slices.DeleteFunc(l.peers, func(q peer.AddrInfo) bool { return q.ID == p.ID })
	l.peers = slices.Insert(l.peers, 0, p)
	if len(l.peers) > maxPeers {
		l.peers = slices.Delete(l.peers, maxPeers, len(l.peers))
	}
	close(l.news)
	l.news = make(chan struct{})
}

// get returns what is known of id, and a channel that is closed when anything
// else is heard.
func (l *lan) get(id peer.ID) ([]ma.Multiaddr, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.peers {
		if p.ID == id {
			return slices.Clone(p.Addrs), l.news
		}
	}
	return nil, l.news
}

// all returns everybody, the one that was heard last first.
func (l *lan) all() []peer.AddrInfo {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.peers)
}

// forget drops everything: this is another network now.
func (l *lan) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = nil
}
