package reachability

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	msmux "github.com/multiformats/go-multistream"
)

const (
	// proofTime is how long a connection has to show that it has survived a
	// change of the network; libp2p alone finds out after 30 to 45 s.
	proofTime = 1500 * time.Millisecond
	proofs    = 32 // at once
	// A relay may die without a word, and its peers with it become unreachable:
	// so often is it asked, and so long may its answer take.
	relayProofEvery = 4 * time.Second
	relayProofTime  = 2 * time.Second
)

// moved does what a change of the network asks for: the addresses given out
// are put right, connections that have not survived are closed, so that
// whoever needs them dials again, and relays are asked without a pause.
func (k *Keeper) moved() {
	log.Info("the network has changed")
	k.mu.Lock()
	k.facts.visited = false
	k.mu.Unlock()
	k.relays.hurry(time.Now())
	k.announce(true)
	k.running.Go(k.prove)
}

// prove closes the connections of every peer that does not answer now.
func (k *Keeper) prove() {
	var proving sync.WaitGroup
	defer proving.Wait()
	room := make(chan struct{}, proofs)
	for _, id := range k.host.Network().Peers() {
		select {
		case room <- struct{}{}:
		case <-k.ctx.Done():
			return
		}
		proving.Go(func() {
			defer func() { <-room }()
			k.proveWithin(k.ctx, id, proofTime)
		})
	}
}

// proveWithin is Prove with another limit; it reports whether the peer answered.
func (k *Keeper) proveWithin(ctx context.Context, id peer.ID, limit time.Duration) (alive bool) {
	proof, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, "proof"), limit)
	defer cancel()
	r, ok := <-ping.Ping(network.WithNoDial(proof, "proof"), k.host, id)
	var mute msmux.ErrNotSupported[protocol.ID] // it says so, and therefore lives
	switch alive = ok && (r.Error == nil || errors.As(r.Error, &mute)); {
	case alive:
		k.note(k.aliveAt, id)
	case ctx.Err() == nil:
		log.Debug("a peer does not answer", "peer", id, "err", r.Error)
		_ = k.host.Network().ClosePeer(id)
	}
	return alive
}

// proveRelays does so for the relays at which a place is held.
func (k *Keeper) proveRelays() {
	for _, p := range k.relays.held {
		k.running.Go(func() { k.proveWithin(k.ctx, p.relay, relayProofTime) })
	}
}
