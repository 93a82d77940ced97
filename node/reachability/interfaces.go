package reachability

import (
	"net"
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// interfaces returns the addresses of this machine's interfaces that are up, as
// they are now, sorted and without those that mean something only on one link.
// Libp2p keeps its own list for a minute.
func interfaces() ([]ma.Multiaddr, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var found []ma.Multiaddr
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue // it has just gone
		}
		for _, a := range addrs {
			if m, err := manet.FromNetAddr(a); err == nil && !manet.IsIP6LinkLocal(m) {
				found = append(found, m)
			}
		}
	}
	slices.SortFunc(found, ma.Multiaddr.Compare)
	return found, nil
}

// book knows which addresses interfaces have and had, so that what libp2p
// believes can be put right.
type book struct {
	now         []ma.Multiaddr
	ever        map[string]bool // addresses of interfaces, by their bytes
	unreachable []ma.Multiaddr  // by AutoNAT v2
	circuits    []ma.Multiaddr
}

// set notes the addresses of the interfaces and reports whether they changed.
func (b *book) set(now []ma.Multiaddr) bool {
	if slices.EqualFunc(b.now, now, ma.Multiaddr.Equal) {
		return false
	}
	if b.ever == nil {
		b.ever = map[string]bool{}
	}
	b.now = now
	for _, a := range now {
		b.ever[string(a.Bytes())] = true
	}
	return true
}

// right returns addrs, which may be a minute old, as they are now: without
// those of interfaces that have gone, with those of interfaces that have come,
// and with the relayed ones, which libp2p leaves out when anything at all is
// reachable.
func (b *book) right(addrs, listen []ma.Multiaddr) []ma.Multiaddr {
	out := make([]ma.Multiaddr, 0, len(addrs)+len(b.circuits))
	for _, a := range addrs {
		if len(a) == 0 || !b.ever[string(a[:1].Bytes())] || b.has(a[:1]) {
			out = append(out, a)
		}
	}
	for _, a := range b.resolve(listen) {
		if !slices.ContainsFunc(b.unreachable, a.Equal) {
			out = append(out, a)
		}
	}
	return ma.Unique(append(out, b.circuits...))
}

func (b *book) has(ip ma.Multiaddr) bool {
	_, found := slices.BinarySearchFunc(b.now, ip, ma.Multiaddr.Compare)
	return found
}

// resolve returns the listen addresses on the interfaces of now.
func (b *book) resolve(listen []ma.Multiaddr) []ma.Multiaddr {
	if len(b.now) == 0 {
		return nil // the library would ask the system itself
	}
	fresh, err := manet.ResolveUnspecifiedAddresses(unspecified(listen), b.now)
	if err != nil {
		return nil // there is nothing to resolve
	}
	return fresh
}

// unspecified returns the listen addresses that stand for every interface.
func unspecified(listen []ma.Multiaddr) (out []ma.Multiaddr) {
	for _, a := range listen {
		if manet.IsIPUnspecified(a) {
			out = append(out, a)
		}
	}
	return out
}
