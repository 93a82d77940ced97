package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/apart"
)

// pair is two devices that ring each other, with a relay between them.
type pair struct {
	lab     *lab
	number  int
	devices [2]*device
	relay   *apart.Relay // nil: they are on one machine, and the network is fair
	rng     *rand.Rand

	mu       sync.Mutex
	weathers []change // from first to last
	rings    []*ring
	rounds   int
}

// change is a change of the weather.
type change struct {
	at      time.Time
	weather apart.Weather
}

func (p *pair) set(w apart.Weather) {
	if p.relay == nil {
		return
	}
	p.mu.Lock()
	p.weathers = append(p.weathers, change{time.Now(), w})
	p.mu.Unlock()
	p.relay.Set(w)
	p.lab.count(&p.lab.weathers, kindOf(w))
}

// fairSpans returns when the network was fair between two times.
func (p *pair) fairSpans(from, to time.Time) []span {
	p.mu.Lock()
	defer p.mu.Unlock()
	var fair []span
	begin := from
	bad := false
	for _, c := range p.weathers {
		isBad := c.weather != apart.Weather{}
		if isBad == bad {
			continue
		}
		at := c.at
		if at.Before(from) {
			at = from
		}
		if at.After(to) {
			break
		}
		if isBad {
			fair = append(fair, span{from: begin, to: at})
		} else {
			begin = at
		}
		bad = isBad
	}
	if !bad {
		fair = append(fair, span{from: begin, to: to})
	}
	return fair
}

// together returns the times between two moments in which both daemons ran and
// the network was fair.
func (p *pair) together(from, to time.Time) []span {
	all := p.fairSpans(from, to)
	for _, d := range p.devices {
		var both []span
		for _, a := range all {
			for _, b := range d.spans() {
				s := span{from: later(a.from, b.from), to: earlier(a.to, b.to)}
				if s.to.After(s.from) {
					both = append(both, s)
				}
			}
		}
		all = both
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func (p *pair) between(least, most time.Duration) time.Duration {
	return least + time.Duration(p.rng.Int64N(int64(most-least)+1))
}

func (p *pair) chance(percent int) bool { return p.rng.IntN(100) < percent }

// run plays rounds until the lab has had enough kills.
func (p *pair) run(ctx context.Context) error {
	for ctx.Err() == nil && p.lab.more() {
		if err := p.round(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// plan is what happens in a round, chosen before it begins.
type plan struct {
	rings   []*ring
	appIn   [2]time.Duration // until a device's app comes; negative: it does not
	fresh   [2]bool          // the app has forgotten its cursor
	kills   []assault
	weather []storm
}

// assault is one kill -9.
type assault struct {
	ring    *ring  // whose course decides the moment
	place   string // in its course
	after   time.Duration
	device  *device
	away    time.Duration
	inStart time.Duration // a second kill, that long after the start; 0: none
}

// storm is a time of bad weather.
type storm struct {
	after, lasts time.Duration
	weather      apart.Weather
	reset        bool // TCP connections break at its end
}

func (p *pair) choose() *plan {
	t := p.lab.times
	pl := &plan{}
	for i := range 2 {
		switch {
		case p.chance(70):
		case p.chance(75):
			pl.appIn[i] = p.between(0, t.reach[0])
		default:
			pl.appIn[i] = -1
		}
		pl.fresh[i] = p.chance(50)
	}
	for i := range 1 + p.rng.IntN(4) {
		r := newRing(fmt.Sprintf("p%d-r%d-%d", p.number, p.rounds, i))
		from := p.rng.IntN(2)
		r.caller, r.callee = p.devices[from], p.devices[1-from]
		r.plan = plans[p.rng.IntN(len(plans))]
		r.hold, r.repeat = p.chance(25), p.chance(40)
		r.reach, r.ring = p.between(t.reach[0], t.reach[1]), p.between(t.ring[0], t.ring[1])
		r.think, r.patience = p.between(0, t.ring[0]), p.between(0, t.ring[0]*3/2)
		pl.rings = append(pl.rings, r)
	}
	for range 1 + p.rng.IntN(2) {
		a := assault{ring: pl.rings[0], place: places[p.rng.IntN(len(places))], device: p.devices[p.rng.IntN(2)]}
		pl.rings[0].fit(a.place)
		if p.chance(50) {
			a.after = p.between(0, 20*time.Millisecond)
		} else {
			a.after = p.between(0, t.ring[0]/2)
		}
		a.away = p.between(0, t.away[0])
		if p.chance(t.longAway) {
			a.away = p.between(t.away[0], t.away[1])
		}
		if p.chance(15) {
			a.inStart = p.between(5*time.Millisecond, 80*time.Millisecond)
		}
		pl.kills = append(pl.kills, a)
	}
	if p.relay != nil && p.chance(55) {
		for range 1 + p.rng.IntN(2) {
			pl.weather = append(pl.weather, p.storm())
		}
	}
	return pl
}

func (p *pair) storm() storm {
	t := p.lab.times
	s := storm{after: p.between(0, t.ring[0]), lasts: p.between(100*time.Millisecond, t.storm), reset: p.chance(30)}
	switch p.rng.IntN(4) {
	case 0, 1:
		s.weather.Cut = true
	case 2:
		s.weather.Drop = 0.05 + 0.35*p.rng.Float64()
		s.weather.Jitter = p.between(0, 50*time.Millisecond)
	case 3:
		s.weather.Delay = p.between(20*time.Millisecond, 400*time.Millisecond)
		s.weather.Jitter = p.between(0, 100*time.Millisecond)
	}
	return s
}

func kindOf(w apart.Weather) string {
	switch {
	case w.Cut:
		return "network cut"
	case w.Drop > 0:
		return "network drops"
	case w.Delay > 0:
		return "network slow"
	}
	return ""
}
