package wire

import (
	"net/netip"
	"sync"
)

// Network is an Internet or a LAN.
type Network struct {
	ethernet bool

	mu    sync.RWMutex
	ports map[*Port]struct{}
	where map[string]*Port // by network (Internet) or hardware address (LAN)
	apart map[[2]*Port]bool
}

// NewInternet returns a network that knows who owns which addresses.
func NewInternet() *Network { return newNetwork(false) }

// NewLAN returns a network that learns who has which hardware address.
func NewLAN() *Network { return newNetwork(true) }

func newNetwork(ethernet bool) *Network {
	return &Network{ethernet: ethernet, ports: map[*Port]struct{}{}, where: map[string]*Port{}, apart: map[[2]*Port]bool{}}
}

// The size of the networks that a port of an Internet owns, in bytes of the
// address: as many as a DHT takes for one owner.
const (
	net4 = 2
	net6 = 4
)

// owned is how an Internet knows the network of an address.
func owned(ip []byte) string {
	if len(ip) == 4 {
		return string(ip[:net4])
	}
	return string(ip[:net6])
}

// Own says that the /16 (IPv4) or /32 (IPv6) around an address is behind a port
// of an Internet.
func (n *Network) Own(p *Port, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.where[owned(addr.AsSlice())] = p
}

// Disown ends Own.
func (n *Network) Disown(addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.where, owned(addr.AsSlice()))
}

// Part keeps two ports of an Internet from each other, or ends that.
func (n *Network) Part(a, b *Port, apart bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, pair := range [][2]*Port{{a, b}, {b, a}} {
		if delete(n.apart, pair); apart {
			n.apart[pair] = true
		}
	}
}

func (n *Network) join(p *Port) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ports[p] = struct{}{}
}

func (n *Network) leave(p *Port) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.ports, p)
	for k, owner := range n.where {
		if owner == p {
			delete(n.where, k)
		}
	}
	for pair := range n.apart {
		if pair[0] == p || pair[1] == p {
			delete(n.apart, pair)
		}
	}
}

// targets returns the ports that a packet is for, without the one it came from.
func (n *Network) targets(from *Port, packet []byte) []*Port {
	if n.ethernet {
		return n.frameTargets(from, packet)
	}
	to := destination(packet)
	if to == "" {
		return nil
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	if p := n.where[to]; p != nil && p != from && !n.apart[[2]*Port{from, p}] {
		return []*Port{p}
	}
	return nil
}

func destination(packet []byte) string {
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		return owned(packet[16:20])
	case len(packet) >= 40 && packet[0]>>4 == 6:
		return owned(packet[24:40])
	}
	return ""
}

func (n *Network) frameTargets(from *Port, frame []byte) []*Port {
	if len(frame) < 14 {
		return nil
	}
	to, sender := frame[:6], frame[6:12]
	n.mu.RLock()
	known, target := n.where[string(sender)] == from, n.where[string(to)]
	var all []*Port
	if to[0]&1 != 0 || target == nil { // for a group, or nobody knows
		for p := range n.ports {
			if p != from {
				all = append(all, p)
			}
		}
	} else if target != from {
		all = []*Port{target}
	}
	n.mu.RUnlock()
	if !known {
		n.mu.Lock()
		n.where[string(sender)] = from
		n.mu.Unlock()
	}
	return all
}
