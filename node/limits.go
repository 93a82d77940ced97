package node

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	lp2pprotocol "github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"

	"github.com/beckon-p2p/beckon/protocol"
)

// What libp2p may use: a share of memory and file descriptors that leaves room
// for the rest.
const (
	hostMemory = 256 << 20
	hostFiles  = 1024
)

// Connections from one address: behind it may be a household, or many of them
// at a carrier's NAT, all of which come back at once after an outage. Libp2p's
// own 8 and one in 5 s would keep most of them out.
const (
	connsPerIP     = 32
	connsPerPrefix = 128 // of IPv6: /48
	newPerIP       = 2   // a second
	newBurst       = 64
)

// resourceLimits bounds what the network may use of this machine.
func resourceLimits() (network.ResourceManager, error) {
	limits := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&limits)
	// A session is one stream a pair; a few more while sessions change.
	id := lp2pprotocol.ID(protocol.StreamID)
	all := rcmgr.BaseLimit{Streams: 2048, StreamsInbound: 1024, StreamsOutbound: 1024, Memory: 64 << 20}
	one := rcmgr.BaseLimit{Streams: 16, StreamsInbound: 8, StreamsOutbound: 8, Memory: 4 << 20}
	limits.AddProtocolLimit(id, all, rcmgr.BaseLimitIncrease{})
	limits.AddProtocolPeerLimit(id, one, rcmgr.BaseLimitIncrease{})
	few := rcmgr.BaseLimit{Streams: 32, StreamsInbound: 16, StreamsOutbound: 16, Memory: 4 << 20}
	limits.AddProtocolLimit(lp2pprotocol.ID(protocol.ExplainID), few, rcmgr.BaseLimitIncrease{})
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Scale(hostMemory, hostFiles)),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerIP}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: connsPerIP}, {PrefixLength: 48, ConnCount: connsPerPrefix}}),
		rcmgr.WithConnRateLimiters(connRates()))
}

// connRates bounds how fast connections come from one address.
func connRates() *rate.Limiter {
	one := rate.Limit{RPS: newPerIP, Burst: newBurst}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{ // no limit on this machine itself
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
			{Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: one}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: one}},
			GracePeriod:      time.Minute,
		},
	}
}
