package invitation_test

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// profile is a kind of trouble; the numbers are percents of the histories'
// chance to have that trouble in one of their moments.
type profile struct {
	name                                   string
	cuts, silent, stalls, linkDown         int
	kills, killsBetween, reboots, powerCut int
	jumps, sleeps, logouts, apps           int
	gone                                   bool // a device stays away for more than a day
	idle                                   bool // nobody sends what was created
	loggedOutSend                          bool
	dups                                   int
	trap, snares                           bool
	glare                                  bool // both ring each other, and both would merge
	absent                                 int  // percent of histories in which the callee is not there at first
	accepts                                int  // percent of the answers; the others are half refusals
	busy                                   int  // percent of moments with trouble
}

var profiles = []profile{
	{name: "calm", dups: 10},
	{name: "cuts", cuts: 50, silent: 30, stalls: 10, linkDown: 10, dups: 20, busy: 40},
	{name: "silent", silent: 60, linkDown: 25, stalls: 15, busy: 40},
	{name: "killed", kills: 35, killsBetween: 50, cuts: 15, busy: 40, dups: 30},
	{name: "clocks", reboots: 30, jumps: 30, sleeps: 30, kills: 10, busy: 40},
	{name: "logins", logouts: 70, cuts: 15, silent: 15, busy: 40, loggedOutSend: true},
	{name: "apps", apps: 80, kills: 10, cuts: 10, busy: 50},
	{name: "gone", gone: true, accepts: 80},
	{name: "trap", trap: true, accepts: 50},
	{name: "snares", snares: true},
	{name: "more snares", snares: true},
	{name: "snares again", snares: true},
	{name: "even more snares", snares: true},
	{name: "trap and cuts", trap: true, accepts: 60, cuts: 50, silent: 50, busy: 10},
	{name: "absent", absent: 100, linkDown: 50, kills: 50, busy: 10},
	{name: "idle", idle: true, kills: 50, reboots: 25, jumps: 25, busy: 20},
	{name: "glare", glare: true, cuts: 30, silent: 10, kills: 20, killsBetween: 30, linkDown: 10, busy: 30, dups: 20},
	{name: "glare and more", glare: true, stalls: 20, kills: 15, reboots: 10, jumps: 10, sleeps: 10, logouts: 15, apps: 10, powerCut: 10, busy: 30},
	{name: "glare in the dark", glare: true, silent: 70, linkDown: 15, kills: 15, busy: 90, accepts: 70},
	{name: "power", powerCut: 50, silent: 20, kills: 20, apps: 10, busy: 40},
	{name: "everything", cuts: 10, silent: 10, stalls: 10, linkDown: 10, kills: 10, killsBetween: 10, reboots: 10, jumps: 10, sleeps: 10, logouts: 5, apps: 5, dups: 20, busy: 60},
}

var times = []time.Duration{time.Second, 2 * time.Second, 5 * time.Second, 12 * time.Second, 30 * time.Second, 60 * time.Second}

// history makes one history of a world and runs it to its end.
func (w *world) history(p *profile) {
	w.latency = []time.Duration{time.Millisecond, 20 * time.Millisecond, 200 * time.Millisecond}[w.rand.IntN(3)]
	w.jitter = w.between(0, 300*time.Millisecond)
	w.dup = p.dups
	w.logf("profile %s, latency %v, jitter %v", p.name, w.latency, w.jitter)
	count := 1
	if w.chance(30) {
		count = 2 + w.rand.IntN(2)
	}
	if p.glare {
		count = max(count, 2)
	}
	if p.trap {
		w.setTrap()
	}
	if p.snares {
		count = 1
		w.snare = w.setSnare()
	}
	if w.chance(p.absent) {
		w.at(0, func() { w.kill(w.dev[1-w.inv[1].caller], w.between(0, 20*time.Second)) })
	}
	longest := time.Duration(0)
	for range count {
		longest = max(longest, w.planInvitation(p))
	}
	if p.apps > 0 || w.snare == nil && w.chance(10) {
		d := w.dev[w.rand.IntN(2)]
		d.app, d.observe = w.chance(40), w.chance(30)
	}
	for _, d := range w.dev {
		d.user.handOver = w.between(0, 300*time.Millisecond)
		if w.chance(10) {
			d.user.handOver = w.between(0, 5*time.Second)
		}
		d.user.lost = w.chance(10)
	}
	for at := time.Duration(0); p.busy > 0 && at < longest; {
		at += w.between(100*time.Millisecond, 6*time.Second)
		if w.chance(p.busy) {
			w.at(at, func() { w.trouble(p) })
		}
	}
	if p.gone {
		longest = w.goAway(longest)
	}
	if !p.gone && !p.snares && w.chance(60) {
		longest = w.between(0, longest)
	}
	w.run(longest)
	w.heal()
}

// planInvitation lets two users do something; it returns when they are done.
func (w *world) planInvitation(p *profile) time.Duration {
	n := len(w.inv)
	caller := w.rand.IntN(2)
	v := &plan{n: n, id: protocol.ID{15: byte(n)}, caller: caller, reach: times[w.rand.IntN(5)], ring: times[w.rand.IntN(6)], accepts: p.accepts}
	if v.accepts == 0 {
		v.accepts = 45
	}
	if w.chance(20) {
		v.content = string(make([]byte, 2000))
	}
	cancels := 35
	if s := w.snare; s != nil {
		v.reach, v.ring = max(v.reach, 12*time.Second), max(v.ring, 12*time.Second)
		v.accepts, cancels = s.accepts, s.cancel
	}
	if p.glare {
		v.glare = protocol.GlareMerge
		if n == 2 {
			v.caller = 1 - w.inv[1].caller
			caller = v.caller
		}
	}
	w.inv = append(w.inv, v)
	d := w.dev[caller]
	start := w.between(0, 3*time.Second)
	if p.glare && w.chance(70) {
		start = w.between(0, 4*w.latency)
	} else if p.glare {
		start = w.between(0, 15*time.Second)
	}
	w.at(start, func() {
		d.create(n)
		if p.loggedOutSend && !w.healed && w.chance(30) {
			d.setOnline(false)
		}
	})
	if !p.idle || w.chance(30) {
		w.at(start+w.between(0, 100*time.Millisecond), func() { d.verb(n, invitation.Send{}) })
	}
	if w.chance(cancels) {
		last := min(v.reach+v.ring, 20*time.Second)
		if p.glare && w.chance(50) {
			last = 10 * w.latency // while the pair is on its way
		}
		w.at(start+w.between(0, last), func() { d.verb(n, invitation.Cancel{Reason: protocol.ReasonCanceled}) })
	}
	o := w.dev[1-caller]
	was := o.user.react
	o.user.react = func(i *inst) {
		if i.p != v {
			if was != nil {
				was(i)
			}
			return
		}
		w.planAnswer(o, v)
	}
	return start + v.bound() + 5*time.Second
}

// planAnswer lets the callee's user do something with a ring, or not. Often at
// a moment at which the caller does something too.
func (w *world) planAnswer(d *device, v *plan) {
	wait := w.between(0, min(v.ring+time.Second, 15*time.Second))
	if w.chance(10) {
		wait = v.ring + w.between(-200*time.Millisecond, 50*time.Millisecond)
	}
	var in invitation.Input
	switch {
	case w.chance(v.accepts):
		in = invitation.Accept{Response: "yes"}
	case w.chance(60) || w.snare != nil:
		in = invitation.Refuse{Reason: protocol.ReasonDeclined, Response: "no"}
	default:
		return
	}
	d.after(wait, func() {
		d.verb(v.n, in)
		if own := len(w.inv) - 1; v.glare == protocol.GlareMerge && own > v.n && w.inv[own].caller == d.n && w.chance(80) {
			d.after(w.between(0, w.latency), func() {
				d.create(own)
				d.verb(own, invitation.Send{})
			})
		}
	})
	if w.snare == nil && w.chance(30) {
		o := w.dev[1-d.n]
		at := w.now + wait + w.between(-2*w.latency-w.jitter, 2*w.latency+w.jitter)
		w.at(at, func() { o.verb(v.n, invitation.Cancel{Reason: protocol.ReasonCanceled}) })
	}
	if w.chance(20) {
		w.at(w.now+wait+w.between(-2*w.latency, 2*w.latency), func() { w.trouble(&profiles[1+w.rand.IntN(2)]) })
	}
}

// trouble makes one of the profile's troubles happen now.
func (w *world) trouble(p *profile) {
	if w.healed {
		return
	}
	d := w.dev[w.rand.IntN(2)]
	kinds := []struct {
		percent int
		do      func()
	}{
		{p.cuts, func() { w.cut(true, [2]bool{}) }},
		{p.silent, func() { w.cut(false, [][2]bool{{true, true}, {true, false}, {false, true}}[w.rand.IntN(3)]) }},
		{p.stalls, func() { w.stall(w.between(0, 8*time.Second)) }},
		{p.linkDown, func() { w.breakLink(w.between(time.Second, 15*time.Second)) }},
		{p.kills, func() { w.kill(d, w.between(0, 16*time.Second)) }},
		{p.killsBetween, func() {
			d.killIn = 1 + w.rand.IntN(6)
			w.at(w.now+w.between(6*time.Second, 16*time.Second), func() { w.back(d) })
		}},
		{p.reboots, func() {
			d.boot++
			w.kill(d, w.between(0, 16*time.Second))
			d.bootAt = w.now
			d.wallOff += w.jump()
		}},
		{p.powerCut, func() { w.loseMemory(d) }},
		{p.jumps, func() { d.wallOff += w.jump() }},
		{p.sleeps, func() { d.sleep(w.between(0, 30*time.Second)) }},
		{p.logouts, func() {
			d.logOutFor(w.between(time.Second, 15*time.Second))
		}},
		{p.apps, func() { d.setApp(w.chance(60), w.chance(20)) }},
	}
	pick := w.rand.IntN(100)
	for _, k := range kinds {
		if pick -= k.percent; pick < 0 {
			k.do()
			return
		}
	}
}
