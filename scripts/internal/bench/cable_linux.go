package main

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"

	"github.com/beckon-p2p/beckon/scripts/netns"
)

// nearIP is the idle daemon's. Those of its neighbours follow.
const nearIP = "10.78.0.1"

func farIPs() (all []string) {
	for a := netip.MustParseAddr(nearIP).Next(); len(all) < neighbours; a = a.Next() {
		all = append(all, a.String())
	}
	return all
}

// cable joins two network namespaces that have nothing else, and counts what
// goes over it.
type cable struct {
	near, far *netns.Space
	devices   []*os.File
	bytes     atomic.Int64 // IP packets whole, both directions
	carrying  sync.WaitGroup
}

// newCable returns one. The error says why the system does not let it.
func newCable() (c *cable, err error) {
	c = &cable{}
	defer func() {
		if err != nil {
			c.close()
			c = nil
		}
	}()
	if c.near, err = netns.NewSpace(); err != nil {
		return c, err
	}
	if c.far, err = netns.NewSpace(); err != nil {
		return c, err
	}
	for s, ips := range map[*netns.Space][]string{c.near: {nearIP}, c.far: farIPs()} {
		device, err := s.NewDevice("cable", netns.IP)
		if err != nil {
			return c, err
		}
		c.devices = append(c.devices, device)
		var addrs []netip.Prefix
		for _, ip := range ips {
			addrs = append(addrs, netip.PrefixFrom(netip.MustParseAddr(ip), 24))
		}
		if err := s.SetUp("cable", addrs...); err != nil {
			return c, err
		}
	}
	c.carrying.Go(func() { c.carry(c.devices[0], c.devices[1]) })
	c.carrying.Go(func() { c.carry(c.devices[1], c.devices[0]) })
	return c, nil
}

// carry ends when a device is closed. A packet that cannot be written is lost,
// as on other cables.
func (c *cable) carry(from, to *os.File) {
	packet := make([]byte, 64<<10)
	for {
		n, err := from.Read(packet)
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if n > 0 {
			c.bytes.Add(int64(n))
			_, _ = to.Write(packet[:n])
		}
	}
}

func (c *cable) carried() int64 { return c.bytes.Load() }

func (c *cable) startNear(cmd *exec.Cmd) error { return c.near.Start(cmd) }
func (c *cable) startFar(cmd *exec.Cmd) error  { return c.far.Start(cmd) }

func (c *cable) close() {
	for _, d := range c.devices {
		d.Close()
	}
	c.carrying.Wait()
	for _, s := range []*netns.Space{c.near, c.far} {
		if s != nil {
			s.Close()
		}
	}
}
