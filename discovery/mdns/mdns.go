package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
)

var log = gologshim.Logger("beckon/mdns")

const (
	// ServiceName is the DNS-SD name by which peers find each other.
	ServiceName = "_beckon._udp"
	// settle is how long addresses must stand still before they are announced:
	// an interface that comes up gets several, one after the other.
	settle = time.Second
	// endTime is how long the library may take to say goodbye on the network.
	endTime = 2 * time.Second
)

// MDNS announces the host on the local network and listens for others.
type MDNS struct {
	host    host.Host
	lan     *lan
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	on     bool // announcing and listening
}

// Start begins to announce h and to listen. It returns an error only if the
// host's events cannot be had. Without multicast it logs a warning and tries
// again when the host's addresses change.
func Start(h host.Host) (*MDNS, error) {
	sub, err := h.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.BufSize(16))
	if err != nil {
		return nil, fmt.Errorf("cannot watch the host's addresses for mDNS: %w", err)
	}
	m := &MDNS{host: h, lan: newLAN()}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.running.Go(func() {
		defer sub.Close()
		m.run(sub)
	})
	return m, nil
}

// Close stops announcing and listening, ends every Find and waits for them.
func (m *MDNS) Close() error {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.cancel()
	m.running.Wait()
	return nil
}

// Name returns "lan".
func (m *MDNS) Name() string { return "lan" }

// Find yields what was heard of id, then whatever else is heard of it until
// ctx ends or m is closed.
func (m *MDNS) Find(ctx context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return errors.New("mDNS is not running")
	}
	m.running.Add(1)
	m.mu.Unlock()
	defer m.running.Done()

	var last []ma.Multiaddr
	for {
		addrs, news := m.lan.get(id)
		if len(addrs) > 0 && !slices.EqualFunc(addrs, last, ma.Multiaddr.Equal) {
			last = slices.Clone(addrs)
			yield(addrs)
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		case <-m.ctx.Done():
			return errors.New("mDNS was closed")
		}
	}
}

// Peers returns the peers that were heard since the host's addresses changed
// last, at most 256, the latest first.
func (m *MDNS) Peers() []peer.AddrInfo { return m.lan.all() }

// Running reports whether m announces and listens.
func (m *MDNS) Running() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.on
}

// HandlePeerFound is for libp2p's mDNS service, which calls it for each peer
// heard.
func (m *MDNS) HandlePeerFound(p peer.AddrInfo) {
	if p.ID == m.host.ID() || m.ctx.Err() != nil {
		return
	}
	p.Addrs = p.Addrs[:min(len(p.Addrs), maxAddrs)]
	m.host.Peerstore().AddAddrs(p.ID, p.Addrs, peerstore.TempAddrTTL)
	m.lan.heard(p)
}

// run keeps a service of libp2p running and replaces it when the host's
// addresses change, for a service announces for ever those it began with.
func (m *MDNS) run(sub event.Subscription) {
	var (
		service   mdns.Service
		announced []ma.Multiaddr
	)
	stop := func() {
		if service != nil {
			end(service)
			service = nil
		}
	}
	defer stop()
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-m.ctx.Done():
			return
		case _, ok := <-sub.Out():
			if !ok {
				return
			}
			look.Reset(settle)
		case <-look.C:
			addrs := m.listening()
			if service != nil && slices.EqualFunc(addrs, announced, ma.Multiaddr.Equal) {
				continue
			}
			stop()
			if announced != nil {
				m.lan.forget()
			}
			announced = addrs
			service = m.announce()
			m.mu.Lock()
			m.on = service != nil
			m.mu.Unlock()
		}
	}
}

// listening returns the host's addresses on its interfaces, sorted.
func (m *MDNS) listening() []ma.Multiaddr {
	addrs, err := m.host.Network().InterfaceListenAddresses()
	if err != nil {
		log.Debug("cannot list the addresses of the interfaces", "err", err)
	}
	addrs = slices.Clone(addrs)
	slices.SortFunc(addrs, ma.Multiaddr.Compare)
	return addrs
}

// announce starts a service, or returns nil and warns.
func (m *MDNS) announce() mdns.Service {
	err := Multicast()
	if err == nil {
		s := mdns.NewMdnsService(m.host, ServiceName, m)
		if err = s.Start(); err == nil {
			return s
		}
		end(s)
	}
	log.Warn("peers on the local network cannot be found by mDNS; see that an interface with multicast is up and UDP port 5353 is allowed", "err", err)
	return nil
}

// end closes a service. The library's Close hangs for ever if its listener
// could not start, which it does not tell; the daemon must not hang with it.
func end(s mdns.Service) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		s.Close()
	}()
	t := time.NewTimer(endTime)
	defer t.Stop()
	select {
	case <-closed:
	case <-t.C:
		log.Warn("mDNS does not stop, leaving it behind")
	}
}

// Multicast returns nil if mDNS can be heard here, otherwise why not. Both IP
// versions are needed: libp2p's service does not start with one, and its Close
// then never returns.
func Multicast() error {
	for network, group := range map[string]string{"udp4": "224.0.0.251", "udp6": "ff02::fb"} {
		if err := joinGroup(network, net.ParseIP(group)); err != nil {
			return err
		}
	}
	return nil
}

// joinGroup joins the multicast group on any interface that lets it.
func joinGroup(network string, group net.IP) error {
	ifaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	err = errors.New("no interface is up and does multicast")
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagMulticast == 0 {
			continue
		}
		var c *net.UDPConn
		if c, err = net.ListenMulticastUDP(network, &i, &net.UDPAddr{IP: group, Port: 5353}); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("cannot join the mDNS group by %s: %w", network, err)
}
