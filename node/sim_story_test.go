package node

import (
	"context"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simStory is what a seed's history is like.
type simStory struct {
	accepts     int // percent of the answers
	appCrash    int // percent of an app's readings
	lostAnswers int // percent
	dups        int // percent of the batches
	glare       int // pairs of calls that cross
	inMerge     int // percent of the pairs that trouble comes to
	mergers     []simTrouble
	keep        int64         // events in a log; 0: as many as usual
	keepFor     time.Duration // and for how long
	tidy        time.Duration // how often they are pruned
	page        int           // events of one reading; 0: as many as usual
	lag         int64         // by how many a reader may fall behind
	absent      bool
	long        bool // somebody is away for more than a day
	idle        bool // what was created and not sent is waited for
	troubles    []simTrouble
}

// simTrouble is a kind of trouble that can be made at a moment.
type simTrouble struct {
	name  string
	merge bool // it is made in the middle of a merge, too
	do    func(w *simWorld, d, o *simDevice)
}

var simTroubles = []simTrouble{
	{merge: true, name: "partition", do: func(w *simWorld, d, o *simDevice) {
		w.part(d, o, w.between(500*time.Millisecond, 25*time.Second), true)
	}},
	{name: "one-way partition", do: func(w *simWorld, d, o *simDevice) {
		w.part(d, o, w.between(500*time.Millisecond, 25*time.Second), false)
	}},
	{merge: true, name: "break", do: func(w *simWorld, d, o *simDevice) { w.breakConns(d, o) }},
	{name: "stall", do: func(w *simWorld, d, o *simDevice) { w.stall(d, o) }},
	{merge: true, name: "blackhole", do: func(w *simWorld, d, o *simDevice) { w.blackhole(d, o) }},
	{name: "second session", do: func(w *simWorld, d, o *simDevice) { w.secondSession(d, o) }},
	{merge: true, name: "kill", do: func(w *simWorld, d, _ *simDevice) {
		d.die("killed")
		d.startSoon(w.away())
	}},
	{name: "kill within a turn", do: func(w *simWorld, d, _ *simDevice) {
		d.killIn = 1 + w.rand.IntN(9)
		w.after(w.between(5*time.Second, 15*time.Second), func() { d.startSoon(0) })
	}},
	{merge: true, name: "kill within a turn soon", do: func(w *simWorld, d, _ *simDevice) {
		d.killIn = 1 + w.rand.IntN(3)
		w.after(w.between(3*time.Second, 8*time.Second), func() { d.startSoon(0) })
	}},
	{merge: true, name: "power", do: func(w *simWorld, d, _ *simDevice) {
		d.cutPower()
		d.startSoon(w.away())
	}},
	{merge: true, name: "stop", do: func(w *simWorld, d, _ *simDevice) {
		d.stopInOrder()
		if w.chance(50) {
			d.reboot()
		}
		d.startSoon(w.away())
	}},
	{name: "wall clock", do: func(w *simWorld, d, _ *simDevice) {
		d.book.clockSet = true
		d.wallOff += w.between(-26*time.Hour, 26*time.Hour)
		w.tracef("%s: its wall clock jumps", d)
	}},
	{name: "suspend", do: func(w *simWorld, d, _ *simDevice) { d.suspend(w.between(100*time.Millisecond, 40*time.Second)) }},
	{merge: true, name: "disk", do: func(w *simWorld, d, _ *simDevice) { d.spoilDisk(w.between(time.Millisecond, 3*time.Second)) }},
	{name: "disk as a session comes", do: func(_ *simWorld, d, _ *simDevice) { d.diskNext = true }},
	{name: "app", do: func(w *simWorld, d, _ *simDevice) {
		if len(d.apps) > 0 {
			simPick(w, d.apps...).crash(w.between(10*time.Millisecond, 12*time.Second))
		}
	}},
	{name: "reader stops", do: func(w *simWorld, d, _ *simDevice) {
		if len(d.apps) > 0 {
			simPick(w, d.apps...).stall(w.between(time.Second, 25*time.Second))
		}
	}},
	{merge: true, name: "log out", do: func(w *simWorld, d, _ *simDevice) { d.logOut(w.between(200*time.Millisecond, 12*time.Second)) }},
	{name: "forgery", do: func(w *simWorld, d, o *simDevice) { w.forge(d, o) }},
}

func (w *simWorld) away() time.Duration {
	if w.chance(30) {
		return w.between(10*time.Millisecond, 500*time.Millisecond)
	}
	return w.between(10*time.Millisecond, 20*time.Second)
}

// tell tells the whole history: trouble, peace, and what must be so at the end.
func (w *simWorld) tell() {
	w.begin()
	end := max(w.calling(), w.crossing())
	w.making(end)
	w.watching()
	w.run(end)
	w.heal()
	w.finish()
}

func (w *simWorld) begin() {
	count := simPick(w, 2, 2, 2, 2, 3, 3, 4, 5, 6)
	for range count {
		d := w.addDevice()
		d.user.d = d
	}
	lossy := w.chance(30)
	base := simPick(w, 200*time.Microsecond, 5*time.Millisecond, 40*time.Millisecond, 250*time.Millisecond)
	for _, a := range w.devices {
		for _, b := range w.devices {
			l := &simLink{latency: base + w.between(0, base), jitter: w.between(0, base)}
			if lossy {
				l.loss = w.rand.IntN(30)
			}
			w.links[[2]int{a.n, b.n}] = l
		}
	}
	s := &w.story
	s.accepts = simPick(w, 20, 50, 80, 100)
	s.appCrash, s.lostAnswers, s.dups = simPick(w, 0, 0, 10), simPick(w, 0, 0, 15), simPick(w, 0, 0, 0, 10)
	s.glare = simPick(w, 0, 0, 1, 1, 2, 3)
	s.inMerge = simPick(w, 0, 0, 20, 60)
	for _, t := range simTroubles {
		if t.merge {
			s.mergers = append(s.mergers, t)
		}
	}
	s.tidy = tidyEvery
	if w.chance(30) {
		s.keep, s.keepFor = simPick[int64](w, 0, 4, 10, 20), simPick(w, 0, 5*time.Second, 20*time.Second)
		s.tidy = simPick(w, time.Second, 3*time.Second, 10*time.Second)
	}
	if w.chance(30) {
		s.page, s.lag = simPick(w, 1, 2, 4), simPick[int64](w, 2, 5)
	}
	s.absent, s.long, s.idle = w.chance(10), w.chance(3), w.chance(10)
	for range w.rand.IntN(5) {
		s.troubles = append(s.troubles, simPick(w, simTroubles...))
	}
	for _, d := range w.devices {
		d.start()
		w.addApps(d)
	}
}

func (w *simWorld) addApps(d *simDevice) {
	add := func(name string, apps []string, observe bool) {
		a := &simApp{d: d, name: name, apps: apps, observe: observe, slow: simPick(w, 0, time.Millisecond, 50*time.Millisecond, 2*time.Second)}
		d.apps = append(d.apps, a)
		a.comeBack(w.between(0, 100*time.Millisecond))
	}
	if w.chance(90) {
		add("phone", []string{DefaultApp}, false)
	}
	if w.chance(30) {
		add("tablet", []string{DefaultApp, "board"}, false)
	}
	if w.chance(20) {
		add("watcher", []string{DefaultApp}, true)
	}
	if w.chance(20) {
		add("logger", nil, false)
	}
}

// calling plans the calls and returns when the trouble is to end.
func (w *simWorld) calling() (end time.Duration) {
	most := 5
	if w.story.glare > 0 {
		most = 2
	}
	for range 1 + w.rand.IntN(most) {
		a := w.devices[w.rand.IntN(len(w.devices))]
		b := w.other(a)
		r := CreateRequest{
			App:   simPick(w, DefaultApp, DefaultApp, DefaultApp, "board"),
			Reach: simPick(w, time.Second, 2*time.Second, 5*time.Second, 12*time.Second, 30*time.Second, 30*time.Second, 60*time.Second),
			Ring:  simPick(w, time.Second, 2*time.Second, 5*time.Second, 12*time.Second, 30*time.Second, 60*time.Second),
			Hold:  w.chance(15),
		}
		at := w.between(time.Second, 15*time.Second)
		c := w.dial(at, a, b, r)
		if r.Hold {
			w.held(c, at)
		}
		if w.chance(20) {
			w.request(a, at+w.between(0, min(r.Reach+r.Ring, 20*time.Second)), Verb{Name: VerbCancel}, c)
		}
		end = max(end, at+min(r.Reach+r.Ring, 40*time.Second))
		if w.chance(20) { // and back, at once
			w.dial(at+w.between(-100*time.Millisecond, 100*time.Millisecond), b, a, r)
		}
	}
	if w.chance(60) {
		end = w.between(time.Second, end)
	}
	return end
}

// held lets the person do something with a call that was only created.
func (w *simWorld) held(c *simCall, at time.Duration) {
	later := at + w.between(0, 5*time.Second)
	switch w.rand.IntN(4) {
	case 0: // nothing
	case 1:
		w.after(later, func() {
			if c.caller.up && w.now >= c.caller.asleep && !c.id.IsZero() {
				w.fault("discard")
				err := c.caller.node.Discard(context.Background(), c.id)
				c.discarded = err == nil
				w.tracef("%s: app discards call %d: %v", c.caller, c.n, err)
			}
		})
	default:
		w.request(c.caller, later, Verb{Name: VerbSend}, c)
	}
}

func (w *simWorld) other(d *simDevice) *simDevice {
	for {
		if o := w.devices[w.rand.IntN(len(w.devices))]; o != d {
			return o
		}
	}
}

// making plans the trouble.
func (w *simWorld) making(end time.Duration) {
	if w.story.absent {
		d := w.devices[w.rand.IntN(len(w.devices))]
		w.after(time.Millisecond, func() {
			d.die("killed")
			d.startSoon(w.between(time.Second, 30*time.Second))
		})
	}
	if len(w.story.troubles) == 0 {
		return
	}
	every := simPick(w, 500*time.Millisecond, 2*time.Second, 6*time.Second, 15*time.Second)
	for at := w.between(0, every); at < end; at += w.between(0, 2*every) {
		w.after(at, func() {
			d := w.devices[w.rand.IntN(len(w.devices))]
			trouble := simPick(w, w.story.troubles...)
			if d.up && w.now >= d.asleep && w.healed == 0 {
				w.fault(trouble.name)
				w.tracef("trouble: %s, %s", trouble.name, d)
				trouble.do(w, d, w.other(d))
			}
		})
	}
}

// watching looks at what must not last.
func (w *simWorld) watching() {
	w.after(500*time.Millisecond, func() {
		busy := w.healed == 0
		for _, d := range w.devices {
			d.book.watch()
			busy = busy || d.up && len(d.sb.entries) > 0
		}
		if w.healed > 0 {
			w.checkGhosts()
		}
		if busy && (w.healed == 0 || w.now < w.healed+10*time.Minute) {
			w.watching()
		}
	})
}

// heal ends all trouble.
func (w *simWorld) heal() {
	for _, d := range w.devices {
		w.run(max(w.now, d.asleep+10*time.Millisecond))
	}
	w.healed = w.now
	w.tracef("everything is well from here on")
	for _, l := range w.links {
		l.cut, l.loss = min(l.cut, w.now), 0
	}
	for _, d := range w.devices {
		d.diskBad, d.diskNext, d.killIn = 0, false, 0
		for _, c := range d.conns {
			c.lost = false
		}
		d.start()
		d.logIn()
		for _, a := range d.apps {
			if a.sub == nil {
				a.life++
				a.coming = false
				a.comeBack(0)
			}
		}
		d.book.trouble()
	}
}

// finish waits for the end of everything, and then tries whether calls still work.
func (w *simWorld) finish() {
	w.run(w.now + 45*time.Second)
	w.checkWaiting()
	longest := time.Duration(0)
	for _, c := range w.calls {
		longest = max(longest, c.request.Reach+c.request.Ring)
	}
	w.run(w.now + longest)
	w.checkOver()
	w.coda()
	w.run(w.now + 35*time.Minute) // the longest rhythm of dials, three times
	if w.story.idle || w.story.long {
		w.run(w.now + 25*time.Hour)
	}
	w.checkQuiet()
	w.checkAgreement()
}

// coda lets a pair of devices call each other once more: that must work.
func (w *simWorld) coda() {
	a := w.devices[w.rand.IntN(len(w.devices))]
	b := w.other(a)
	phone := &simApp{d: b, name: "last phone", apps: []string{"coda"}}
	b.apps = append(b.apps, phone)
	phone.comeBack(0)
	c := w.dial(100*time.Millisecond, a, b, CreateRequest{App: "coda", Reach: 30 * time.Second, Ring: 30 * time.Second})
	c.forced = true
	w.run(w.now + 15*time.Second)
	caller, callee := a.book.form(c.made).form.State, b.book.form(c.made).form.State
	if caller != invitation.AcceptedByRemote || callee != invitation.Accepted {
		w.fail("liveness: a last call is %q at its caller and %q at its callee", caller, callee)
	}
}
