package dht

import (
	"context"
	"slices"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	ma "github.com/multiformats/go-multiaddr"
)

// The rhythm of the provider record. Servers of the public DHT keep it for 48 h,
// but its addresses only for 15 minutes after the connection that brought it has
// ended: they take them for those of a peer they were connected to.
const (
	announceEvery = 12 * time.Minute
	announceTime  = time.Minute // one attempt
	// announceSettle is how long addresses must stand still; several come at
	// once when an interface does.
	announceSettle = 2 * time.Second
	// announceApart is the least distance of two announcements: addresses that
	// flap must not flood twenty strangers.
	announceApart = time.Minute
	announceFirst = 10 * time.Second // after a failure, doubling …
	announceLast  = 10 * time.Minute
	// lookEvery is how often the clock on the wall is looked at: timers stand
	// while the machine sleeps, and the record ages.
	lookEvery = time.Minute
)

// Announced returns when this peer's provider record was last given to the
// servers of the public DHT; zero: not yet, or not on the public network.
func (d *DHT) Announced() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.announced
}

// keepAnnounced gives the provider record to the DHT and keeps it fresh: when
// the peer has joined, when its addresses change, and again and again. A record
// cannot be taken back; who stops refreshing it lets it die.
func (d *DHT) keepAnnounced(kad *kaddht.IpfsDHT) {
	var (
		told []ma.Multiaddr // the addresses in the last record
		last time.Time      // on the wall clock
		wait = announceFirst
	)
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.moved:
			next.Reset(announceSettle)
			continue
		case <-next.C:
		}
		select {
		case <-d.ctx.Done():
			return
		case <-d.tableFilled():
		}
		addrs := d.ownAddrs()
		age := time.Now().Round(0).Sub(last)
		changed := !slices.EqualFunc(addrs, told, ma.Multiaddr.Equal)
		switch {
		case len(addrs) == 0 || !changed && age >= 0 && age < announceEvery:
			next.Reset(lookEvery) // a change of the addresses comes first
			continue
		case changed && age >= 0 && age < announceApart:
			next.Reset(announceApart - age)
			continue
		}
		if err := d.announce(kad); err != nil {
			if d.ctx.Err() == nil {
				log.Warn("cannot announce this peer in the public DHT, will try again", "err", err)
			}
			next.Reset(wait)
			wait = min(2*wait, announceLast)
			continue
		}
		told, last, wait = addrs, time.Now().Round(0), announceFirst
		d.mu.Lock()
		d.announced = last
		d.mu.Unlock()
		next.Reset(lookEvery)
	}
}

// ownAddrs returns what a record would say, sorted.
func (d *DHT) ownAddrs() []ma.Multiaddr {
	addrs := slices.Clone(d.filter(d.cfg.Host.Addrs()))
	slices.SortFunc(addrs, ma.Multiaddr.Compare)
	return addrs
}

func (d *DHT) announce(kad *kaddht.IpfsDHT) error {
	ctx, cancel := context.WithTimeout(d.ctx, announceTime)
	defer cancel()
	return kad.Provide(ctx, providerKey(d.cfg.Host.ID()), true)
}
