package node

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/discovery/dht"
	"github.com/beckon-p2p/beckon/discovery/mdns"
	"github.com/beckon-p2p/beckon/discovery/static"
	"github.com/beckon-p2p/beckon/node/reachability"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
)

// uplink is everything that stands on the network while the node is logged in.
type uplink struct {
	sb       *switchboard
	host     host.Host
	reached  *reachability.Keeper
	sessions *stream.Transport
	finder   *discovery.Finder
	cache    *discovery.Cache
	dht      *dht.DHT   // nil: no DHT
	mdns     *mdns.MDNS // nil: off

	identified event.Subscription
	following  sync.WaitGroup
}

// cachedServers is how many peers of the cache are tried for joining.
const cachedServers = 20

// newUplink goes on the network. The sessions and the DHT tell sb what happens.
func newUplink(key crypto.PrivKey, s settings, port int, sb *switchboard, reg prometheus.Registerer) (u *uplink, err error) {
	u = &uplink{sb: sb}
	defer func() {
		if err != nil {
			u.Close()
		}
	}()
	u.reached = reachability.New(s.reach)
	if u.host, err = newHost(key, s, port, reg, u.reached.Options()...); err != nil {
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
	sources := []discovery.Source{discovery.Connected{Network: u.host.Network()}, u.cache, static.New(s.bootstrap)}
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
	return dht.New(dht.Config{
		Host: u.host, Network: s.dht, Bootstrap: s.bootstrap,
		Cached: func() []peer.AddrInfo { return u.cache.Recent(cachedServers) },
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
	return append(all, u.cache.Recent(cachedServers)...)
}

// Close leaves the network and waits for everything that belongs to it.
func (u *uplink) Close() error {
	var errs []error
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
