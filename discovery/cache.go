package discovery

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/gologshim"
	ma "github.com/multiformats/go-multiaddr"
)

var log = gologshim.Logger("beckon/discovery")

// Bounds of a Cache: 1000 peers are more than the contacts of a person and
// the servers of a network; 8 addresses hold home, work and two relays.
const (
	MaxPeers = 1000
	MaxAddrs = 8
)

const (
	writeAfter = time.Second      // at the longest after a change
	retryAfter = 10 * time.Second // after a failed write
)

// Cache remembers across restarts at which addresses peers were reached. It is
// a Source. Its methods may be called from any goroutine and wait for no disk,
// except Close.
type Cache struct {
	path  string
	dirty chan struct{} // has room for one: something is to be written
	stop  chan struct{}
	done  chan struct{} // the writer returned
	once  sync.Once
	err   error // of the last write, once done is closed

	mu    sync.Mutex
	peers []entry // the one that was reached last comes first
}

// entry is what is known of one peer: direct addresses before relayed ones,
// each kind with the one that worked last first.
type entry struct {
	id    peer.ID
	addrs []ma.Multiaddr
}

// OpenCache returns the cache that is kept in the file at path, an empty one
// if there is none. A file that cannot be understood is renamed to path.bad; no
// state of the file is an error, for a cache is only good for speed.
func OpenCache(path string) *Cache {
	c := &Cache{
		path:  path,
		dirty: make(chan struct{}, 1),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	removeUnfinished(path)
	peers, err := readPeers(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		setAside(path, err)
	}
	c.peers = peers
	go c.writer()
	return c
}

// Name returns "cache".
func (c *Cache) Name() string { return "cache" }

// Find yields what is known of id and returns at once.
func (c *Cache) Find(_ context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	c.mu.Lock()
	var addrs []ma.Multiaddr
	if i := c.index(id); i >= 0 {
		addrs = slices.Clone(c.peers[i].addrs)
	}
	c.mu.Unlock()
	if len(addrs) > 0 {
		yield(addrs)
	}
	return nil
}

// Good notes that a dial of addr has just reached id. The address of a
// connection that the other side opened is no such address. One that cannot
// be dialed again is ignored.
func (c *Cache) Good(id peer.ID, addr ma.Multiaddr) {
	addr, ok := dialable(id, addr)
	if !ok || id.Validate() != nil {
		return
	}
	c.mu.Lock()
	changed := c.moveToFront(id, addr)
	c.mu.Unlock()
	if changed {
		select {
		case c.dirty <- struct{}{}:
		default:
		}
	}
}

// Told notes addresses that id itself gives out, behind those at which it was
// reached: a peer that has only ever connected to us can be called back.
func (c *Cache) Told(id peer.ID, addrs []ma.Multiaddr) {
	if id.Validate() != nil {
		return
	}
	c.mu.Lock()
	changed := c.append(id, addrs)
	c.mu.Unlock()
	if changed {
		select {
		case c.dirty <- struct{}{}:
		default:
		}
	}
}

// append is called with mu held. It reports whether anything changed.
func (c *Cache) append(id peer.ID, addrs []ma.Multiaddr) (changed bool) {
	i := c.index(id)
	var e entry
	if i >= 0 {
		e = c.peers[i]
	}
	known := slices.Clone(e.addrs)
	for _, a := range addrs {
		a, ok := dialable(id, a)
		if ok && len(known) < MaxAddrs && !slices.ContainsFunc(known, a.Equal) {
			known, changed = append(known, a), true
		}
	}
	switch {
	case !changed:
	case i >= 0:
		c.peers[i].addrs = known
	case len(c.peers) < MaxPeers:
		c.peers = append(c.peers, entry{id: id, addrs: known})
	default:
		changed = false
	}
	return changed
}

// Recent returns at most n peers, the one that was reached last first.
func (c *Cache) Recent(n int) []peer.AddrInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make([]peer.AddrInfo, 0, max(0, min(n, len(c.peers))))
	for _, e := range c.peers[:cap(infos)] {
		infos = append(infos, peer.AddrInfo{ID: e.id, Addrs: slices.Clone(e.addrs)})
	}
	return infos
}

// Close writes what is not written yet and returns the error of that. The
// cache must not be used afterwards.
func (c *Cache) Close() error {
	c.once.Do(func() { close(c.stop) })
	<-c.done
	return c.err
}

// index is called with mu held.
func (c *Cache) index(id peer.ID) int {
	return slices.IndexFunc(c.peers, func(e entry) bool { return e.id == id })
}

// moveToFront is called with mu held. It reports whether anything changed.
func (c *Cache) moveToFront(id peer.ID, addr ma.Multiaddr) bool {
	e := entry{id: id}
	i := c.index(id)
	if i >= 0 {
		e = c.peers[i]
	}
	addrs := goodFirst(e.addrs, addr)
	if i == 0 && slices.EqualFunc(addrs, e.addrs, ma.Multiaddr.Equal) {
		return false
	}
	e.addrs = addrs
	if i >= 0 {
		c.peers = slices.Delete(c.peers, i, i+1)
	}
	c.peers = slices.Insert(c.peers, 0, e)
	if len(c.peers) > MaxPeers {
		c.peers = slices.Delete(c.peers, MaxPeers, len(c.peers))
	}
	return true
}

// goodFirst returns a new slice of addr and the old addresses in their order,
// the relayed ones last, at most MaxAddrs.
func goodFirst(old []ma.Multiaddr, addr ma.Multiaddr) []ma.Multiaddr {
	all := []ma.Multiaddr{addr}
	for _, a := range old {
		if !a.Equal(addr) {
			all = append(all, a)
		}
	}
	direct := make([]ma.Multiaddr, 0, len(all))
	var circuit []ma.Multiaddr
	for _, a := range all {
		if relayed(a) {
			circuit = append(circuit, a)
		} else {
			direct = append(direct, a)
		}
	}
	// A relayed address that just worked keeps its place among many direct ones.
	room := MaxAddrs - min(len(circuit), 2)
	direct = direct[:min(len(direct), room)]
	return append(direct, circuit[:min(len(circuit), MaxAddrs-len(direct))]...)
}

// writer is the goroutine that writes the file.
func (c *Cache) writer() {
	defer close(c.done)
	for {
		select {
		case <-c.stop:
			select {
			case <-c.dirty:
				c.err = c.write()
			default:
			}
			return
		case <-c.dirty:
		}
		c.pause(writeAfter)
		for c.err = c.write(); c.err != nil; c.err = c.write() {
			log.Warn("cannot write the cache of peer addresses, will try again", "file", c.path, "err", c.err)
			if !c.pause(retryAfter) {
				break
			}
		}
	}
}

// pause waits for d and reports whether the cache is still open.
func (c *Cache) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-c.stop:
		return false
	}
}

func (c *Cache) write() error {
	c.mu.Lock()
	peers := slices.Clone(c.peers)
	c.mu.Unlock()
	return writePeers(c.path, peers)
}
