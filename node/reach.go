package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/node/reachability"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// errNotFound says that no source knew an address.
var errNoAddress = errors.New("nobody knows an address of the peer")

// found is what a search came to.
type found struct {
	conn   network.Conn   // nil: no address worked
	addrs  []ma.Multiaddr // all that were tried
	source string         // of the first of them, or of the connection
	stages []discovery.Stage
}

// reach connects to a peer: all sources are asked at once, each candidate is
// dialled as it comes, the first connection wins. use is called on it at once,
// before the search is wound up.
func (u *uplink) reach(ctx context.Context, id peer.ID, stage func(invitation.Progress), use func(network.Conn) error) (found, error) {
	if c := u.connected(id); c != nil {
		return found{conn: c, source: "connected", addrs: []ma.Multiaddr{c.RemoteMultiaddr()}, stages: stood}, use(c)
	}
	stage(invitation.ProgressLocating)
	reachability.ClearBackoff(u.host.Network(), id)
	r := &race{u: u, id: id, use: use, timing: timing{start: time.Now()}}
	ctx = network.WithAllowLimitedConn(ctx, "invitation")
	search, stop := context.WithCancel(ctx)
	defer stop()
	for c := range u.finder.FindStages(search, id, r.stage) {
		if len(r.addrs) == 0 {
			stage(invitation.ProgressConnecting)
			r.source = c.Source
		}
		r.dial(ctx, c, stop)
	}
	r.dials.Wait()
	r.tell(&r.found)
	if r.conn == nil && len(r.addrs) == 0 {
		return r.found, errNoAddress
	}
	return r.found, r.err
}

// connected returns a connection to the peer that stands, a direct one if there
// is one, or nil.
func (u *uplink) connected(id peer.ID) (found network.Conn) {
	for _, c := range u.host.Network().ConnsToPeer(id) {
		if !c.IsClosed() && (found == nil || found.Stat().Limited && !c.Stat().Limited) {
			found = c
		}
	}
	return found
}

// isConnected reports whether a connection to the peer stands.
func (u *uplink) isConnected(p protocol.PeerID) bool {
	id, err := peer.Decode(string(p))
	return err == nil && u.connected(id) != nil
}

// race is the dials of one search.
type race struct {
	u     *uplink
	id    peer.ID
	use   func(network.Conn) error
	dials sync.WaitGroup
	found // addrs and source are of the searching goroutine
	timing

	mu  sync.Mutex // guards conn and err
	err error
}

// dial tries a candidate. libp2p joins the dials of one peer, so that a new
// address is tried beside one that does not answer. won is called as soon as
// a connection stands.
func (r *race) dial(ctx context.Context, c discovery.Candidate, won func()) {
	r.addrs = append(r.addrs, c.Addrs...)
	r.mu.Lock()
	r.from = append(r.from, origin{c.Source, time.Since(r.start), c.Addrs})
	r.mu.Unlock()
	r.u.host.Peerstore().AddAddrs(r.id, c.Addrs, peerstore.TempAddrTTL)
	r.dials.Go(func() {
		conn, err := r.u.host.Network().DialPeer(ctx, r.id)
		r.mu.Lock()
		first := err == nil && r.conn == nil
		if first {
			r.conn, r.err = conn, nil
			r.won = r.winner(conn)
		} else if r.conn == nil {
			r.err = fmt.Errorf("dialing: %w", err)
		}
		r.mu.Unlock()
		if !first {
			return
		}
		r.u.sb.reachedBy(peerKey(r.id), r.won)
		err = r.use(conn)
		won()
		if conn.Stat().Direction == network.DirOutbound {
			r.u.cache.Good(r.id, conn.RemoteMultiaddr())
		}
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
	})
}
