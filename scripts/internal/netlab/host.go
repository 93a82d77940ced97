//go:build linux

package netlab

import (
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/wire"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

// Host is a machine: a public host, a device in a home, or a router.
type Host struct {
	*netns.Space
	Name string
	Addr netip.Addr // the first that it was given

	lab   *Lab
	ports map[string]*wire.Port // by link
	once  sync.Once
}

// Port returns the cable of a link: eth0, and of routers wan0 and lan0.
func (h *Host) Port(link string) *wire.Port { return h.ports[link] }

// Close ends the machine and everything on it.
func (h *Host) Close() {
	h.once.Do(func() {
		h.lab.disown(h)
		for _, p := range h.ports {
			p.Close()
		}
		h.Space.Close()
	})
}

// uplink gives the machine a link to the Internet, with an address, behind
// which its whole network is.
func (h *Host) uplink(link string, addr netip.Addr, delay time.Duration) error {
	if err := h.plug(link, netns.IP, h.lab.internet, delay, alone(addr)); err != nil {
		return err
	}
	h.lab.internet.Own(h.ports[link], addr)
	return h.Route(link, everywhere(addr), netip.Addr{})
}

// join gives the machine a link to a LAN.
func (h *Host) join(link string, lan *wire.Network, addrs ...netip.Prefix) error {
	return h.plug(link, netns.Ethernet, lan, 0, addrs...)
}

func (h *Host) plug(link string, layer uint16, network *wire.Network, delay time.Duration, addrs ...netip.Prefix) error {
	device, err := h.NewDevice(link, layer)
	if err != nil {
		return err
	}
	h.ports[link] = wire.Plug(network, device, h.lab.nextSeed(), wire.Link{Delay: delay})
	if !h.Addr.IsValid() {
		h.Addr = addrs[0].Addr()
	}
	return h.SetUp(link, addrs...)
}

// forward makes the machine a router.
func (h *Host) forward() error {
	name := "net.ipv4.ip_forward"
	if h.lab.IPv6 {
		name = "net.ipv6.conf.all.forwarding"
	}
	return h.Sysctl(name, "1")
}

// String is the machine's name.
func (h *Host) String() string { return fmt.Sprintf("%s (%s)", h.Name, h.Addr) }
