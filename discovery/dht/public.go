package dht

import (
	"slices"

	"github.com/ipfs/go-cid"
	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	mh "github.com/multiformats/go-multihash"
)

// Public is the name of the network that everybody shares: the DHT of IPFS.
const Public = "public"

// keyDomain stands before what is hashed, so that no key of ours is a key of
// somebody else's.
const keyDomain = "/beckon/peer/1\n"

// providerKey is where the public DHT keeps the provider record of a peer. It
// is part of the protocol: SPEC.md, Finding a peer.
func providerKey(id peer.ID) cid.Cid {
	sum, err := mh.Sum([]byte(keyDomain+string(id)), mh.SHA2_256, -1)
	if err != nil {
		panic(err) // SHA-256 is always there
	}
	return cid.NewCidV1(cid.Raw, sum)
}

// PublicBootstrap returns the peers that anybody may join the public DHT by.
func PublicBootstrap() []peer.AddrInfo { return kaddht.GetDefaultBootstrapPeerAddrInfos() }

// isLab reports whether the "public" DHT is one that somebody plays at home:
// the host listens on loopback only, or all peers to join by have private
// addresses. There private addresses are of use.
func (d *DHT) isLab() bool {
	if !d.noLocal.Load() {
		return true
	}
	return len(d.cfg.Bootstrap) > 0 && !slices.ContainsFunc(d.cfg.Bootstrap, func(p peer.AddrInfo) bool {
		return slices.ContainsFunc(p.Addrs, manet.IsPublicAddr)
	})
}

// publicOptions are the rules of the public DHT: its protocol, and nothing
// heard there leads into the local network or makes one provider too strong.
func (d *DHT) publicOptions(h host.Host) []kaddht.Option {
	opts := []kaddht.Option{
		kaddht.ProtocolPrefix(kaddht.DefaultPrefix),
		kaddht.Mode(kaddht.ModeClient),
		kaddht.Datastore(newStore(maxStored)),
	}
	if d.cfg.Server {
		opts = append(opts, kaddht.Mode(kaddht.ModeAutoServer))
	}
	if d.strict {
		opts = append(opts,
			kaddht.QueryFilter(kaddht.PublicQueryFilter),
			kaddht.RoutingTableFilter(kaddht.PublicRoutingTableFilter),
			kaddht.RoutingTablePeerDiversityFilter(kaddht.NewRTPeerDiversityFilter(h, maxAlikeInBucket, maxAlike)),
		)
	}
	return opts
}

// How many peers with like IP addresses may be in the routing table, and in
// one of its buckets: the public DHT's own figures.
const (
	maxAlike         = 3
	maxAlikeInBucket = 2
)

// privateOptions are the rules of a private DHT: every peer that others can
// reach serves, and nothing is stored.
func (d *DHT) privateOptions() []kaddht.Option {
	return []kaddht.Option{
		kaddht.ProtocolPrefix(protocol.ID("/beckon/" + d.cfg.Network)),
		kaddht.Mode(kaddht.ModeAutoServer),
		kaddht.DisableProviders(),
		kaddht.DisableValues(),
	}
}

// onlyPublic returns the addresses that lead somewhere from everywhere; a
// relayed one counts by its relay's.
func onlyPublic(addrs []ma.Multiaddr) []ma.Multiaddr {
	good := make([]ma.Multiaddr, 0, len(addrs))
	for _, a := range addrs {
		if manet.IsPublicAddr(a) {
			good = append(good, a)
		}
	}
	return good
}
