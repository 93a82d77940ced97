//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/beckon-p2p/beckon/scripts/internal/wire"
)

// Kind is how a home is connected to the Internet.
type Kind string

// The kinds.
const (
	Open     Kind = "open"     // no router: the device has the public address
	EIM      Kind = "eim"      // NAT that keeps ports: one mapping for all destinations
	Sym      Kind = "sym"      // NAT with a random port for each destination
	Full     Kind = "full"     // full cone: whatever comes goes to the first device
	NoUDP    Kind = "noudp"    // as eim, and UDP does not pass
	Double   Kind = "double"   // eim behind another eim, of the provider
	Firewall Kind = "firewall" // IPv6: no NAT, and nothing comes in unasked
)

// Kinds are those of IPv4, in the order of the tables.
var Kinds = []Kind{Open, EIM, Sym, Full, NoUDP, Double}

// firstDevice is the last number of the first device's address; the router has 1.
const firstDevice = 2

// Home is a LAN and what connects it. An Open one is a device only.
type Home struct {
	Kind    Kind
	Devices []*Host

	lab     *Lab
	number  int
	routers []*Host // from the LAN to the Internet
	lan     *wire.Network
	once    sync.Once
}

// Home adds a home with one device.
func (l *Lab) Home(kind Kind) (h *Home, err error) {
	if !slices.Contains(Kinds, kind) && !(l.IPv6 && kind == Firewall) {
		return nil, fmt.Errorf("there is no kind %q of home; there are %v", kind, Kinds)
	}
	number, err := l.takeNumber()
	if err != nil {
		return nil, err
	}
	h = &Home{Kind: kind, lab: l, number: number, lan: wire.NewLAN()}
	l.own(h)
	defer closeUnless(&err, h)
	if kind == Open {
		device, err := l.onInternet(h.name("device"), l.homeAddress(number), homeDelay)
		if err == nil {
			h.Devices = append(h.Devices, device)
		}
		return h, err
	}
	if err := h.connect(); err != nil {
		return nil, err
	}
	_, err = h.Device()
	return h, err
}

func (h *Home) name(what string) string {
	return fmt.Sprintf("%s %s of home %d", h.Kind, what, h.number+1)
}

// Close ends the home.
func (h *Home) Close() {
	h.once.Do(func() {
		h.lab.disown(h)
		for _, m := range slices.Concat(h.Devices, h.routers) {
			m.Close()
		}
		h.lab.freeNumber(h.number)
	})
}

// Uplink is the cable of the home: what happens to it happens to the home.
func (h *Home) Uplink() *wire.Port {
	if len(h.routers) == 0 {
		return h.Devices[0].Port("eth0")
	}
	return h.routers[len(h.routers)-1].Port("wan0")
}

// Public is the address that the Internet sees.
func (h *Home) Public() netip.Addr { return h.lab.homeAddress(h.number) }

// inside is an address of the LAN.
func (h *Home) inside(last int) netip.Prefix {
	if h.lab.IPv6 {
		ip := h.Public().As16()
		ip[7], ip[15] = 1, byte(last)
		return netip.PrefixFrom(netip.AddrFrom16(ip), 64)
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 168, 1, byte(last)}), 24)
}

// linkLocal is what mDNS uses on a LAN beside the real addresses.
func linkLocal(last int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(last)}), 64)
}

// connect makes the routers.
func (h *Home) connect() error {
	router, err := h.router("router", h.Kind)
	if err != nil {
		return err
	}
	if h.Kind != Double {
		err = router.uplink("wan0", h.Public(), homeDelay)
	} else {
		err = h.behindProvider(router)
	}
	if err != nil {
		return err
	}
	return router.join("lan0", h.lan, h.inside(1), linkLocal(1))
}

func (h *Home) router(name string, kind Kind) (*Host, error) {
	r, err := h.lab.newHost(h.name(name))
	if err != nil {
		return nil, err
	}
	h.routers = append(h.routers, r)
	if err := r.forward(); err != nil {
		return nil, err
	}
	return r, h.rules(r, kind)
}

// behindProvider connects the home's router to another one, of its provider.
func (h *Home) behindProvider(router *Host) error {
	provider, err := h.router("provider's router", EIM)
	if err != nil {
		return err
	}
	if err := provider.uplink("wan0", h.Public(), homeDelay); err != nil {
		return err
	}
	between := wire.NewLAN()
	if err := provider.join("lan0", between, netip.MustParsePrefix("100.64.0.1/10")); err != nil {
		return err
	}
	if err := router.join("wan0", between, netip.MustParsePrefix("100.64.0.2/10")); err != nil {
		return err
	}
	return router.Route("wan0", netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("100.64.0.1"))
}

// Device adds a device to the LAN.
func (h *Home) Device() (*Host, error) {
	if h.Kind == Open {
		return nil, fmt.Errorf("an open home has one device")
	}
	last := firstDevice + len(h.Devices)
	d, err := h.lab.newHost(h.name(fmt.Sprintf("device %d", len(h.Devices)+1)))
	if err != nil {
		return nil, err
	}
	h.Devices = append(h.Devices, d)
	if err := d.join("eth0", h.lan, h.inside(last), linkLocal(last)); err != nil {
		return nil, err
	}
	return d, d.Route("eth0", everywhere(d.Addr), h.inside(1).Addr())
}

// movedTo is the last number of the address of a device that came from
// another home.
const movedTo = 77

// Adopt takes a device of another home, as when a laptop is carried from one to
// the other: it has another address, behind another router.
func (h *Home) Adopt(d *Host) error {
	old := netip.PrefixFrom(d.Addr, h.inside(1).Bits())
	d.Port("eth0").Move(h.lan)
	if err := d.Remove("eth0", old); err != nil {
		return err
	}
	now := h.inside(movedTo)
	d.Addr = now.Addr()
	if err := d.Add("eth0", now); err != nil {
		return err
	}
	return d.Route("eth0", everywhere(d.Addr), h.inside(1).Addr())
}
