package dht

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	quictransport "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	quicgo "github.com/quic-go/quic-go"
	"go.uber.org/fx"
)

// internet is a virtual network with one delay everywhere, in which a host is
// open or lets in only those that it has written to, and can be cut off without
// anybody being told.
type internet struct {
	t    *testing.T
	wall simnet.SimpleFirewallRouter
	gone sync.Map // text of a UDP address: true
	next int
	ends []func() // in reverse
}

// virtually runs a test in a bubble with an internet of its own.
func virtually(t *testing.T, test func(t *testing.T, n *internet)) {
	synctest.Test(t, func(t *testing.T) {
		n := &internet{t: t}
		defer n.close()
		test(t, n)
	})
}

// close takes everything away; after it nothing runs any more.
func (n *internet) close() {
	for i := len(n.ends) - 1; i >= 0; i-- {
		n.ends[i]()
	}
}

func (n *internet) RecvPacket(p *simnet.Packet) {
	for _, end := range []net.Addr{p.From, p.To} {
		if _, gone := n.gone.Load(end.String()); gone {
			return
		}
	}
	time.AfterFunc(roundTrip/2, func() { n.wall.RecvPacket(p) })
}

func (n *internet) AddNode(a net.Addr, r simnet.PacketReceiver) { n.wall.AddNode(a, r) }

// address returns a new public address, far from all others: the public DHT
// does not trust many that are near each other.
func (n *internet) address() string {
	n.next++
	return fmt.Sprintf("/ip4/%d.%d.0.1/udp/4001/quic-v1", 80+n.next/250, n.next%250)
}

// host returns a host at a new address.
func (n *internet) host(open bool, more ...libp2p.Option) host.Host {
	n.t.Helper()
	from := &source{}
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.ListenAddrStrings(n.address()), n.identity(),
		libp2p.Transport(quictransport.NewTransport),
		libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.QUICReuse(newReuse,
			quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return from, nil }),
			quicreuse.OverrideListenUDP(func(_ string, a *net.UDPAddr) (net.PacketConn, error) {
				from.ip.Store(&a.IP)
				if open {
					n.wall.SetAddrPubliclyReachable(a)
				}
				c := simnet.NewSimConn(a)
				c.SetUpPacketReceiver(n)
				n.AddNode(a, c)
				return c, nil
			})),
	}, more...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	n.ends = append(n.ends, func() { h.Close() })
	return h
}

// identity is the same for the same host of each run.
func (n *internet) identity() libp2p.Option {
	seed := sha256.Sum256([]byte{byte(n.next), byte(n.next >> 8)})
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		n.t.Fatal(err)
	}
	return libp2p.Identity(key)
}

func newReuse(l fx.Lifecycle, k quicgo.StatelessResetKey, t quicgo.TokenGeneratorKey, o ...quicreuse.Option) (*quicreuse.ConnManager, error) {
	cm, err := quicreuse.NewConnManager(k, t, o...)
	if err == nil {
		l.Append(fx.StopHook(cm.Close))
	}
	return cm, err
}

// source is the IP address that a host writes from.
type source struct{ ip atomic.Pointer[net.IP] }

func (s *source) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *s.ip.Load(), nil
}

// servers returns hosts that carry the public DHT as strangers do, with the
// settings that they run it with. All know the first.
func (n *internet) servers(count int, more ...libp2p.Option) []host.Host {
	n.t.Helper()
	var all []host.Host
	for range count {
		h := n.host(true, append(more, libp2p.ForceReachabilityPublic())...)
		kad, err := kaddht.New(h,
			kaddht.Mode(kaddht.ModeServer),
			kaddht.QueryFilter(kaddht.PublicQueryFilter),
			kaddht.RoutingTableFilter(kaddht.PublicRoutingTableFilter),
			kaddht.RoutingTablePeerDiversityFilter(kaddht.NewRTPeerDiversityFilter(h, maxAlikeInBucket, maxAlike)),
			kaddht.AddressFilter(onlyPublic),
		)
		if err != nil {
			n.t.Fatal(err)
		}
		n.ends = append(n.ends, func() { kad.Close() })
		if len(all) > 0 {
			if err := h.Connect(n.t.Context(), info(all[0])); err != nil {
				n.t.Fatal(err)
			}
			kad.Bootstrap(n.t.Context())
		}
		all = append(all, h)
	}
	time.Sleep(5 * time.Second) // they get to know each other
	return all
}

// behind returns a host behind a firewall that can be reached by relays only.
func (n *internet) behind(relays []host.Host, more ...libp2p.Option) host.Host {
	return n.host(false, append(more,
		libp2p.ForceReachabilityPrivate(),
		libp2p.EnableAutoRelayWithStaticRelays(infos(relays), autorelay.WithBootDelay(0), autorelay.WithMinCandidates(1)))...)
}

func infos(hosts []host.Host) (all []peer.AddrInfo) {
	for _, h := range hosts {
		all = append(all, info(h))
	}
	return all
}

// join starts a DHT on h.
func (n *internet) join(h host.Host, by ...host.Host) *DHT {
	n.t.Helper()
	d, err := New(Config{Host: h, Network: Public, Bootstrap: infos(by)})
	if err != nil {
		n.t.Fatal(err)
	}
	if err := d.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ends = append(n.ends, func() { d.Close() })
	return d
}

// cut takes hosts off the network without notice.
func (n *internet) cut(hosts ...host.Host) {
	for _, h := range hosts {
		for _, a := range h.Network().ListenAddresses() {
			if udp, err := manet.ToNetAddr(a.Decapsulate(ma.StringCast("/quic-v1"))); err == nil {
				n.gone.Store(udp.String(), true)
			}
		}
	}
}

// reach finds a peer by its bare ID and connects to it, by the first answer
// that leads there. It returns how long that took.
func (n *internet) reach(d *DHT, id peer.ID, within time.Duration) time.Duration {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), within)
	defer cancel()
	start := time.Now()
	var dials sync.WaitGroup
	var took atomic.Int64
	d.Find(ctx, id, func(addrs []ma.Multiaddr) {
		dials.Go(func() {
			err := d.cfg.Host.Connect(network.WithAllowLimitedConn(ctx, "test"), peer.AddrInfo{ID: id, Addrs: addrs})
			if err == nil && took.CompareAndSwap(0, int64(time.Since(start))) {
				cancel()
			}
		})
	})
	dials.Wait()
	if took.Load() == 0 {
		n.t.Errorf("not reached within %v", within)
		return within
	}
	return time.Duration(took.Load())
}

// forget makes two peers forget each other.
func (n *internet) forget(a, b *DHT) {
	for _, d := range []*DHT{a, b} {
		for _, other := range []*DHT{a, b} {
			h, id := d.cfg.Host, other.cfg.Host.ID()
			if h.ID() == id {
				continue
			}
			h.Network().ClosePeer(id)
			h.Peerstore().ClearAddrs(id)
			clearBackoff(h, id)
		}
	}
}

// await waits in virtual time.
func (n *internet) await(what string, ok func() bool) {
	n.t.Helper()
	for range 600 {
		if ok() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	n.t.Fatalf("in vain: %s", what)
}

// pass lets virtual time pass.
func (n *internet) pass(d time.Duration) { time.Sleep(d) }
