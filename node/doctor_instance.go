package node

import (
	"context"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/node/doctor"
)

// maxStrange is how many strange addresses are tried: a device moves a few
// times while others remember it.
const maxStrange = 8

func (n *Node) instanceFacts(ctx context.Context, u *uplink, k knowledge) doctor.InstanceFacts {
	f := doctor.InstanceFacts{LockGone: n.lockGone(), Strange: textsOf(k.strange)}
	if len(k.strange) > 0 {
		f.Others = textsOf(u.otherSelves(ctx, k.strange[:min(len(k.strange), maxStrange)]))
	}
	return f
}

// otherSelves returns those of the addresses at which somebody proves to hold
// this peer's key and is not this process. Libp2p does not dial itself, so a
// stranger of a moment does; whom this host did not see come was not here.
func (u *uplink) otherSelves(ctx context.Context, addrs []ma.Multiaddr) (others []ma.Multiaddr) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	stranger, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay(), libp2p.DisableMetrics(),
		libp2p.Transport(quic.NewTransport), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.UDPBlackHoleSuccessCounter(nil), libp2p.IPv6BlackHoleSuccessCounter(nil))
	if err != nil {
		log.Debugw("a second device with this key cannot be looked for", "err", err)
		return nil
	}
	defer stranger.Close()
	for len(addrs) > 0 {
		at := answersAt(ctx, stranger, u.host.ID(), addrs)
		if at == nil {
			return others
		}
		if u.host.Network().Connectedness(stranger.ID()) == network.NotConnected {
			others = append(others, at)
		}
		stranger.Peerstore().ClearAddrs(u.host.ID())
		stranger.Network().ClosePeer(u.host.ID())
		addrs = ma.FilterAddrs(addrs, func(a ma.Multiaddr) bool { return !a.Equal(at) })
	}
	return others
}

// answersAt returns at which of the addresses a peer with that ID answers
// first; nil: at none. The round trip shows that the peer's host knows of the
// connection.
func answersAt(ctx context.Context, h host.Host, id peer.ID, addrs []ma.Multiaddr) ma.Multiaddr {
	if h.Connect(ctx, peer.AddrInfo{ID: id, Addrs: addrs}) != nil {
		return nil
	}
	once, cancel := context.WithCancel(ctx)
	defer cancel()
	if r, ok := <-ping.Ping(once, h, id); !ok || r.Error != nil {
		return nil
	}
	for _, c := range h.Network().ConnsToPeer(id) {
		return c.RemoteMultiaddr()
	}
	return nil
}
