package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// errNoAddress says that no source knew an address.
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
	w := wayOf(ctx)
	if c := u.connected(id); c != nil {
		w.connected(c)
		return found{conn: c, source: "connected", addrs: []ma.Multiaddr{c.RemoteMultiaddr()}, stages: stood}, use(c)
	}
	stage(invitation.ProgressLocating)
	reachability.ClearBackoff(u.host.Network(), id)
	r := &race{u: u, id: id, use: use, timing: timing{start: time.Now()}}
	ctx = network.WithAllowLimitedConn(ctx, "invitation")
	search, stop := context.WithCancel(ctx)
	defer stop()
	defer hear(u.host, id, w.dialFailed)()
	w.asked(u.finder)
	for c := range u.finder.FindStages(search, id, func(s discovery.Stage) { r.stage(s); w.stage(s) }) {
		if len(r.addrs) == 0 {
			stage(invitation.ProgressConnecting)
			r.source = c.Source
		}
		w.dialing(c.Addrs)
		r.dial(ctx, search, c, stop)
	}
	r.dials.Wait()
	r.tell(&r.found)
	if r.conn == nil && len(r.addrs) == 0 {
		r.err = errNoAddress
	}
	w.over(r.conn, r.err)
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
	trusting bool // a relay was taken to be alive; of the searching goroutine

	mu  sync.Mutex // guards conn and err
	err error
}

// dial tries a candidate. libp2p joins the dials of one peer, so that a new
// address is tried beside one that does not answer. It dials a peer through one
// relay at a time, though, and would wait for a dead one: an address through a
// relay is tried once the relay itself is known to be alive. One of them need not
// wait for that: it is cut off if it turns out to be dead. won is called as soon
// as a connection to the peer stands, and ends search.
func (r *race) dial(ctx, search context.Context, c discovery.Candidate, won func()) {
	r.addrs = append(r.addrs, c.Addrs...)
	r.mu.Lock()
	r.from = append(r.from, origin{c.Source, time.Since(r.start), c.Addrs})
	r.mu.Unlock()
	direct, relayed := byRelay(c.Addrs)
	if len(direct) > 0 {
		r.dials.Go(func() { r.attempt(ctx, direct, won) })
	}
	for _, through := range relayed {
		if !r.trusting && r.u.reached.Trust(through.relay.ID) {
			r.trusting = true
			r.dials.Go(func() { r.u.reached.Prove(search, through.relay.ID) })
			r.dials.Go(func() { r.attempt(ctx, through.addrs, won) })
			continue
		}
		r.dials.Go(func() {
			if err := r.u.reached.Meet(ctx, through.relay); err != nil {
				r.failed(ctx, fmt.Errorf("dialing a relay: %w", err))
				return
			}
			r.attempt(ctx, through.addrs, won)
		})
	}
}

// attempt dials the peer at addresses that are new.
func (r *race) attempt(ctx context.Context, addrs []ma.Multiaddr, won func()) {
	r.u.host.Peerstore().AddAddrs(r.id, addrs, peerstore.TempAddrTTL)
	conn, err := r.u.host.Network().DialPeer(ctx, r.id)
	if err != nil {
		r.failed(ctx, fmt.Errorf("dialing: %w", err))
		return
	}
	r.mu.Lock()
	first := r.conn == nil
	if first {
		r.conn, r.err = conn, nil
		r.won = r.winner(conn)
	}
	r.mu.Unlock()
	if !first {
		wayOf(ctx).dialed(nil)
		return
	}
	r.u.sb.reachedBy(peerKey(r.id), r.won)
	wayOf(ctx).connected(conn)
	err = r.use(conn)
	won()
	if conn.Stat().Direction == network.DirOutbound {
		r.u.cache.Good(r.id, conn.RemoteMultiaddr())
	}
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
}

func (r *race) failed(ctx context.Context, err error) {
	r.mu.Lock()
	if r.conn == nil {
		r.err = err
	}
	r.mu.Unlock()
	wayOf(ctx).dialed(err)
}

// through are addresses of a peer through one relay.
type through struct {
	relay peer.AddrInfo
	addrs []ma.Multiaddr
}

// byRelay parts the direct addresses from the relayed ones.
func byRelay(addrs []ma.Multiaddr) (direct []ma.Multiaddr, relayed []through) {
	for _, a := range addrs {
		before, after := ma.SplitFunc(a, func(c ma.Component) bool { return c.Code() == ma.P_CIRCUIT })
		if len(after) == 0 {
			direct = append(direct, a)
			continue
		}
		relay, err := peer.AddrInfoFromP2pAddr(before)
		if err != nil {
			continue // it names no relay
		}
		i := slices.IndexFunc(relayed, func(t through) bool { return t.relay.ID == relay.ID })
		if i < 0 {
			relayed = append(relayed, through{relay: peer.AddrInfo{ID: relay.ID}})
			i = len(relayed) - 1
		}
		relayed[i].relay.Addrs = append(relayed[i].relay.Addrs, relay.Addrs...)
		relayed[i].addrs = append(relayed[i].addrs, a)
	}
	return direct, relayed
}
