package node

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/discovery/dht"
	"github.com/beckon-p2p/beckon/discovery/mdns"
	"github.com/beckon-p2p/beckon/discovery/static"
	"github.com/beckon-p2p/beckon/node/reachability"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
	"github.com/beckon-p2p/beckon/protocol/stream/timeline"
)

// uplink is everything that stands on the network while the node is logged in.
type uplink struct {
	network  string // the DHT's name; empty: none
	sb       *switchboard
	host     host.Host
	reached  *reachability.Keeper
	sessions *stream.Transport
	steps    *timeline.Server
	finder   *discovery.Finder
	cache    *discovery.Cache
	dht      *dht.DHT   // nil: no DHT
	mdns     *mdns.MDNS // nil: off

	identified event.Subscription
	following  sync.WaitGroup
}

// cachedPeers is how many peers of the cache, and of those on the local network,
// are tried for joining.
const cachedPeers = 20

// newUplink goes on the network. The sessions and the DHT tell the switchboard
// what happens.
func newUplink(n *Node, port int) (u *uplink, err error) {
	s, sb := n.settings, n.sb
	u = &uplink{network: s.dht, sb: sb}
	defer func() {
		if err != nil {
			u.Close()
		}
	}()
	u.reached = reachability.New(s.reach)
	if u.host, err = newHost(n.key, s, port, n.metrics.registry, append(u.reached.Options(), s.host...)...); err != nil {
		return u, err
	}
	u.cache = discovery.OpenCache(filepath.Join(s.DataDir, cacheFile))
	u.sessions = stream.New(stream.Config{Host: u.host, Now: s.Clock.Now, Receiver: receiver{sb, u}})
	u.identified, err = u.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted), eventbus.BufSize(256))
	if err != nil {
		return u, err
	}
	u.following.Go(func() { u.follow(u.identified) })
	u.sessions.Start()
	u.steps = timeline.Serve(u.host, s.Clock.Now, sb.stepsFor(s.ShareTimeline))
	sources := []discovery.Source{discovery.Connected{Network: u.host.Network()}, &n.links, u.cache, static.New(s.bootstrap)}
	if !s.NoMDNS {
		if u.mdns, err = mdns.Start(u.host); err != nil {
			return u, err
		}
		sources = append(sources, u.mdns)
	}
	if s.dht != "" {
		if u.dht, err = u.newDHT(s, sb); err != nil {
			return u, err
		}
		sources = append(sources, u.dht)
	}
	// Before the DHT, which serves or not by the verdict.
	if err = u.reached.Start(u.host, func() []peer.AddrInfo { return u.helpers(s.bootstrap) }); err != nil {
		return u, err
	}
	if u.dht != nil {
		if err = u.dht.Start(); err != nil {
			return u, err
		}
	}
	u.finder = discovery.NewFinder(sources...)
	u.host.Network().Notify(&network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.Stat().Direction == network.DirInbound || sb.notices.any.Load() {
			go sb.peerConnected(peerKey(c.RemotePeer())) // the notifier must not wait; ends with the post
		}
		u.better(c)
	}})
	return u, nil
}

func (u *uplink) newDHT(s settings, sb *switchboard) (*dht.DHT, error) {
	servers := discovery.OpenServers(filepath.Join(s.DataDir, serversFile), s.dht)
	return dht.New(dht.Config{
		Host: u.host, Network: s.dht, Server: s.DHTServer, Bootstrap: s.bootstrap,
		Cached: func() []peer.AddrInfo { return u.joinBy(servers) },
		Save: func(now []peer.AddrInfo) {
			if err := servers.Save(now); err != nil {
				log.Warnw("cannot remember the servers of the DHT", "err", err)
			}
		},
		OnJoined: func(joined bool) {
			sb.post(func(t *turn) { t.joined(joined) })
		},
	})
}

// helpers returns peers that may be relays: whoever serves the DHT can be
// dialled by others.
func (u *uplink) helpers(bootstrap []peer.AddrInfo) []peer.AddrInfo {
	all := slices.Clone(bootstrap)
	if u.dht != nil {
		all = append(all, u.dht.Peers()...)
	}
	return append(all, u.servingPeers()...)
}

// servingPeers returns peers met before that may serve others: one that was
// reached through a relay, or says that it can be, is behind a NAT and does not.
// To dial it anyhow would be worse than useless: libp2p joins all dials of a peer
// and tries no address twice, so that a ring of a moment later would have to wait
// for the end of this one.
func (u *uplink) servingPeers() []peer.AddrInfo {
	all := slices.DeleteFunc(u.cache.Recent(discovery.MaxPeers), func(p peer.AddrInfo) bool {
		return slices.ContainsFunc(p.Addrs, reachability.IsRelayed)
	})
	return all[:min(len(all), cachedPeers)]
}

// joinBy returns the peers that the DHT may be joined by beside the list: its
// servers of last time and the peers met before, who in a private DHT serve; so
// do those on the local network.
func (u *uplink) joinBy(servers *discovery.Servers) []peer.AddrInfo {
	all := append(servers.List(), u.servingPeers()...)
	if u.mdns != nil && u.network != PublicNetwork {
		heard := u.mdns.Peers()
		all = append(all, heard[:min(len(heard), cachedPeers)]...)
	}
	return all
}

// Close leaves the network and waits for everything that belongs to it.
func (u *uplink) Close() error {
	var errs []error
	if u.steps != nil {
		u.steps.Close()
	}
	if u.sessions != nil {
		errs = append(errs, u.sessions.Close())
	}
	if u.identified != nil {
		errs = append(errs, u.identified.Close())
		u.following.Wait()
	}
	if u.reached != nil {
		errs = append(errs, u.reached.Close())
	}
	if u.dht != nil {
		errs = append(errs, u.dht.Close())
	}
	if u.mdns != nil {
		errs = append(errs, u.mdns.Close())
	}
	if u.host != nil {
		errs = append(errs, u.host.Close())
	}
	if u.cache != nil {
		errs = append(errs, u.cache.Close())
	}
	return errors.Join(errs...)
}

// learn remembers at which addresses a peer that has a session with us says it
// can be reached, so that it can be called back after a restart.
func (u *uplink) learn(id peer.ID) { u.cache.Told(id, u.host.Peerstore().Addrs(id)) }

// follow learns from what peers say of themselves once a session stands.
func (u *uplink) follow(identified event.Subscription) {
	for e := range identified.Out() {
		if id := e.(event.EvtPeerIdentificationCompleted).Peer; u.sessions.Current(id) != nil {
			u.learn(id)
		}
	}
}

// receiver hands what happens on sessions to the switchboard.
type receiver struct {
	sb *switchboard
	u  *uplink
}

func (r receiver) SessionUp(s *stream.Session) {
	r.sb.sessionUp(s.PeerText(), s)
	r.u.learn(s.Peer()) // what it said before; the rest comes by follow
}
func (r receiver) Current(s *stream.Session) {
	r.sb.current(s.PeerText(), s, pathOf(s.Conn()))
}
func (r receiver) Frame(s *stream.Session, m protocol.Message) { r.sb.frame(s.PeerText(), s, m) }
func (r receiver) DoneRead(s *stream.Session, ids []protocol.ID) {
	r.sb.doneRead(s.PeerText(), ids)
}
func (r receiver) SessionDown(s *stream.Session, err error) {
	r.sb.sessionDown(s.PeerText(), s, err)
}

// pathOf says which way a connection takes.
func pathOf(c network.Conn) invitation.Path {
	addr := c.RemoteMultiaddr()
	switch {
	case c.Stat().Limited:
		return invitation.PathRelayed
	case manet.IsPrivateAddr(addr) || manet.IsIPLoopback(addr) || manet.IsIP6LinkLocal(addr):
		return invitation.PathLAN
	}
	return invitation.PathDirect
}

// Dial opens a session to a peer.
func (u *uplink) Dial(ctx context.Context, p protocol.PeerID, stage func(invitation.Progress)) error {
	id, err := peer.Decode(string(p))
	if err != nil {
		return err
	}
	_, err = u.reach(ctx, id, stage, func(network.Conn) error {
		_, err := u.sessions.Open(ctx, id)
		return err
	})
	return err
}
