package reachability

import (
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// met is a gate for dials: an address through a relay is not dialled before
// the relay itself is connected. Libp2p dials a peer through one relay at a
// time, and a dead one would hold up the living; who wants an address through
// a relay connects to the relay first.
type met struct{ k *Keeper }

var _ connmgr.ConnectionGater = met{}

// InterceptAddrDial lets direct addresses pass, and those through relays that
// are connected.
func (m met) InterceptAddrDial(_ peer.ID, a ma.Multiaddr) bool {
	return !IsRelayed(a) || m.k.knows(a)
}

// InterceptPeerDial lets every peer pass.
func (met) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAccept lets every connection pass; the resource manager bounds them.
func (met) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured lets every peer pass.
func (met) InterceptSecured(network.Direction, peer.ID, network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded lets every connection pass.
func (met) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
