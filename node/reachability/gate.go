package reachability

import (
	"context"
	"maps"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// trustedFor is how long a relay that has answered is taken to be alive
	// without another question. One that holds a place for us is asked more often.
	trustedFor = relayProofEvery + relayProofTime
	// metFor is how long after Meet addresses through a relay are dialled.
	metFor = 4 * time.Second
)

// Meet connects to a relay, or has one that is connected prove that it is alive.
// Then the addresses through it may be dialled for some seconds, and no others.
func (k *Keeper) Meet(ctx context.Context, relay peer.AddrInfo) error {
	ctx = network.WithForceDirectDial(ctx, "relay")
	if k.isConnected(relay.ID) && k.proveWithin(ctx, relay.ID, proofTime) {
		k.note(k.metAt, relay.ID)
		return nil
	}
	ClearBackoff(k.host.Network(), relay.ID)
	k.host.Peerstore().AddAddrs(relay.ID, relay.Addrs, peerstore.TempAddrTTL)
	if _, err := k.host.Network().DialPeer(ctx, relay.ID); err != nil {
		return err
	}
	k.note(k.metAt, relay.ID)
	return nil
}

// Trust does without Meet for a relay that was alive in the last 6 s, and reports
// whether it was. Whoever uses it has it proven at the same time.
func (k *Keeper) Trust(relay peer.ID) bool {
	if !k.isRecent(k.aliveAt, relay, trustedFor) {
		return false
	}
	k.note(k.metAt, relay)
	return true
}

// Prove closes the connections of a peer that does not answer within 1.5 s: a
// dead one would hold up those who wait for what they said on it. It changes
// nothing once ctx has ended.
func (k *Keeper) Prove(ctx context.Context, id peer.ID) { k.proveWithin(ctx, id, proofTime) }

// note also forgets what is too old to matter: whoever names relays to us must
// not fill the memory with them.
func (k *Keeper) note(when map[peer.ID]time.Time, id peer.ID) {
	now := time.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.DeleteFunc(when, func(_ peer.ID, at time.Time) bool { return now.Sub(at) > trustedFor })
	when[id] = now
}

// isRecent reports whether a peer is connected and was noted so lately.
func (k *Keeper) isRecent(when map[peer.ID]time.Time, id peer.ID, lately time.Duration) bool {
	k.mu.Lock()
	at, ok := when[id]
	ok = ok && k.ready && time.Since(at) < lately
	k.mu.Unlock()
	return ok && k.isConnected(id)
}

func (k *Keeper) isConnected(id peer.ID) bool {
	return k.host.Network().Connectedness(id) == network.Connected
}

// met is a gate for dials: an address through a relay is dialled only while the
// relay is known to be alive. Libp2p dials a peer through one relay at a time,
// and a dead one would hold up the living.
type met struct{ k *Keeper }

var _ connmgr.ConnectionGater = met{}

// InterceptAddrDial lets direct addresses pass, and those through relays that
// were met.
func (m met) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	if !IsRelayed(a) {
		return true
	}
	text, err := a.ValueForProtocol(ma.P_P2P)
	if err != nil {
		return false
	}
	relay, err := peer.Decode(text)
	return err == nil && m.k.isRecent(m.k.metAt, relay, metFor)
}

// InterceptPeerDial lets every peer pass.
func (met) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAccept lets every connection pass; the resource manager bounds them.
func (met) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured lets every peer pass.
func (met) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded lets every connection pass.
func (met) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
