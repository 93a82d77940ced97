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
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
)

// Watermarks that home routers bear.
const (
	lowConns   = 32
	highConns  = 96
	graceConns = 30 * time.Second
)

// newHost starts a libp2p host. With no listen addresses it uses the default
// ones on the given port; more are options for what keeps it within reach.
func newHost(key crypto.PrivKey, s settings, port int, reg prometheus.Registerer, more ...libp2p.Option) (host.Host, error) {
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
	h, err := libp2p.New(append(more,
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
	)...)
	if err != nil {
		return nil, fmt.Errorf("the network cannot be used: %w; see --listen", err)
	}
	if err := listensOnAll(h, s.listen); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
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
