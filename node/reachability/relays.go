package reachability

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Bounds and times of the places held at relays.
const (
	wanted      = 3 // the death of one is survived by the others, and mostly that of half a network
	asksAtOnce  = 4
	askTime     = 8 * time.Second
	maxRecent   = 8 // relays that are remembered for coming back to
	perRelay    = 4 // addresses given out for one relay: QUIC and TCP, IPv4 and IPv6
	renewAtMost = 20 * time.Minute
	renewSoon   = 10 * time.Second // after a renewal failed
	keepTrying  = 5 * time.Minute  // of short pauses after the last relay was lost
	shortPause  = 2 * time.Second
	longPause   = 15 * time.Second
	refusedFor  = time.Minute // a relay that says no is not asked again before
)

// place is a reservation at a relay.
type place struct {
	relay   peer.ID
	addrs   []ma.Multiaddr // of the relay, without /p2p
	renewAt time.Time
	endsAt  time.Time
	lasts   time.Duration // as it seemed when it was given: its end is by the relay's clock
}

// asking is what is known of a relay that was asked.
type asking struct {
	running bool
	notTill time.Time // when it may be asked again
}

// relays is the plan: which places are held and whom to ask next. It does no
// I/O and reads no clock.
type relays struct {
	held   []place // in the order in which they were got
	asked  map[peer.ID]*asking
	recent []peer.AddrInfo // the last one first
	since  time.Time       // since when no place is held
}

// next returns whom to ask now, of those who might have a place, best first:
// whose place is to be renewed, then new ones.
func (r *relays) next(now time.Time, candidates []peer.AddrInfo) (ask []peer.AddrInfo) {
	running := 0
	for id, a := range r.asked {
		switch {
		case a.running:
			running++
		case now.After(a.notTill):
			delete(r.asked, id)
		}
	}
	for _, p := range r.held {
		if !now.Before(p.renewAt) && r.may(p.relay) {
			ask = append(ask, peer.AddrInfo{ID: p.relay})
		}
	}
	if len(r.held) >= wanted {
		return ask
	}
	for _, c := range append(slices.Clone(candidates), r.recent...) {
		if running+len(ask) >= asksAtOnce {
			break
		}
		if r.may(c.ID) && r.find(c.ID) < 0 && !slices.ContainsFunc(ask, func(a peer.AddrInfo) bool { return a.ID == c.ID }) {
			ask = append(ask, c)
		}
	}
	return ask
}

func (r *relays) may(id peer.ID) bool { return r.asked[id] == nil }

func (r *relays) find(id peer.ID) int {
	return slices.IndexFunc(r.held, func(p place) bool { return p.relay == id })
}

// begin notes that a relay is being asked.
func (r *relays) begin(id peer.ID) {
	if r.asked == nil {
		r.asked = map[peer.ID]*asking{}
	}
	r.asked[id] = &asking{running: true}
}

// got notes a place, new or renewed, and reports whether what is given out changes.
func (r *relays) got(now time.Time, p place) bool {
	delete(r.asked, p.relay)
	p.renewAt = now.Add(min(p.endsAt.Sub(now)/2, renewAtMost))
	r.recent = slices.DeleteFunc(r.recent, func(o peer.AddrInfo) bool { return o.ID == p.relay })
	r.recent = slices.Insert(r.recent, 0, peer.AddrInfo{ID: p.relay, Addrs: p.addrs})
	r.recent = r.recent[:min(len(r.recent), maxRecent)]
	if i := r.find(p.relay); i >= 0 {
		changed := !slices.EqualFunc(r.held[i].addrs, p.addrs, ma.Multiaddr.Equal)
		r.held[i] = p
		return changed
	}
	r.held = append(r.held, p)
	return true
}

// failed notes that a relay could not be reached, or refused.
func (r *relays) failed(now time.Time, id peer.ID, refused bool) {
	pause := refusedFor
	switch i := r.find(id); {
	case i >= 0:
		pause = renewSoon
	case refused:
	case len(r.held) == 0 && now.Sub(r.since) < keepTrying:
		pause = shortPause
	default:
		pause = longPause
	}
	r.begin(id)
	r.asked[id].running, r.asked[id].notTill = false, now.Add(pause)
}

// lost drops the place at a relay whose connection has gone, and may ask it
// again at once. It reports whether there was one.
func (r *relays) lost(now time.Time, id peer.ID) bool {
	i := r.find(id)
	if i < 0 {
		return false
	}
	r.held = slices.Delete(r.held, i, i+1)
	if a := r.asked[id]; a != nil && !a.running {
		delete(r.asked, id)
	}
	if len(r.held) == 0 {
		r.since = now
	}
	return true
}

// expire drops the places that have run out and reports whether one had.
func (r *relays) expire(now time.Time) (any bool) {
	for _, p := range slices.Clone(r.held) {
		if !now.Before(p.endsAt) {
			any = r.lost(now, p.relay) || any
		}
	}
	return any
}

// hurry forgets all pauses: the network has changed.
func (r *relays) hurry(now time.Time) {
	for id, a := range r.asked {
		if !a.running {
			delete(r.asked, id)
		}
	}
	r.since = now
}

// wakeAt is when next may have something new to say; zero: never by itself.
func (r *relays) wakeAt() (at time.Time) {
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, p := range r.held {
		if a := r.asked[p.relay]; a == nil {
			earlier(p.renewAt)
		}
		earlier(p.endsAt)
	}
	for _, a := range r.asked {
		if !a.running {
			earlier(a.notTill)
		}
	}
	return at
}

// circuits returns the addresses by which this peer is reached through its
// relays, sorted.
func (r *relays) circuits() (all []ma.Multiaddr) {
	for _, p := range r.held {
		through, err := ma.NewMultiaddr("/p2p/" + p.relay.String() + "/p2p-circuit")
		if err != nil {
			continue // a peer ID always makes one
		}
		for _, a := range p.addrs {
			all = append(all, a.Encapsulate(through))
		}
	}
	slices.SortFunc(all, ma.Multiaddr.Compare)
	return all
}

// bestAddrs returns the addresses of a relay that are worth giving out: one of
// each transport and IP version, public ones where there are any.
func bestAddrs(addrs []ma.Multiaddr) (best []ma.Multiaddr) {
	public := slices.ContainsFunc(addrs, manet.IsPublicAddr)
	seen := map[[2]int]bool{}
	for _, a := range addrs {
		if len(a) < 2 || public && !manet.IsPublicAddr(a) || slices.ContainsFunc(a, func(c ma.Component) bool { return c.Code() == ma.P_CIRCUIT }) {
			continue
		}
		kind := [2]int{a[0].Code(), a[1].Code()}
		if !seen[kind] && len(best) < perRelay {
			seen[kind] = true
			best = append(best, a)
		}
	}
	return best
}
