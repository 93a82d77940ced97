package static

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Source knows the peers that it was given and no others.
type Source struct{ peers map[peer.ID][]ma.Multiaddr }

// New returns a Source of the peers given.
func New(peers []peer.AddrInfo) *Source {
	s := &Source{peers: make(map[peer.ID][]ma.Multiaddr, len(peers))}
	for _, p := range peers {
		s.peers[p.ID] = append(s.peers[p.ID], p.Addrs...)
	}
	return s
}

// Name returns "static".
func (s *Source) Name() string { return "static" }

// Find yields the configured addresses of id and returns at once.
func (s *Source) Find(_ context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	if addrs := s.peers[id]; len(addrs) > 0 {
		yield(append([]ma.Multiaddr(nil), addrs...))
	}
	return nil
}

const example = "/ip4/203.0.113.7/udp/4001/quic-v1/p2p/12D3KooW…"

// Parse reads multiaddrs that end in /p2p/PEER-ID and returns the peers in the
// order of their first address. The error names the first one that is wrong
// and how to write it.
func Parse(maddrs []string) ([]peer.AddrInfo, error) {
	var infos []peer.AddrInfo
	at := make(map[peer.ID]int)
	for _, s := range maddrs {
		addr, err := ma.NewMultiaddr(s)
		if err != nil {
			return nil, fmt.Errorf("%q is not a multiaddr: write it like %s", s, example)
		}
		transport, id := peer.SplitAddr(addr)
		switch {
		case id == "":
			return nil, fmt.Errorf("%q does not say which peer is there: append /p2p/ and the ID that `beckon id` prints on that machine", s)
		case len(transport) == 0:
			return nil, fmt.Errorf("%q does not say where the peer is: put its address in front, like %s", s, example)
		}
		i, ok := at[id]
		if !ok {
			i = len(infos)
			at[id] = i
			infos = append(infos, peer.AddrInfo{ID: id})
		}
		infos[i].Addrs = append(infos[i].Addrs, transport)
	}
	return infos, nil
}
