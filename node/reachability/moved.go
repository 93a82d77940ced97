package reachability

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	// proofTime is how long a connection has to show that it has survived a
	// change of the network; libp2p alone finds out after 30 to 45 s.
	proofTime = 1500 * time.Millisecond
	proofs    = 32 // at once
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
			if !k.alive(id) {
				_ = k.host.Network().ClosePeer(id)
			}
		})
	}
}

func (k *Keeper) alive(id peer.ID) bool {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(k.ctx, "proof"), proofTime)
	defer cancel()
	r, ok := <-ping.Ping(network.WithNoDial(ctx, "proof"), k.host, id)
	return ok && r.Error == nil
}
