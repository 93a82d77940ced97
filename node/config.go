package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/discovery/dht"
	"github.com/beckon-p2p/beckon/discovery/static"
	"github.com/beckon-p2p/beckon/node/reachability"
	"github.com/beckon-p2p/beckon/protocol"
)

// Config says what a node is to be. DataDir is required; the zero values of
// the rest are the defaults.
type Config struct {
	DataDir   string
	Listen    []string // multiaddrs; none: QUIC and TCP, IPv4 and IPv6, on a kept random port
	Network   string   // PublicNetwork, LANNetwork or the name of a private DHT
	Bootstrap []string // multiaddrs that end in /p2p/PEER-ID, or only NoBootstrap; none: the network's own list
	DHTServer bool     // serve the public DHT, too, while others can reach this node
	NoMDNS    bool
	// Reachability is auto, or public or private if the user knows better.
	Reachability string
	Relays       []string // multiaddrs that end in /p2p/PEER-ID, or NoRelay alone; none: relays are found
	NoServe      bool     // never a relay for others
	NoPortMap    bool     // do not ask the router for a forwarded port
	Version      string
	Clock        Clock // nil: the machine's
	// KeepMissed is how long a notice of a missed call waits for its callee:
	// at most 30 days; 0 for 7 days, negative for not at all.
	KeepMissed time.Duration
	// ShareTimeline lets the other party of an invitation have its steps: their
	// words and times, no addresses.
	ShareTimeline bool
}

// Names of networks with a meaning of their own.
const (
	PublicNetwork = dht.Public // the DHT that everybody shares
	LANNetwork    = "lan"      // no DHT
)

// NoBootstrap, as the only value of Bootstrap, is an empty list: join by peers
// met before, or wait for others to come.
const NoBootstrap = "none"

const maxNetworkName = 64

// NoRelay, as the only one of Config.Relays, means that no relay is used.
const NoRelay = "none"

// settings is a checked Config.
type settings struct {
	Config
	listen    []ma.Multiaddr
	bootstrap []peer.AddrInfo
	reach     reachability.Config
	host      []libp2p.Option // of a virtual network; only tests have any
	dht       string          // the DHT's name; empty: none
}

// check reads a Config. The errors say which setting is wrong and what to write.
func (c Config) check() (s settings, err error) {
	s.Config = c
	if s.Network == "" {
		s.Network = PublicNetwork
	}
	switch s.Network {
	case LANNetwork:
	default:
		if len(s.Network) > maxNetworkName || strings.Trim(s.Network, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
			return s, fmt.Errorf("--network: a name has 1 to %d of a-z 0-9 . _ -; or use public or lan", maxNetworkName)
		}
		s.dht = s.Network
	}
	for _, l := range c.Listen {
		m, err := ma.NewMultiaddr(l)
		if err != nil {
			return s, fmt.Errorf("--listen %q: not a multiaddr (%v); write one like /ip4/0.0.0.0/udp/4001/quic-v1 or /ip4/0.0.0.0/tcp/4001", l, err)
		}
		s.listen = append(s.listen, m)
	}
	if s.bootstrap, err = s.readBootstrap(); err != nil {
		return s, fmt.Errorf("--bootstrap: %w", err)
	}
	if len(s.bootstrap) > 0 && s.dht == "" {
		return s, fmt.Errorf("--bootstrap needs a network with a DHT; --network lan has none")
	}
	if s.reach, err = c.checkReach(s.listen, s.bootstrap); err != nil {
		return s, err
	}
	switch {
	case s.KeepMissed == 0:
		s.KeepMissed = protocol.KeepMissed
	case s.KeepMissed > protocol.MaxKeepMissed:
		return s, fmt.Errorf("--keep-missed %v: at most %v (30 days) is kept; 0 for not at all", s.KeepMissed, protocol.MaxKeepMissed)
	}
	if s.DHTServer && s.dht == "" {
		return s, fmt.Errorf("--dht-server needs a network with a DHT; --network lan has none")
	}
	if s.Clock == nil {
		s.Clock = NewClock()
	}
	if s.Version == "" {
		s.Version = "devel"
	}
	return s, nil
}

// readBootstrap returns the peers to join by: those given, nobody, or the
// network's own.
func (s settings) readBootstrap() ([]peer.AddrInfo, error) {
	switch {
	case len(s.Bootstrap) == 0 && s.dht == PublicNetwork:
		return dht.PublicBootstrap(), nil
	case slices.Contains(s.Bootstrap, NoBootstrap):
		if len(s.Bootstrap) > 1 {
			return nil, fmt.Errorf("%s stands alone; leave it out, or the addresses", NoBootstrap)
		}
		return nil, nil
	}
	return static.Parse(s.Bootstrap)
}
