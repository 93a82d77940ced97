package node

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/beckon-p2p/beckon/discovery/dht"
	"github.com/beckon-p2p/beckon/discovery/mdns"
	"github.com/beckon-p2p/beckon/node/doctor"
	"github.com/beckon-p2p/beckon/node/reachability"
)

func (n *Node) onlineFacts(u *uplink) doctor.OnlineFacts {
	return doctor.OnlineFacts{
		Wish: n.sb.wish.Load(), State: string(n.sb.fact()), Lost: u == nil, For: time.Since(n.started),
	}
}

func (u *uplink) addressFacts() (f doctor.AddressFacts) {
	addrs, err := u.host.Network().InterfaceListenAddresses()
	if err != nil {
		log.Debugw("the addresses of the interfaces cannot be listed", "err", err)
	}
	for _, a := range addrs {
		if reachability.IsRelayed(a) || manet.IsIP6LinkLocal(a) {
			continue // the first stands for relays, the other leads nowhere by itself
		}
		f.Listen++
		f.QUIC = f.QUIC || isQUIC(a)
		f.TCP = f.TCP || isTCP(a)
		if manet.IsIPLoopback(a) {
			f.Loopback++
		}
	}
	return f
}

func (n *Node) mdnsFacts(u *uplink) doctor.MDNSFacts {
	f := doctor.MDNSFacts{Off: u.mdns == nil, DHT: u.dht != nil}
	if u.mdns == nil {
		return f
	}
	f.Running, f.Heard = u.mdns.Running(), len(u.mdns.Peers())
	if !f.Running {
		if err := mdns.Multicast(); err != nil {
			f.Why = err.Error()
		}
	}
	return f
}

func (n *Node) dhtFacts(u *uplink) doctor.DHTFacts {
	f := doctor.DHTFacts{Public: n.settings.Network == PublicNetwork, Bootstrap: len(n.settings.bootstrap) > 0, For: time.Since(n.started)}
	if u.dht != nil {
		f.Mode, f.Table = u.dht.Mode(), u.dht.Size()
	}
	return f
}

// knowledge is what other peers say of where this one is.
type knowledge struct {
	dht.Knowledge
	strange []ma.Multiaddr // of the addresses that they name, those that this host does not give out
}

func (n *Node) askOthers(u *uplink) (k knowledge) {
	if u.dht == nil {
		return k
	}
	ctx, cancel := context.WithTimeout(n.doctors.ctx, askTime)
	defer cancel()
	var err error
	if k.Knowledge, err = u.dht.Known(ctx); err != nil {
		log.Debugw("the DHT cannot be asked where this peer is", "err", err)
	}
	own := append(u.host.Addrs(), u.host.Network().ListenAddresses()...)
	if more, err := u.host.Network().InterfaceListenAddresses(); err == nil {
		own = append(own, more...)
	}
	for _, a := range k.Addrs {
		a, _ = peer.SplitAddr(a)
		if len(a) > 0 && !reachability.IsRelayed(a) && !slices.ContainsFunc(own, a.Equal) {
			k.strange = append(k.strange, a)
		}
	}
	return k
}

func (u *uplink) foundFacts(k knowledge) doctor.FoundFacts {
	f := doctor.FoundFacts{DHT: u.dht != nil, Asked: k.Asked, Knew: k.Knew, MDNS: u.mdns != nil && u.mdns.Running()}
	if u.dht != nil {
		f.Table = u.dht.Size()
	}
	return f
}

func (n *Node) reachFacts(u *uplink) doctor.ReachFacts {
	s := u.reached.State()
	return doctor.ReachFacts{
		Verdict: strings.ToLower(s.Reachability.String()), Forced: n.settings.reach.Forced != network.ReachabilityUnknown,
		Confirmed: textsOf(s.Reachable), Refuted: textsOf(s.Unreachable), Relays: len(s.Relays),
	}
}

func (n *Node) relayFacts(u *uplink) doctor.RelayFacts {
	s := u.reached.State()
	return doctor.RelayFacts{
		Verdict: strings.ToLower(s.Reachability.String()), Held: len(s.Relays),
		Off: n.settings.reach.NoRelays, Chosen: len(n.settings.reach.Relays), For: time.Since(n.started),
	}
}

func (u *uplink) natFacts() doctor.NATFacts {
	s := u.reached.State()
	kind := func(transport network.NATTransportProtocol) string {
		switch s.NAT[transport.String()] {
		case network.NATDeviceTypeEndpointIndependent:
			return doctor.NATCone
		case network.NATDeviceTypeEndpointDependent:
			return doctor.NATSymmetric
		}
		return ""
	}
	return doctor.NATFacts{
		Verdict: strings.ToLower(s.Reachability.String()),
		UDP:     kind(network.NATTransportUDP), TCP: kind(network.NATTransportTCP),
	}
}

// udpFacts counts the connections that this host has made to public peers.
func (u *uplink) udpFacts() (f doctor.UDPFacts) {
	f.Listens = slices.ContainsFunc(u.host.Network().ListenAddresses(), isQUIC)
	for _, c := range u.host.Network().Conns() {
		at := c.RemoteMultiaddr()
		if c.Stat().Direction != network.DirOutbound || reachability.IsRelayed(at) || !manet.IsPublicAddr(at) {
			continue
		}
		switch {
		case isQUIC(at):
			f.QUIC++
		case isTCP(at):
			f.TCP++
			if slices.ContainsFunc(u.host.Peerstore().Addrs(c.RemotePeer()), func(a ma.Multiaddr) bool {
				return isQUIC(a) && !reachability.IsRelayed(a) && manet.IsPublicAddr(a)
			}) {
				f.Offered++
			}
		}
	}
	return f
}

func textsOf(addrs []ma.Multiaddr) (texts []string) {
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return texts
}

func isQUIC(a ma.Multiaddr) bool { return speaks(a, ma.P_QUIC_V1) }
func isTCP(a ma.Multiaddr) bool  { return speaks(a, ma.P_TCP) }

func speaks(a ma.Multiaddr, code int) bool {
	return slices.ContainsFunc(a, func(c ma.Component) bool { return c.Code() == code })
}
