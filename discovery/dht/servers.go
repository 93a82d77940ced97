package dht

import (
	"cmp"
	"slices"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Servers are handed to Config.Save soon after joining, for who is killed within
// the hour, then hourly and at Close.
const (
	saveFirst = time.Minute
	saveEvery = time.Hour
	// MaxServers is how many servers are handed to Config.Save at the most: one
	// in ten may be gone at the next start.
	MaxServers = 20
)

// keepServers saves the servers that this peer knows, again and again.
func (d *DHT) keepServers(kad *kaddht.IpfsDHT) {
	save := func() {
		if servers := d.servers(kad); len(servers) > 0 {
			d.cfg.Save(servers)
		}
	}
	defer save()
	select {
	case <-d.ctx.Done():
		return
	case <-d.tableFilled():
	}
	next := time.NewTimer(saveFirst)
	defer next.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-next.C:
			save()
			next.Reset(saveEvery)
		}
	}
}

// servers returns the peers of the routing table, those that have been
// connected longest first: who has stayed will stay.
func (d *DHT) servers(kad *kaddht.IpfsDHT) []peer.AddrInfo {
	type server struct {
		peer.AddrInfo
		since time.Time
	}
	var all []server
	for _, id := range kad.RoutingTable().ListPeers() {
		s := server{AddrInfo: peer.AddrInfo{ID: id}, since: time.Now()}
		for _, c := range d.cfg.Host.Network().ConnsToPeer(id) {
			if opened := c.Stat().Opened; opened.Before(s.since) {
				s.since = opened
			}
			if c.Stat().Direction == network.DirOutbound {
				s.Addrs = append(s.Addrs, c.RemoteMultiaddr()) // this one works
			}
		}
		for _, a := range d.filter(d.cfg.Host.Peerstore().Addrs(id)) {
			if !slices.ContainsFunc(s.Addrs, a.Equal) {
				s.Addrs = append(s.Addrs, a)
			}
		}
		if len(s.Addrs) > 0 {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b server) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.ID, b.ID))
	})
	infos := make([]peer.AddrInfo, 0, MaxServers)
	for _, s := range all[:min(len(all), MaxServers)] {
		infos = append(infos, peer.AddrInfo{ID: s.ID, Addrs: slices.Clip(s.Addrs)})
	}
	return infos
}
