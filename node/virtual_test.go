package node

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// roundTrip is between any two nodes of a virtual network.
const roundTrip = 50 * time.Millisecond

// virtual is a network in a bubble, for whole nodes: some are open to all,
// others stand behind firewalls that let in only answers. Disks are real.
type virtual struct {
	t     *testing.T
	wall  simnet.SimpleFirewallRouter
	nodes []*Node
}

// virtually runs a test in a bubble with a network of its own.
func virtually(t *testing.T, test func(t *testing.T, v *virtual)) {
	synctest.Test(t, func(t *testing.T) {
		v := &virtual{t: t}
		defer v.close()
		test(t, v)
	})
}

// close ends all nodes; after it nothing runs any more.
func (v *virtual) close() {
	for _, n := range v.nodes {
		if err := n.Close(); err != nil {
			v.t.Error(err)
		}
	}
}

func (v *virtual) AddNode(a net.Addr, r simnet.PacketReceiver) { v.wall.AddNode(a, r) }

func (v *virtual) RecvPacket(p *simnet.Packet) {
	time.AfterFunc(roundTrip/2, func() { v.wall.RecvPacket(p) })
}

// node starts a node at an address of its own.
func (v *virtual) node(open bool, cfg Config) *Node {
	v.t.Helper()
	ip := fmt.Sprintf("/ip4/80.%d.0.1", len(v.nodes)+1)
	cfg.DataDir, cfg.Listen = v.t.TempDir(), []string{ip + "/udp/4001/quic-v1"}
	cfg.NoMDNS, cfg.NoPortMap, cfg.Clock = true, true, bubbleClock{}
	if cfg.Network == "" {
		cfg.Network = LANNetwork
	}
	n, err := New(cfg)
	if err != nil {
		v.t.Fatal(err)
	}
	v.nodes = append(v.nodes, n)
	n.settings.reach.Interfaces = []ma.Multiaddr{ma.StringCast(ip)}
	if !open {
		n.settings.reach.Interfaces = []ma.Multiaddr{ma.StringCast("/ip4/192.168.1.2")}
	}
	n.settings.host = []libp2p.Option{libp2p.DisableIdentifyAddressDiscovery(), v.attach(open)}
	if err := n.Start(); err != nil {
		v.t.Fatal(err)
	}
	return n
}

// source is the IP address that a host writes from.
type source struct{ ip atomic.Pointer[net.IP] }

func (s *source) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *s.ip.Load(), nil
}

// attach returns the option that puts a host on the network.
func (v *virtual) attach(open bool) libp2p.Option {
	from := &source{}
	return libp2p.QUICReuse(
		func(l fx.Lifecycle, k quic.StatelessResetKey, t quic.TokenGeneratorKey, o ...quicreuse.Option) (*quicreuse.ConnManager, error) {
			cm, err := quicreuse.NewConnManager(k, t, o...)
			if err == nil {
				l.Append(fx.StopHook(cm.Close))
			}
			return cm, err
		},
		quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return from, nil }),
		quicreuse.OverrideListenUDP(func(_ string, a *net.UDPAddr) (net.PacketConn, error) {
			from.ip.Store(&a.IP)
			if open {
				v.wall.SetAddrPubliclyReachable(a)
			}
			c := simnet.NewSimConn(a)
			c.SetUpPacketReceiver(v)
			v.AddNode(a, c)
			return c, nil
		}))
}

// bubbleClock is the bubble's clock.
type bubbleClock struct{}

func (bubbleClock) Now() protocol.Instant { return protocol.Instant(time.Now().UnixNano()) }

func (c bubbleClock) Stamp() invitation.Stamp {
	return invitation.Stamp{BootID: "bubble", Clock: c.Now(), Wall: time.Now()}
}

func (bubbleClock) Alarm() Alarm {
	c := make(chan struct{}, 1)
	t := time.AfterFunc(time.Hour, func() {
		select {
		case c <- struct{}{}:
		default:
		}
	})
	t.Stop()
	return bubbleAlarm{t, c}
}

type bubbleAlarm struct {
	t *time.Timer
	c chan struct{}
}

func (a bubbleAlarm) Set(at protocol.Instant) {
	a.t.Stop()
	if at != 0 {
		a.t.Reset(at.Sub(bubbleClock{}.Now()))
	}
}
func (a bubbleAlarm) C() <-chan struct{} { return a.c }
func (a bubbleAlarm) Close()             { a.t.Stop() }

// pass lets virtual time pass.
func (v *virtual) pass(d time.Duration) { time.Sleep(d) }
