package discovery

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Connected is the Source of the peers that Network is connected to. Its
// addresses are those of the open connections; one that the other side opened
// may come from a port that nobody listens on.
type Connected struct{ Network network.Network }

// Name returns "connected".
func (Connected) Name() string { return "connected" }

// Find yields the addresses of the open connections to id and returns at once.
func (c Connected) Find(_ context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	var addrs []ma.Multiaddr
	for _, conn := range c.Network.ConnsToPeer(id) {
		addrs = append(addrs, conn.RemoteMultiaddr())
	}
	if len(addrs) > 0 {
		yield(addrs)
	}
	return nil
}
