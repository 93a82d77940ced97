package node

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	lp2pprotocol "github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/beckon-p2p/beckon/protocol"
)

// Bounds of the host. The watermarks are those that home routers bear; memory
// and file descriptors are a share that leaves room for the rest.
const (
	lowConns   = 32
	highConns  = 96
	graceConns = 30 * time.Second
	hostMemory = 256 << 20
	hostFiles  = 1024
)

// newHost starts a libp2p host. With no listen addresses it uses the default
// ones on the given port.
func newHost(key crypto.PrivKey, s settings, port int, reg prometheus.Registerer) (host.Host, error) {
	limits, err := resourceLimits()
	if err != nil {
		return nil, err
	}
	conns, err := connmgr.NewConnManager(lowConns, highConns, connmgr.WithGracePeriod(graceConns))
	if err != nil {
		return nil, err
	}
	mux := *yamux.DefaultTransport
	mux.KeepAliveInterval, mux.ConnectionWriteTimeout = 10*time.Second, 5*time.Second
	listen := s.listen
	if len(listen) == 0 {
		listen = defaultListen(port)
	}
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.UserAgent("beckond/"+s.Version),
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(newHeardTCP),
		libp2p.Muxer(yamux.ID, &mux),
		libp2p.ListenAddrs(listen...),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.PrometheusRegisterer(reg),
		// Small networks and dead peers look like black holes to the detector,
		// which then refuses to dial at all.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	)
	if err != nil {
		return nil, fmt.Errorf("the network cannot be used: %w; see --listen", err)
	}
	if err := listensOnAll(h, s.listen); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

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
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(limits.Scale(hostMemory, hostFiles)))
}

func defaultListen(port int) []ma.Multiaddr {
	var all []ma.Multiaddr
	for _, ip := range []string{"/ip4/0.0.0.0", "/ip6/::"} {
		all = append(all,
			ma.StringCast(ip+"/udp/"+strconv.Itoa(port)+"/quic-v1"),
			ma.StringCast(ip+"/tcp/"+strconv.Itoa(port)))
	}
	return all
}

// listensOnAll makes a wrong --listen loud: libp2p is content with one address
// that works.
func listensOnAll(h host.Host, want []ma.Multiaddr) error {
	for _, w := range want {
		if !listensOn(h, w) {
			return fmt.Errorf("--listen %s cannot be used here: the address is not this machine's, or the port is taken", w)
		}
	}
	return nil
}

func listensOn(h host.Host, want ma.Multiaddr) bool {
	for _, l := range h.Network().ListenAddresses() {
		if matches(want, l) {
			return true
		}
	}
	return false
}

// matches reports whether have is want, but for a port 0 that became one.
func matches(want, have ma.Multiaddr) bool {
	if len(have) < len(want) {
		return false
	}
	for i, c := range want {
		h := have[i]
		port := c.Code() == ma.P_TCP || c.Code() == ma.P_UDP
		if c.Code() != h.Code() || c.Value() != h.Value() && !(port && c.Value() == "0") {
			return false
		}
	}
	return true
}

// freePort returns a port that is free for TCP and UDP.
func freePort() (int, error) {
	for range 32 {
		l, err := net.Listen("tcp", ":0")
		if err != nil {
			return 0, fmt.Errorf("no port is free: %w", err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		u, err := net.ListenPacket("udp", ":"+strconv.Itoa(port))
		l.Close()
		if err == nil {
			u.Close()
			return port, nil
		}
	}
	return 0, errors.New("no port is free for both TCP and UDP; choose one with --listen")
}
