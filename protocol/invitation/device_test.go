package invitation_test

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// device is a driver of machines: it obeys Out in its order.
type device struct {
	w    *world
	n    int
	disk disk

	up, online   bool // online is a wish that survives
	leaving      bool // logs out, and a bid still waits
	app, observe bool // an app is there; it only observes
	user         user
	life         int // what was planned in an earlier life does not happen
	boot         int
	bootAt       time.Duration
	wallOff      time.Duration
	asleep       time.Duration // until then
	killIn       int           // 0: no; killed when so many stages of obeying are over

	killAfterAccept bool // killed as soon as an Accept was sent

	insts                 [4]*inst
	sessions              []*session
	current               *session
	lastHeard, heardSince protocol.Instant
	liveSince             time.Duration // -1: nothing is live
	ticking               bool
	dialAt                time.Duration // 0: no dial is planned
	dialPlan              int
	tries                 int
}

// inst is a machine and what its driver knows of it.
type inst struct {
	m        *invitation.Machine
	p        *plan
	wake     protocol.Instant
	doneOn   *session // a Done was said there
	doneBeat uint64   // before that beat
}

func newDevice(w *world, n int) *device {
	return &device{w: w, n: n, up: true, online: true, app: true, liveSince: -1, wallOff: time.Duration(1+n) * 1000 * time.Hour}
}

func (d *device) String() string { return string(rune('A' + d.n)) }

func (d *device) peer() protocol.PeerID { return protocol.PeerID(d.String()) }

func (d *device) now() invitation.Stamp {
	return invitation.Stamp{
		BootID: fmt.Sprint(d, d.boot),
		Clock:  protocol.Instant(d.w.now - d.bootAt + time.Minute),
		Wall:   time.Unix(1e9, 0).Add(d.w.now + d.wallOff),
	}
}

func (d *device) env() invitation.Env {
	link := invitation.Link{Writable: d.current != nil, LastHeard: d.lastHeard, HeardSince: d.heardSince}
	for _, s := range d.sessions {
		link.Open = link.Open || s.read[d.n]
	}
	return invitation.Env{Now: d.now(), Link: link, Online: d.online, App: d.counts()}
}

func (d *device) counts() bool { return d.app && !d.observe }

// after does something later in this life.
func (d *device) after(wait time.Duration, do func()) {
	d.w.push(event{at: d.w.now + max(wait, 0), dev: d.n, life: d.life, do: do})
}

// step steps a machine and obeys it.
func (d *device) step(i *inst, in invitation.Input) error {
	if !d.up || d.insts[i.p.n] != i {
		return nil
	}
	return d.turn(func(k invitation.Desk) error { return k.Step(i.m, in) })
}

func (d *device) stepAll(in invitation.Input) {
	for _, i := range d.insts {
		if i != nil {
			d.step(i, in)
		}
	}
}

// obey does what a step asks for, unless the daemon is killed in between.
func (d *device) obey(all []did) {
	if d.killed("before the journal has it") {
		return
	}
	if d.commitAll(all) && d.killed("before anything is sent") {
		return
	}
	busy := false
	for _, o := range all {
		busy = busy || len(o.out.Send)+len(o.out.Emit) > 0
		if d.w.trap != nil {
			d.w.trap(d, o.out.Rows)
		}
		for _, msg := range o.out.Send {
			d.say(o.i, msg)
		}
	}
	if busy && d.killed("before the apps are told") {
		return
	}
	for _, o := range all {
		d.tell(o.i, o.out.Emit)
		if d.up {
			d.setTimer(o.i, o.out.Wake)
		}
	}
	d.attend()
}

// commitAll journals everything in one transaction.
func (d *device) commitAll(all []did) (persisted bool) {
	for _, o := range all {
		if o.out.Persist {
			persisted = true
			d.commit(o.i.p.n, &o.form, o.out.Emit)
		}
	}
	for _, o := range all {
		if o.out.Persist {
			d.w.checkJournals(o.i.p)
		}
	}
	return persisted
}

func (d *device) killed(when string) bool {
	if !d.up {
		return true
	}
	if d.killIn > 0 {
		if d.killIn--; d.killIn == 0 {
			d.w.logf("%s: killed %s", d, when)
			d.stop(true)
			return true
		}
	}
	return false
}

func (d *device) commit(n int, f *invitation.Form, events []invitation.Event) {
	r := d.disk.rec[n]
	r.form, r.saved = *f, d.now()
	r.age = d.w.inv[n].own(f.Kind).now(r.saved)
	r.events = r.events[:len(r.events):len(r.events)]
	for _, e := range events {
		r.events = append(r.events, e.Callback)
	}
	d.disk.save(d.w.now, n, r)
}

func (d *device) say(i *inst, msg protocol.Message) {
	s := d.current
	if s == nil {
		return
	}
	if d.w.log != nil {
		d.w.logf("%s -> %s", d, describe(msg))
	}
	d.w.write(d, s, msg)
	if _, ok := msg.(protocol.Accept); ok && d.killAfterAccept {
		d.after(s.delay[1-d.n]+100*time.Microsecond, func() {
			if d.up && !d.w.healed {
				d.killAfterAccept = false
				d.w.logf("%s: killed", d)
				d.stop(false)
			}
		})
	}
	if _, ok := msg.(protocol.Done); ok && i != nil && i.m.Owes() {
		i.doneOn, i.doneBeat = s, d.beat(s)
	}
}

func (d *device) setTimer(i *inst, wake protocol.Instant) {
	if wake == i.wake {
		return
	}
	i.wake = wake
	if wake == 0 {
		return
	}
	d.after(wake.Sub(d.now().Clock), func() {
		if i.wake == wake && d.insts[i.p.n] == i {
			i.wake = 0
			d.step(i, invitation.Wake{})
		}
	})
}

// attend beats and dials while there is a reason to.
func (d *device) attend() {
	if !d.up || !d.online {
		return
	}
	live, owes := d.wants()
	if !live {
		d.liveSince = -1
	} else if d.liveSince < 0 {
		d.liveSince = d.w.now
		d.watchSilence()
		d.tries = 0
		d.dialAt = 0
	}
	if live && !d.ticking {
		d.ticking = true
		d.after(protocol.BeatEvery, d.tick)
	}
	if (live || owes) && len(d.sessions) == 0 && d.dialAt == 0 {
		d.planDial(0)
	}
}

func (d *device) wants() (live, owes bool) {
	for _, i := range d.insts {
		if i != nil {
			live = live || i.m.Live()
			owes = owes || i.m.Owes()
		}
	}
	return live, owes
}

func (d *device) tick() {
	d.ticking = false
	if d.liveSince >= 0 && d.current != nil {
		d.beat(d.current)
	}
	d.attend()
}

func (d *device) planDial(wait time.Duration) {
	d.dialPlan++
	plan := d.dialPlan
	d.dialAt = d.w.now + wait + 1
	d.after(wait+1, func() {
		if plan == d.dialPlan {
			d.dialAt = 0
			d.dial()
		}
	})
}

// dial tries to open a session and plans the next attempt.
func (d *device) dial() {
	live, owes := d.wants()
	o := d.w.dev[1-d.n]
	switch {
	case len(d.sessions) > 0 || !live && !owes || !d.online:
		d.tries = 0
		return
	case d.w.link && o.up && o.online && d.w.now >= o.asleep:
		d.tries = 0
		d.w.open(d)
		return
	}
	d.tries++
	wait := min(time.Duration(d.tries), 4) * time.Second
	if !live {
		wait = min(protocol.SayAtLeast, 4*time.Second<<min(d.tries-1, 10))
	} else if d.tries == 3 {
		wait = 4 * time.Second
	}
	d.planDial(wait)
}

// stop kills the daemon. The other side sees its sessions end, if it was not
// the machine or the network that died.
func (d *device) stop(noticed bool) {
	o := d.w.dev[1-d.n]
	for _, s := range d.sessions {
		s.end[d.n] = endClosed
		if noticed && !s.dead[o.n] && d.w.link {
			d.w.arrive(s, o.n, max(d.w.now+s.delay[o.n], s.last[o.n]), nil)
		} else {
			s.dead[0], s.dead[1] = true, true
			d.w.at(d.w.now+transportTimeout, func() {
				if o.up && s.end[o.n] == endUp {
					o.lostSession(s, "times out")
				}
			})
		}
	}
	if d.leaving {
		d.online, d.leaving = false, false // the wish was journalled first
	}
	d.up, d.killIn = false, 0
	d.life++
	d.insts, d.sessions, d.current = [4]*inst{}, nil, nil
	d.lastHeard, d.heardSince, d.liveSince, d.ticking, d.dialAt, d.tries = 0, 0, -1, false, 0, 0
}

// start starts the daemon from its journal.
func (d *device) start() {
	d.up, d.asleep = true, 0
	d.w.logf("%s: starts", d)
	now := d.now()
	for n := range d.disk.rec {
		r := d.disk.rec[n]
		if r.form.State == "" {
			continue
		}
		r.form.Rebase(r.saved, now)
		p := d.w.inv[n]
		p.own(r.form.Kind).restored(&r, now)
		i := &inst{m: invitation.Restore(now, r.form), p: p}
		d.insts[n] = i
	}
	d.stepAll(invitation.Wake{})
	if d.up && !d.online {
		d.stepAll(invitation.Logout{})
	}
	if d.up && d.app {
		d.resumeApp()
	}
}
