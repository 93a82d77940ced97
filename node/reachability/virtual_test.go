package reachability

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	quictransport "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"
)

const roundTrip = 50 * time.Millisecond

// internet is a virtual network whose private hosts stand behind firewalls
// that let in only answers. It can be cut host by host.
type internet struct {
	t        *testing.T
	firewall simnet.SimpleFirewallRouter
	cut      sync.Map // *atomic.Bool by IP
	hosts    int
}

func newInternet(t *testing.T) *internet { return &internet{t: t} }

func (n *internet) AddNode(a net.Addr, c simnet.PacketReceiver) { n.firewall.AddNode(a, c) }

func (n *internet) RecvPacket(p *simnet.Packet) {
	if n.dead(p.From) || n.dead(p.To) {
		return
	}
	time.AfterFunc(roundTrip/2, func() { n.firewall.RecvPacket(p) })
}

func (n *internet) dead(a net.Addr) bool {
	c, ok := n.cut.Load(a.(*net.UDPAddr).IP.String())
	return ok && c.(*atomic.Bool).Load()
}

type sourceIP struct{ ip atomic.Pointer[net.IP] }

func (s *sourceIP) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *s.ip.Load(), nil
}

// device is a host and its keeper.
type device struct {
	host.Host
	*Keeper
	ip  net.IP
	cut *atomic.Bool
}

// device starts a host that others can dial, or one behind a firewall whose
// interface has a private address.
func (n *internet) device(public bool, cfg Config, known ...*device) *device {
	n.t.Helper()
	n.hosts++
	ip := simnet.IntToPublicIPv4(n.hosts)
	d := &device{Keeper: New(cfg), ip: ip, cut: &atomic.Bool{}}
	n.cut.Store(ip.String(), d.cut)
	own := ma.StringCast("/ip4/192.168.1.2")
	if public {
		own = ma.StringCast("/ip4/" + ip.String())
	}
	d.Keeper.interfaces = func() ([]ma.Multiaddr, error) { return []ma.Multiaddr{own}, nil }
	d.Keeper.watch = func() (*watcher, error) { return nil, fmt.Errorf("there is none") }
	source := &sourceIP{}
	var err error
	d.Host, err = libp2p.New(append(d.options(),
		libp2p.Transport(quictransport.NewTransport),
		libp2p.ListenAddrStrings(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", ip)),
		libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableMetrics(),
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.QUICReuse(func(l fx.Lifecycle, k quic.StatelessResetKey, t quic.TokenGeneratorKey, o ...quicreuse.Option) (*quicreuse.ConnManager, error) {
			cm, err := quicreuse.NewConnManager(k, t, o...)
			if err == nil {
				l.Append(fx.StopHook(cm.Close))
			}
			return cm, err
		},
			quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return source, nil }),
			quicreuse.OverrideListenUDP(func(_ string, a *net.UDPAddr) (net.PacketConn, error) {
				source.ip.Store(&a.IP)
				if public {
					n.firewall.SetAddrPubliclyReachable(a)
				}
				c := simnet.NewSimConn(a)
				c.SetUpPacketReceiver(n)
				n.AddNode(a, c)
				return c, nil
			})))...)
	if err != nil {
		n.t.Fatal(err)
	}
	err = d.Start(d.Host, func() (all []peer.AddrInfo) {
		for _, k := range known {
			all = append(all, peer.AddrInfo{ID: k.ID(), Addrs: []ma.Multiaddr{ma.StringCast(fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", k.ip))}})
		}
		return all
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return d
}

func (d *device) close(t *testing.T) {
	t.Helper()
	if err := d.Keeper.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Host.Close(); err != nil {
		t.Error(err)
	}
}

// within waits until ok holds and returns how long that took.
func within(t *testing.T, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond) // virtual
	}
	took := time.Since(start)
	t.Logf("%s after %v", what, took)
	return took
}

// relayedBy reports whether d gives out an address through r.
func (d *device) relayedBy(r *device) bool {
	for _, a := range d.Addrs() {
		if id, err := a.ValueForProtocol(ma.P_P2P); err == nil && id == r.ID().String() && IsRelayed(a) {
			return true
		}
	}
	return false
}

// A peer behind a NAT that knows two public peers has an address through a
// relay at once, loses nothing when one of them dies, and has one again right
// after its line was dead for a minute.
func TestPlaceAtARelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t)
		r1 := n.device(true, Config{Serve: true, NoRelays: true, Forced: network.ReachabilityPublic})
		r2 := n.device(true, Config{Serve: true, NoRelays: true, Forced: network.ReachabilityPublic})
		a := n.device(false, Config{Internet: true}, r1, r2)
		caller := n.device(false, Config{Internet: true, NoRelays: true})
		defer caller.close(t)
		defer a.close(t)
		defer r2.close(t)
		defer r1.close(t)

		within(t, time.Second, "an address through a relay", func() bool { return len(a.State().Relays) > 0 })
		within(t, 2*time.Second, "addresses through both relays", func() bool { return a.relayedBy(r1) && a.relayedBy(r2) })
		for _, lasts := range a.State().Places {
			if lasts < 59*time.Minute || lasts > time.Hour {
				t.Errorf("by the same clock, a place seems to last %v", lasts)
			}
		}
		if a.State().Past || len(a.State().Places) != 2 {
			t.Errorf("%d relays tell the time, past: %v", len(a.State().Places), a.State().Past)
		}
		if a.State().Reachability != network.ReachabilityPrivate {
			t.Errorf("reachability %v, want private", a.State().Reachability)
		}

		// Others ring through it, once they have met the relay.
		caller.Peerstore().AddAddrs(a.ID(), a.State().Circuits, peerstore.TempAddrTTL)
		ctx := network.WithAllowLimitedConn(t.Context(), "test")
		start := time.Now()
		if _, err := caller.Network().DialPeer(ctx, a.ID()); err == nil || time.Since(start) > 0 {
			t.Errorf("through relays that were not met: %v after %v", err, time.Since(start))
		}
		if err := caller.Meet(ctx, peer.AddrInfo{ID: r2.ID(), Addrs: r2.Addrs()}); err != nil {
			t.Fatal(err)
		}
		if c, err := caller.Network().DialPeer(ctx, a.ID()); err != nil || !strings.Contains(c.RemoteMultiaddr().String(), r2.ID().String()) {
			t.Fatalf("not reached through the relay that was met: %v, %v", c, err)
		}

		// One relay goes, in an orderly way: the other still stands.
		r1.close(t)
		within(t, time.Second, "the dead relay is not given out any more", func() bool { return !a.relayedBy(r1) && a.relayedBy(r2) })

		// The line is dead for a minute.
		a.cut.Store(true)
		time.Sleep(time.Minute)
		if len(a.State().Relays) != 0 {
			t.Error("a place is believed to be held at a relay that was not heard for a minute")
		}
		a.cut.Store(false)
		within(t, 5*time.Second, "a relay again after the line is back", func() bool { return a.relayedBy(r2) })
	})
}

// A relay that ends its service without ending the connection is replaced.
func TestRelayThatRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t)
		none := n.device(true, Config{NoRelays: true, Forced: network.ReachabilityPublic}) // serves nobody
		r := n.device(true, Config{Serve: true, NoRelays: true, Forced: network.ReachabilityPublic})
		a := n.device(false, Config{Internet: true}, none, r)
		defer a.close(t)
		defer r.close(t)
		defer none.close(t)
		within(t, time.Second, "a relay", func() bool { return a.relayedBy(r) })
		time.Sleep(time.Hour) // renewed several times on the way
		if !a.relayedBy(r) {
			t.Error("no place any more after an hour")
		}
	})
}

// Who has a public address and is dialled there serves; who is on a network of
// its own asks nobody.
func TestVerdictFromConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newInternet(t)
		server := n.device(true, Config{Serve: true})
		home := n.device(false, Config{}, server)
		defer home.close(t)
		defer server.close(t)
		if v := home.State().Reachability; v != network.ReachabilityUnknown {
			t.Errorf("before anybody was met: %v", v)
		}
		if err := home.Connect(t.Context(), peer.AddrInfo{ID: server.ID(), Addrs: server.Addrs()}); err != nil {
			t.Fatal(err)
		}
		within(t, time.Second, "the server knows that it can be dialled", func() bool { return server.State().Reachability == network.ReachabilityPublic })
		within(t, time.Second, "the home knows that it is behind a NAT", func() bool { return home.State().Reachability == network.ReachabilityPrivate })
		within(t, 3*time.Second, "a place at the server", func() bool { return home.relayedBy(server) })
	})
}
