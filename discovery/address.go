package discovery

import (
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// dialable returns addr as it is dialed to reach id, without the /p2p/ID at
// its end, and whether it can lead there at all: it must name a transport, not
// the unspecified IP, not another peer, and a relayed one must name its relay.
func dialable(id peer.ID, addr ma.Multiaddr) (ma.Multiaddr, bool) {
	transport, end := peer.SplitAddr(addr)
	if end != "" && end != id {
		return nil, false
	}
	if len(transport) == 0 || manet.IsIPUnspecified(transport) {
		return nil, false
	}
	switch transport[0].Protocol().Code {
	case ma.P_P2P, ma.P_CIRCUIT:
		return nil, false // a relay without its address
	}
	for i, c := range transport {
		if c.Protocol().Code == ma.P_CIRCUIT && transport[i-1].Protocol().Code != ma.P_P2P {
			return nil, false
		}
	}
	return transport, true
}

// relayed reports whether addr leads through a relay.
func relayed(addr ma.Multiaddr) bool {
	for _, c := range addr {
		if c.Protocol().Code == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}
