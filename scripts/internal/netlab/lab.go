//go:build linux

package netlab

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/wire"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

// The one-way delays: 60 ms to a public host and back from a home, 40 ms
// between two homes.
const (
	publicDelay = 20 * time.Millisecond
	homeDelay   = 10 * time.Millisecond
)

// maxPublic and maxHomes are what the addresses are made for.
const (
	maxPublic = 99
	maxHomes  = 150
)

// Lab is a laboratory. Its methods may be called by several goroutines.
type Lab struct {
	IPv6 bool // all of it; there is no IPv4 then

	internet *wire.Network
	mu       sync.Mutex
	seed     uint64
	public   int
	homes    [maxHomes]bool // numbers that are in use
	next     int            // of the homes: old addresses come back late
	parts    map[interface{ Close() }]struct{}
}

// New returns an empty laboratory. The seed decides which packets are lost.
func New(seed uint64) *Lab {
	return &Lab{internet: wire.NewInternet(), seed: seed, parts: map[interface{ Close() }]struct{}{}}
}

// Possible says why there can be no laboratory here; nil: there can.
func Possible() error {
	l := New(1)
	defer l.Close()
	_, err := l.Home(EIM)
	return err
}

// Close ends all homes and hosts and what runs there.
func (l *Lab) Close() {
	for {
		l.mu.Lock()
		var part interface{ Close() }
		for part = range l.parts {
			break
		}
		l.mu.Unlock()
		if part == nil {
			return
		}
		part.Close()
	}
}

// Part keeps two homes from each other, or ends that: until then they can meet
// through others only.
func (l *Lab) Part(a, b *Home, apart bool) { l.internet.Part(a.Uplink(), b.Uplink(), apart) }

// own makes the laboratory end a part with itself.
func (l *Lab) own(part interface{ Close() }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.parts[part] = struct{}{}
}

func (l *Lab) disown(part interface{ Close() }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.parts, part)
}

func (l *Lab) nextSeed() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seed++
	return l.seed
}

// Public adds a public host.
func (l *Lab) Public() (*Host, error) {
	l.mu.Lock()
	l.public++
	n := l.public
	l.mu.Unlock()
	if n > maxPublic {
		return nil, errors.New("there are addresses for 99 public hosts only")
	}
	return l.onInternet(fmt.Sprintf("public %d", n), l.publicAddress(n), publicDelay)
}

// publicAddress is that of the n-th public host.
func (l *Lab) publicAddress(n int) netip.Addr {
	if l.IPv6 {
		return netip.MustParseAddr(fmt.Sprintf("2d00:%x::1", n))
	}
	return netip.AddrFrom4([4]byte{52, byte(n), 0, 1})
}

// homeAddress is the public one of the n-th home, n from 0.
func (l *Lab) homeAddress(n int) netip.Addr { return l.publicAddress(maxPublic + 1 + n) }

// takeNumber returns the number of a new home.
func (l *Lab) takeNumber() (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range l.homes {
		n := l.next % maxHomes
		l.next++
		if !l.homes[n] {
			l.homes[n] = true
			return n, nil
		}
	}
	return 0, errors.New("there are addresses for 150 homes only")
}

func (l *Lab) freeNumber(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.homes[n] = false
}

// onInternet makes a host with a public address.
func (l *Lab) onInternet(name string, addr netip.Addr, delay time.Duration) (h *Host, err error) {
	if h, err = l.newHost(name); err != nil {
		return nil, err
	}
	defer closeUnless(&err, h)
	return h, h.uplink("eth0", addr, delay)
}

// closeUnless closes what could not be finished.
func closeUnless(err *error, part interface{ Close() }) {
	if *err != nil {
		part.Close()
	}
}

// everywhere is where all packets go that have no better route.
func everywhere(like netip.Addr) netip.Prefix {
	return netip.PrefixFrom(unspecified(like), 0)
}

func unspecified(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// alone is the network that holds one address.
func alone(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// newHost makes a machine without links.
func (l *Lab) newHost(name string) (*Host, error) {
	space, err := netns.NewSpace()
	if err != nil {
		return nil, err
	}
	h := &Host{Name: name, Space: space, lab: l, ports: map[string]*wire.Port{}}
	l.own(h)
	return h, nil
}
