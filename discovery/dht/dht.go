package dht

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p-kad-dht/amino"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

var log = gologshim.Logger("beckon/dht")

// refreshEvery is below the 15 minutes for which others remember the addresses
// of a peer that they are no longer connected to.
const refreshEvery = 10 * time.Minute

// MaxNetwork is the longest network name, in bytes.
const MaxNetwork = 64

// The modes.
const (
	ModeServer = "server" // answers others
	ModeClient = "client" // only asks
	ModeOff    = "off"    // not started, or closed
)

// Config says what a DHT runs on. Host and Network are required.
type Config struct {
	Host    host.Host
	Network string // Public, or the name of a private one: 1 to 64 of a-z 0-9 . _ -
	// Server makes the peer serve the public DHT too, while others can reach it.
	// In a private one every peer does.
	Server bool
	// Bootstrap are the peers to join by. None: the peer waits for others to come.
	Bootstrap []peer.AddrInfo
	// Cached, if not nil, returns further peers to join by, best first.
	Cached func() []peer.AddrInfo
	// OnJoined, if not nil, is told what Joined returns, first when the DHT
	// starts and then at each change until Close, one call at a time. It must
	// not block and must not call Close.
	OnJoined func(joined bool)
	// Save, if not nil, is given servers to join by next time, best first, at
	// most MaxServers: now and then, and once more during Close. It may block.
	Save func([]peer.AddrInfo)
}

// DHT is a peer's part in a DHT. It is started once and closed once.
type DHT struct {
	cfg      Config
	proto    protocol.ID
	noLocal  atomic.Bool   // drop loopback addresses
	strict   bool          // on the public DHT, and it is no lab: public addresses only
	touched  chan struct{} // has room for one: the routing table changed
	moved    chan struct{} // has room for one: the host's addresses changed
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	toldOnce bool // OnJoined was told; of the goroutine run
	told     bool // what OnJoined was told last; of the goroutine run

	mu        sync.Mutex
	kad       *kaddht.IpfsDHT // nil: not started, or closed
	closed    bool
	filled    chan struct{} // closed while the routing table has a peer
	announced time.Time     // when the provider record was given out last
}

// New returns a DHT that is not started yet.
func New(cfg Config) (*DHT, error) {
	if cfg.Host == nil {
		return nil, errors.New("a DHT needs a host")
	}
	n := cfg.Network
	if n == "" || len(n) > MaxNetwork || strings.Trim(n, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" {
		return nil, fmt.Errorf("%.80q is no network name: use 1 to %d of a-z 0-9 . _ -", n, MaxNetwork)
	}
	d := &DHT{
		cfg:     cfg,
		proto:   protocol.ID("/beckon/" + n + "/kad/1.0.0"),
		touched: make(chan struct{}, 1),
		moved:   make(chan struct{}, 1),
		filled:  make(chan struct{}),
	}
	if d.public() {
		d.proto = amino.ProtocolID
	}
	d.cfg.Bootstrap = slices.DeleteFunc(slices.Clone(cfg.Bootstrap), func(p peer.AddrInfo) bool {
		return p.ID == cfg.Host.ID()
	})
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d, nil
}

// Start begins to serve and to join, and returns without waiting for either.
func (d *DHT) Start() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kad != nil || d.closed {
		return errors.New("a DHT is started once")
	}
	sub, err := d.cfg.Host.EventBus().Subscribe([]any{
		new(event.EvtLocalAddressesUpdated),
		new(event.EvtLocalProtocolsUpdated),
		new(event.EvtPeerConnectednessChanged),
	}, eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("the DHT cannot watch the host: %w", err)
	}
	d.lookAtAddresses()
	h := watch(d.cfg.Host, d.touch)
	opts := d.privateOptions()
	if d.public() {
		d.strict = !d.isLab()
		opts = d.publicOptions(h)
	}
	kad, err := kaddht.New(h, append(opts,
		kaddht.RoutingTableRefreshPeriod(refreshEvery),
		kaddht.AddressFilter(d.filter),
		kaddht.BootstrapPeersFunc(func() []peer.AddrInfo { return d.known(true) }),
	)...)
	if err != nil {
		sub.Close()
		return fmt.Errorf("the DHT cannot start: %w", err)
	}
	d.kad = kad
	d.running.Go(func() {
		defer sub.Close()
		d.run(sub, kad)
	})
	if d.public() {
		d.running.Go(func() { d.keepAnnounced(kad) })
	}
	if d.cfg.Save != nil {
		d.running.Go(func() { d.keepServers(kad) })
	}
	return nil
}

func (d *DHT) public() bool { return d.cfg.Network == Public }

// Close leaves the DHT. It ends every Find and waits for all of it to stop.
func (d *DHT) Close() error {
	d.cancel()
	d.mu.Lock()
	kad := d.kad
	d.kad, d.closed = nil, true
	d.mu.Unlock()
	d.running.Wait()
	if kad == nil {
		return nil
	}
	err := kad.Close()
	// The library leaves its handler: others would go on to ask a dead server.
	d.cfg.Host.RemoveStreamHandler(d.proto)
	return err
}

// Mode returns server, client or off. A peer of a private DHT serves until its
// host learns that others cannot reach it; one of the public DHT only asks,
// unless it is to serve.
func (d *DHT) Mode() string {
	if d.started() == nil {
		return ModeOff
	}
	if slices.Contains(d.cfg.Host.Mux().Protocols(), d.proto) {
		return ModeServer
	}
	return ModeClient
}

// Size returns the number of peers in the routing table.
func (d *DHT) Size() int {
	kad := d.started()
	if kad == nil {
		return 0
	}
	return kad.RoutingTable().Size()
}

// Peers returns the peers in the routing table, servers all, with the
// addresses that are known of them.
func (d *DHT) Peers() []peer.AddrInfo {
	kad := d.started()
	if kad == nil {
		return nil
	}
	var infos []peer.AddrInfo
	for _, id := range kad.RoutingTable().ListPeers() {
		infos = append(infos, d.cfg.Host.Peerstore().PeerInfo(id))
	}
	return infos
}

// Joined reports whether the peer is part of the network: it knows another
// one, or it is the first: a server that was told of nobody to join by.
func (d *DHT) Joined() bool {
	return d.Size() > 0 || len(d.cfg.Bootstrap) == 0 && d.Mode() == ModeServer
}

func (d *DHT) started() *kaddht.IpfsDHT {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.kad
}

// touch says that the routing table may have changed. It is called with the
// table's lock held.
func (d *DHT) touch() {
	select {
	case d.touched <- struct{}{}:
	default:
	}
}

// lookAtAddresses decides whether loopback addresses of others are of use:
// only to a host that has no other address itself.
func (d *DHT) lookAtAddresses() {
	addrs, err := d.cfg.Host.Network().InterfaceListenAddresses()
	d.noLocal.Store(err == nil && slices.ContainsFunc(addrs, func(a ma.Multiaddr) bool {
		ip, err := manet.ToIP(a) // /p2p-circuit has none
		return err == nil && !ip.IsLoopback()
	}))
}

// filter returns the addresses that make sense to somebody who heard of them
// in the DHT.
func (d *DHT) filter(addrs []ma.Multiaddr) []ma.Multiaddr {
	if d.strict {
		return onlyPublic(addrs)
	}
	noLocal := d.noLocal.Load()
	good := make([]ma.Multiaddr, 0, len(addrs))
	for _, a := range addrs {
		if manet.IsIP6LinkLocal(a) || manet.IsIPUnspecified(a) || noLocal && manet.IsIPLoopback(a) {
			continue
		}
		good = append(good, a)
	}
	return good
}
