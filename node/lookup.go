package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Connectedness of a Peer.
const (
	Connected    = "connected"
	Limited      = "limited"
	NotConnected = "not_connected"
	Unreachable  = "unreachable" // found, but no address could be dialled
)

// pingTime bounds finding a peer and one round trip to it.
const pingTime = 10 * time.Second

func errUnreachable(id string) error {
	return protocol.Errorf(protocol.CodePeerUnreachable,
		"no connection to %s came about; is beckond running and online there? beckon find %s shows where it was looked for", id, id)
}

var errOffline = protocol.Errorf(protocol.CodePeerUnreachable, "this device is logged out; run beckon online, or PUT /v1/node/online")

// given checks addresses that an app gave along with a peer's ID, and has them
// tried from now on. They are the user's word: nothing else is believed of them
// than that a dial may be worth it, in which the peer proves its ID.
func (n *Node) given(who protocol.PeerID, addresses []string) error {
	if len(addresses) == 0 {
		return nil
	}
	id, err := peer.Decode(string(who))
	if err != nil {
		return err
	}
	wrong := func(format string, args ...any) error {
		limit := fmt.Sprintf("%d multiaddrs of at most %d bytes", protocol.MaxAddresses, protocol.MaxAddress)
		return protocol.Invalid("addresses", limit, "addresses: "+format, args...)
	}
	if len(addresses) > protocol.MaxAddresses {
		return wrong("give at most %d", protocol.MaxAddresses)
	}
	var all []ma.Multiaddr
	for i, s := range addresses {
		if len(s) > protocol.MaxAddress {
			return wrong("number %d is longer than %d bytes", i+1, protocol.MaxAddress)
		}
		a, err := ma.NewMultiaddr(s)
		switch {
		case err != nil:
			return wrong("number %d is not a multiaddr; it looks like /ip4/203.0.113.7/udp/4001/quic-v1", i+1)
		case !discovery.Leads(id, a):
			return wrong("number %d cannot lead to that peer: it needs a host and a transport, and at its end no other peer's ID", i+1)
		}
		all = append(all, a)
	}
	n.links.Given(id, all)
	return nil
}

// FindPeer looks a peer up, also at the addresses given, and connects to it. Errors: invalid_argument,
// peer_not_found, peer_unreachable (logged out).
func (n *Node) FindPeer(ctx context.Context, who string, addresses []string, timeout time.Duration) (Peer, error) {
	id, u, err := n.other(who, addresses)
	if err != nil {
		return Peer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	start := time.Now()
	f, err := u.reach(ctx, id, func(invitation.Progress) {}, func(network.Conn) error { return nil })
	p := u.describe(id, f)
	p.Took, p.Stages = time.Since(start), f.stages
	if len(f.addrs) == 0 {
		return p, protocol.Errorf(protocol.CodePeerNotFound,
			"nobody knows %s; is beckond running there, and on the same network (--network)? On a private network both also need a common --bootstrap for their first meeting", who)
	}
	if err != nil {
		p.Connectedness = Unreachable
	}
	return p, nil
}

// describe says what is known of a peer after a search.
func (u *uplink) describe(id peer.ID, f found) Peer {
	p := Peer{ID: peerKey(id), Source: f.source, Connectedness: NotConnected}
	for _, a := range f.addrs {
		p.Addresses = append(p.Addresses, a.String())
	}
	if f.conn != nil {
		p.Path = pathOf(f.conn)
		p.Connectedness = Connected
		if f.conn.Stat().Limited {
			p.Connectedness = Limited
		}
	}
	if agent, err := u.host.Peerstore().Get(id, "AgentVersion"); err == nil {
		p.Agent, _ = agent.(string)
	}
	return p
}

// Ping measures one round trip to a peer, which may be at the addresses given.
// Errors: invalid_argument, peer_unreachable.
func (n *Node) Ping(ctx context.Context, who string, addresses []string) (time.Duration, invitation.Path, error) {
	id, u, err := n.other(who, addresses)
	if err != nil {
		return 0, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, pingTime)
	defer cancel()
	f, err := u.reach(ctx, id, func(invitation.Progress) {}, func(network.Conn) error { return nil })
	if err != nil || f.conn == nil {
		return 0, "", errUnreachable(who)
	}
	r, ok := <-ping.Ping(network.WithAllowLimitedConn(ctx, "ping"), u.host, id)
	if !ok || r.Error != nil { // the channel is closed without a result when ctx ends
		return 0, "", errUnreachable(who)
	}
	if c := u.connected(id); c != nil { // the better one, which the ping took
		f.conn = c
	}
	return r.RTT, pathOf(f.conn), nil
}

// other reads the ID of another peer and returns what can reach it.
func (n *Node) other(who string, addresses []string) (peer.ID, *uplink, error) {
	p, err := n.parsePeer("id", who)
	if err == nil {
		err = n.given(p, addresses)
	}
	if err != nil {
		return "", nil, err
	}
	u := n.uplink.Load()
	if u == nil {
		return "", nil, errOffline
	}
	id, err := peer.Decode(string(p))
	return id, u, err
}

// Peers returns the connected peers.
func (n *Node) Peers(context.Context) ([]Peer, error) {
	u := n.uplink.Load()
	if u == nil {
		return nil, nil
	}
	var all []Peer
	for _, id := range u.host.Network().Peers() {
		if c := u.connected(id); c != nil {
			all = append(all, u.describe(id, found{conn: c, source: "connected", addrs: []ma.Multiaddr{c.RemoteMultiaddr()}}))
		}
	}
	return all, nil
}

// Info returns what the node knows about itself.
func (n *Node) Info(context.Context) (Info, error) {
	i := Info{
		PeerID: n.self, Version: n.settings.Version, Instance: n.instance, Network: n.settings.Network,
		Online: n.sb.wish.Load(), State: n.sb.fact(), Reachability: "unknown", DHTMode: "off", StartedAt: n.started,
		Addresses: []string{},
	}
	u := n.uplink.Load()
	if u == nil {
		return i, nil
	}
	for _, a := range usable(u.host.Addrs()) {
		i.Addresses = append(i.Addresses, a.String()+"/p2p/"+string(n.self))
	}
	i.Connected = len(u.host.Network().Peers())
	reached := u.reached.State()
	i.Reachability = strings.ToLower(reached.Reachability.String())
	for _, id := range reached.Relays {
		i.Relays = append(i.Relays, id.String())
	}
	if u.dht != nil {
		i.DHTMode, i.DHTPeers, i.AnnouncedAt = u.dht.Mode(), u.dht.Size(), u.dht.Announced()
	}
	return i, nil
}

// usable leaves out loopback addresses where there are others.
func usable(addrs []ma.Multiaddr) []ma.Multiaddr {
	var others []ma.Multiaddr
	for _, a := range addrs {
		if !manet.IsIPLoopback(a) {
			others = append(others, a)
		}
	}
	if len(others) == 0 {
		return addrs
	}
	return others
}
