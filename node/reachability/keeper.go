package reachability

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

var log = gologshim.Logger("beckon/reachability")

// Config says how a peer is to be kept within reach.
type Config struct {
	// Forced, if not Unknown, is what the user says, whatever others find.
	Forced network.Reachability
	// Serve lets a publicly reachable peer be a small relay for others.
	Serve bool
	// PortMap asks the router to forward a port (UPnP, NAT-PMP).
	PortMap bool
	// Relays, if any, are the only relays that are asked. NoRelays asks none.
	Relays   []peer.AddrInfo
	NoRelays bool
	// Internet says that the network is known to have public peers, before the
	// first of them is met.
	Internet bool
	// Interfaces, if not nil, are those of a virtual machine: they do not change,
	// and the real network is not touched. For tests.
	Interfaces []ma.Multiaddr
}

// State is what is known of a peer's reachability.
type State struct {
	Reachability network.Reachability
	Relays       []peer.ID                        // at which a place is held
	Circuits     []ma.Multiaddr                   // the addresses through them
	NAT          map[string]network.NATDeviceType // by transport, tcp or udp: how the NAT names this peer
	Reachable    []ma.Multiaddr                   // confirmed by others
	Unreachable  []ma.Multiaddr                   // refuted by others
	Places       []time.Duration                  // how long each place seemed to last when it was given: a relay's clock against this one
	Past         bool                             // a relay gave a place that was over by this clock
}

// Keeper keeps one host within reach. It is started once and closed once.
type Keeper struct {
	cfg   Config
	known func() []peer.AddrInfo
	// The machine, replaced where a test has one of its own.
	interfaces func() ([]ma.Multiaddr, error)
	watch      func() (*watcher, error)

	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	host    host.Host
	answers chan answer

	mu    sync.Mutex // guards what follows
	book  book
	facts evidence
	state State
	ready bool // host is set
	// When peers last answered, and when they were met to be relays; of the last
	// seconds only.
	aliveAt, metAt map[peer.ID]time.Time

	// Of the goroutine run.
	relays   relays
	verdicts event.Emitter
	circuits event.Emitter
}

// answer is what came of asking a relay.
type answer struct {
	id      peer.ID
	place   place
	err     error
	refused bool
	past    bool // its place is over by this clock
}

// New returns a Keeper. A host is then built with its Options.
func New(cfg Config) *Keeper {
	k := &Keeper{cfg: cfg, aliveAt: map[peer.ID]time.Time{}, metAt: map[peer.ID]time.Time{}, answers: make(chan answer), interfaces: interfaces, watch: newWatcher}
	if cfg.Interfaces != nil {
		k.interfaces = func() ([]ma.Multiaddr, error) { return cfg.Interfaces, nil }
		k.watch = func() (*watcher, error) { return nil, nil }
	}
	k.ctx, k.cancel = context.WithCancel(context.Background())
	k.facts.forced, k.facts.internet = cfg.Forced, cfg.Internet || len(cfg.Relays) > 0
	return k
}

// Start begins to keep h within reach. known returns peers that may be relays,
// connected or not, best first; it must not block. The verdict is told on h's
// event bus before Start returns.
func (k *Keeper) Start(h host.Host, known func() []peer.AddrInfo) (err error) {
	k.known = known
	sub, err := h.EventBus().Subscribe([]any{
		new(event.EvtHostReachableAddrsChanged), new(event.EvtPeerIdentificationCompleted),
		new(event.EvtPeerConnectednessChanged), new(event.EvtNATDeviceTypeChanged),
	}, eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("the host's events cannot be followed: %w", err)
	}
	if k.verdicts, err = h.EventBus().Emitter(new(event.EvtLocalReachabilityChanged), eventbus.Stateful); err == nil {
		k.circuits, err = h.EventBus().Emitter(new(event.EvtAutoRelayAddrsUpdated), eventbus.Stateful)
	}
	if err != nil {
		return errors.Join(err, sub.Close())
	}
	watch, err := k.watch()
	if err != nil {
		log.Warn("a change of network will be noticed late", "err", err)
	}
	k.mu.Lock()
	k.host, k.ready = h, true
	k.mu.Unlock()
	k.look()
	k.judge(true)
	k.running.Go(func() {
		defer sub.Close()
		k.run(sub, watch)
		k.verdicts.Close()
		k.circuits.Close()
	})
	return nil
}

// Close stops keeping; the places at relays run out by themselves.
func (k *Keeper) Close() error {
	k.cancel()
	k.running.Wait()
	return nil
}

// State returns what is known now.
func (k *Keeper) State() State {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.state
	s.Relays, s.Circuits, s.Places = slices.Clone(s.Relays), slices.Clone(s.Circuits), slices.Clone(s.Places)
	s.NAT = map[string]network.NATDeviceType{}
	for t, d := range k.state.NAT {
		s.NAT[t] = d
	}
	s.Reachable, s.Unreachable = slices.Clone(k.facts.reachable), slices.Clone(k.facts.unreachable)
	return s
}

// addrs is the host's address factory.
func (k *Keeper) addrs(believed []ma.Multiaddr) []ma.Multiaddr {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.ready {
		return believed
	}
	return k.book.right(believed, k.host.Network().ListenAddresses())
}

const (
	settle       = 100 * time.Millisecond // an interface that comes up gets several addresses
	suspendEvery = 2 * time.Second
	suspended    = 3 * time.Second // a jump of the wall clock against the running one that is taken for a suspend
)

// run is the goroutine that decides everything.
func (k *Keeper) run(sub event.Subscription, watch *watcher) {
	var changes <-chan struct{}
	if watch != nil {
		changes = watch.changes
		defer watch.Close()
	}
	settled := time.NewTimer(time.Hour)
	settled.Stop()
	retry := time.NewTimer(0)
	asleep := time.NewTicker(suspendEvery)
	prove := time.NewTicker(relayProofEvery)
	defer settled.Stop()
	defer retry.Stop()
	defer asleep.Stop()
	defer prove.Stop()
	lastTick := time.Now()
	var asking sync.WaitGroup
	defer asking.Wait()
	defer k.drain(&asking)
	for {
		select {
		case <-k.ctx.Done():
			return
		case <-changes:
			settled.Reset(settle)
		case <-settled.C:
			if k.look() {
				k.moved()
			}
		case now := <-asleep.C:
			if now.Round(0).Sub(lastTick.Round(0))-now.Sub(lastTick) > suspended {
				k.look()
				k.moved()
			}
			lastTick = now
		case <-prove.C:
			k.proveRelays()
		case e := <-sub.Out():
			k.heard(e)
		case a := <-k.answers:
			k.answered(a)
		case <-retry.C:
		}
		k.judge(false)
		k.seek(&asking)
		if at := k.relays.wakeAt(); at.IsZero() {
			retry.Stop()
		} else {
			retry.Reset(max(time.Until(at), 10*time.Millisecond))
		}
	}
}

// drain takes the answers that nobody needs any more.
func (k *Keeper) drain(asking *sync.WaitGroup) {
	over := make(chan struct{})
	go func() {
		asking.Wait()
		close(over)
	}()
	for {
		select {
		case <-k.answers:
		case <-over:
			return
		}
	}
}

// look reads the interfaces and reports whether they changed.
func (k *Keeper) look() bool {
	now, err := k.interfaces()
	if err != nil {
		log.Debug("the interfaces cannot be listed", "err", err)
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.facts.interfaces = now
	return k.book.set(now)
}

// heard takes in what the host has to say.
func (k *Keeper) heard(e any) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch e := e.(type) {
	case event.EvtHostReachableAddrsChanged:
		k.facts.reachable, k.facts.unreachable = e.Reachable, e.Unreachable
		k.book.unreachable = e.Unreachable
	case event.EvtPeerIdentificationCompleted:
		k.met(e.Conn, e.ObservedAddr)
	case event.EvtPeerConnectednessChanged:
		if e.Connectedness == network.NotConnected && k.relays.lost(time.Now(), e.Peer) {
			log.Info("a relay is lost", "relay", e.Peer)
			k.running.Go(k.prove) // what took one may have taken others
		}
	case event.EvtNATDeviceTypeChanged:
		if k.state.NAT == nil {
			k.state.NAT = map[string]network.NATDeviceType{}
		}
		k.state.NAT[e.TransportProtocol.String()] = e.NatDeviceType
	}
}

// met draws from a new connection what it shows. It is called with mu held.
func (k *Keeper) met(c network.Conn, observed ma.Multiaddr) {
	if c == nil || c.Stat().Limited || IsRelayed(c.RemoteMultiaddr()) || !manet.IsPublicAddr(c.RemoteMultiaddr()) {
		return
	}
	k.facts.internet = true
	if c.Stat().Direction == network.DirInbound && len(observed) > 0 && manet.IsPublicAddr(observed) && k.book.has(observed[:1]) {
		k.facts.visited = true
	}
}

// judge draws the verdict and tells the host when it changes; libp2p's relay
// service and the DHT follow it.
func (k *Keeper) judge(first bool) {
	k.mu.Lock()
	v := k.facts.verdict()
	changed := first || v != k.state.Reachability
	k.state.Reachability = v
	k.mu.Unlock()
	if changed {
		log.Info("reachability", "verdict", v.String())
		if err := k.verdicts.Emit(event.EvtLocalReachabilityChanged{Reachability: v}); err != nil {
			log.Warn("the verdict could not be told", "err", err)
		}
	}
}

// announce gives out the relayed addresses if they changed or the addresses of
// interfaces did: libp2p looks at all of them when it hears of relays.
func (k *Keeper) announce(always bool) {
	circuits := k.relays.circuits()
	var ids []peer.ID
	var places []time.Duration
	for _, p := range k.relays.held {
		ids, places = append(ids, p.relay), append(places, p.lasts)
	}
	k.mu.Lock()
	changed := !slices.EqualFunc(circuits, k.book.circuits, ma.Multiaddr.Equal)
	k.book.circuits, k.state.Circuits, k.state.Relays, k.state.Places = circuits, circuits, ids, places
	k.mu.Unlock()
	if changed || always {
		if err := k.circuits.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: circuits}); err != nil {
			log.Warn("the relayed addresses could not be told", "err", err)
		}
	}
}
