package reachability

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/pb"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
)

// protectTag keeps the connections to relays from being trimmed.
const protectTag = "relay"

var errNoRelay = errors.New("it is no relay")

// seek asks relays for places as long as some are wanted.
func (k *Keeper) seek(asking *sync.WaitGroup) {
	now := time.Now()
	if !k.wants() {
		for _, p := range slices.Clone(k.relays.held) {
			k.relays.lost(now, p.relay)
			k.host.ConnManager().Unprotect(p.relay, protectTag)
		}
		k.announce(false)
		return
	}
	k.relays.expire(now)
	k.announce(false)
	for _, c := range k.relays.next(now, k.candidates()) {
		k.relays.begin(c.ID)
		asking.Go(func() { k.answers <- k.ask(c) })
	}
}

// wants reports whether places at relays are wanted: unless others can dial
// this peer, or there is nobody but a network of its own.
func (k *Keeper) wants() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.cfg.NoRelays:
		return false
	case k.state.Reachability == network.ReachabilityPrivate:
		return true
	}
	return k.state.Reachability == network.ReachabilityUnknown && k.facts.internet
}

// candidates returns whom to ask, best first: peers that are connected and say
// that they are relays, then those that might be.
func (k *Keeper) candidates() (all []peer.AddrInfo) {
	known := k.cfg.Relays
	if len(known) == 0 {
		known = k.known()
		for _, id := range k.host.Network().Peers() {
			if k.host.Network().Connectedness(id) == network.Connected && k.isRelay(id) {
				all = append(all, peer.AddrInfo{ID: id})
			}
		}
	}
	for _, p := range known {
		if p.ID == k.host.ID() || k.host.Network().Connectedness(p.ID) == network.Connected && !k.isRelay(p.ID) {
			continue
		}
		all = append(all, p)
	}
	return all
}

func (k *Keeper) isRelay(id peer.ID) bool {
	spoken, err := k.host.Peerstore().SupportsProtocols(id, proto.ProtoIDv2Hop)
	return err == nil && len(spoken) > 0
}

// ask asks one relay for a place, or to renew the one that is held there.
func (k *Keeper) ask(c peer.AddrInfo) answer {
	ctx, cancel := context.WithTimeout(k.ctx, askTime)
	defer cancel()
	a := answer{id: c.ID}
	ClearBackoff(k.host.Network(), c.ID)
	if a.err = k.host.Connect(ctx, c); a.err != nil {
		return a
	}
	if !k.isRelay(c.ID) {
		a.err, a.refused = errNoRelay, true
		return a
	}
	r, err := client.Reserve(ctx, k.host, peer.AddrInfo{ID: c.ID})
	if err != nil {
		var why client.ReservationError
		a.err = err
		a.refused = errors.As(err, &why) && why.Status != pb.Status_CONNECTION_FAILED
		a.past = strings.Contains(why.Reason, "expiration date in the past") // libp2p has no other word for it
		return a
	}
	addrs := bestAddrs(r.Addrs)
	if len(addrs) == 0 { // a relay leaves out those that are not public
		addrs = bestAddrs(k.host.Peerstore().Addrs(c.ID))
	}
	for i, addr := range addrs {
		addrs[i], _ = peer.SplitAddr(addr)
	}
	a.place = place{relay: c.ID, addrs: addrs, endsAt: r.Expiration, lasts: time.Until(r.Expiration)}
	return a
}

// answered takes in what came of asking a relay.
func (k *Keeper) answered(a answer) {
	now := time.Now()
	if a.err != nil {
		log.Debug("no place at a relay", "relay", a.id, "err", a.err)
		k.relays.failed(now, a.id, a.refused)
		k.mu.Lock()
		k.state.Past = k.state.Past || a.past
		k.mu.Unlock()
		return
	}
	if k.host.Network().Connectedness(a.id) != network.Connected {
		k.relays.failed(now, a.id, false) // gone meanwhile, and nobody will say so again
		return
	}
	k.note(k.aliveAt, a.id)
	k.host.ConnManager().Protect(a.id, protectTag)
	k.relays.got(now, a.place)
	k.mu.Lock()
	k.state.Past = false
	k.mu.Unlock()
	log.Info("a place at a relay", "relay", a.id, "until", a.place.endsAt)
}

// ClearBackoff lets a new try overrule libp2p's patience, which is 5 s and more
// after a failed dial.
func ClearBackoff(n network.Network, id peer.ID) {
	if s, ok := n.(interface{ Backoff() *swarm.DialBackoff }); ok {
		s.Backoff().Clear(id)
	}
}
