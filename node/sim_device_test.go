package node

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
)

// simDevice is a machine with its daemon, apps and people.
type simDevice struct {
	w    *simWorld
	n    int
	peer peer.ID
	name protocol.PeerID

	// The machine.
	machine bool // it has power
	boot    int
	bootAt  time.Duration
	wallOff time.Duration
	asleep  time.Duration // until then
	slept   time.Duration // all in all
	path    string        // of the journal
	files   int           // copies of it

	// The process.
	up        bool
	life      int
	lifeFrom  time.Duration
	node      *Node
	sb        *switchboard
	journal   *journal.Journal
	transport *stream.Transport // nil: not on the network
	leaving   bool
	conns     []*simConn
	streams   []*simStream
	dialed    simDialed
	turning   bool // a turn is planned
	alarmAt   protocol.Instant
	syncing   bool          // a sync is planned
	slow      time.Duration // how long it takes until a turn comes
	killIn    int           // 0: no; dies at that many moments of turns from now
	diskBad   time.Duration // until then commits fail
	diskNext  bool          // the next session finds it bad

	apps []*simApp
	user simUser
	book simBook
}

func (w *simWorld) addDevice() *simDevice {
	n := len(w.devices)
	d := &simDevice{
		w: w, n: n, peer: simPeers[n], name: peerKey(simPeers[n]), machine: true,
		bootAt:  -w.between(time.Minute, 1000*time.Hour),
		wallOff: w.between(-10*time.Hour, 10*time.Hour),
		slow:    simPick(w, 0, time.Millisecond, time.Millisecond, 20*time.Millisecond),
	}
	d.book.begin(d)
	w.devices = append(w.devices, d)
	return d
}

func (w *simWorld) device(name protocol.PeerID) *simDevice {
	for _, d := range w.devices {
		if d.name == name {
			return d
		}
	}
	return nil
}

func (d *simDevice) String() string { return string(rune('A' + d.n)) }

func (d *simDevice) stamp() invitation.Stamp { return simClock{d}.Stamp() }

func (d *simDevice) now() protocol.Instant { return simClock{d}.Now() }

// awake is how long the machine has not slept.
func (d *simDevice) awake() time.Duration { return d.w.now - d.slept }

// after does something later, if this process still lives then.
func (d *simDevice) after(wait time.Duration, do func()) { d.w.plan(d, wait, do) }

// start starts the daemon on what its files have.
func (d *simDevice) start() {
	if d.up {
		return
	}
	d.machine = true
	if d.path == "" {
		d.path = d.w.path(fmt.Sprintf("%s-%d", d, d.files))
		simWrite(d.path, simTemplate())
	}
	j, err := journal.Open(journal.Config{Path: d.path, Stamp: d.stamp, ByHand: true,
		KeepEvents: d.w.story.keep, KeepEventsFor: d.w.story.keepFor})
	if err != nil {
		d.w.fail("%s: the journal cannot be opened: %v", d, err)
	}
	d.life++
	d.up, d.lifeFrom, d.journal, d.leaving = true, d.w.now, j, false
	d.conns, d.streams, d.turning, d.alarmAt, d.syncing, d.killIn = nil, nil, false, 0, false, 0
	d.sb = newSwitchboard(d.name, simClock{d}, j, simMetrics)
	d.sb.newID, d.sb.spawn, d.sb.observe, d.sb.asked = d.w.id, d.spawn, d.observe, d.turnAll
	if story := &d.w.story; story.page > 0 {
		d.sb.readSize, d.sb.lagLimit = story.page, story.lag
	}
	d.node = &Node{sb: d.sb, journal: j, self: d.name, wish: make(chan struct{}, 1)}
	d.book.opened()
	d.w.tracef("%s: starts, epoch %d, boot %d", d, len(d.book.epochs), d.boot)
	online, err := d.node.takeUp()
	if err != nil {
		d.w.fail("%s: the journal cannot be taken up: %v", d, err)
	}
	d.book.started()
	if online {
		d.goOnline()
	}
	d.tidy()
}

// simMetrics are shared: nobody reads them, and making them takes long.
var simMetrics = newMetrics()

// goOnline is Node.connect without libp2p.
func (d *simDevice) goOnline() {
	d.transport = stream.New(stream.Config{Now: d.now, Receiver: simReceiver{d}})
	d.sb.post(func(t *turn) {
		t.attach(&uplink{})
		t.sb.dialer = d
	})
}

// followWish is a round of Node.keepUplink.
func (d *simDevice) followWish() {
	select {
	case <-d.node.wish:
	default:
		return
	}
	switch online := d.sb.wish.Load(); {
	case online && d.transport == nil:
		d.goOnline()
	case online:
		d.sb.post(func(t *turn) {
			t.attach(&uplink{})
			t.sb.dialer = d
		})
	case d.transport != nil && !d.leaving:
		d.leaving = true
		d.leave()
	}
}

// leave is Node.leave: it waits until no bid waits any more.
func (d *simDevice) leave() {
	select {
	case <-*d.node.drain.Load():
	default:
		d.after(10*time.Millisecond, d.leave)
		return
	}
	d.leaving = false
	if d.sb.wish.Load() {
		d.goOnlineAgain()
		return
	}
	d.sb.post(func(t *turn) { t.detach() })
	for _, s := range d.streams {
		s.session.Close()
	}
	d.pumpSessions()
	d.transport = nil
	d.after(stream.CloseTime, func() {
		for _, c := range d.conns {
			_ = c.Close()
		}
		if d.sb.wish.Load() && d.transport == nil {
			d.goOnline()
		}
	})
}

func (d *simDevice) goOnlineAgain() {
	d.sb.post(func(t *turn) {
		t.attach(&uplink{})
		t.sb.dialer = d
	})
}

// pump does what is due at once in a device: its sessions' goroutines, and what
// waits for the switchboard.
func (d *simDevice) pump() {
	if !d.up || d.w.now < d.asleep {
		return
	}
	d.pumpSessions()
	d.followWish()
	if len(d.sb.inbox) > 0 && !d.turning {
		d.turning = true
		d.after(d.w.between(0, d.slow), func() {
			d.turning = false
			d.turn()
		})
	}
	if next := d.sb.timers.next(); next != d.alarmAt {
		d.alarmAt = next
		if next != 0 {
			d.after(next.Sub(d.now()), func() {
				if d.alarmAt == next {
					d.alarmAt = 0
					d.turn()
				}
			})
		}
	}
}

func (d *simDevice) pumpSessions() {
	rounds := 0
	for again := true; again; rounds++ {
		if again = false; rounds > 10_000 {
			d.w.fail("%s: its sessions' goroutines never rest", d)
		}
		for _, s := range append([]*simStream(nil), d.streams...) {
			if s.session.Nudged() {
				again = d.keep(s) || again
			}
			if batch, _ := s.session.Batch(); len(batch) > 0 {
				again = true
				d.book.says(s, batch)
				s.send(simChunk{bytes: batch})
				d.dup(s, batch)
			}
		}
	}
}

// keep is a round of a session's keeper; it reports whether the session ended.
func (d *simDevice) keep(s *simStream) bool {
	next, ended := s.session.Keep()
	if ended {
		for i, o := range d.streams {
			if o == s {
				d.streams = append(d.streams[:i:i], d.streams[i+1:]...)
				d.w.tracef("%s: %s with %s is over", d, s, s.conn.remote)
				s.dead = true
				break
			}
		}
		return true
	}
	at := d.w.now + max(next, time.Microsecond)
	if s.keepAt > d.w.now && s.keepAt <= at {
		return false // it will be looked at
	}
	s.keepAt = at
	d.after(at-d.w.now, func() {
		if s.keepAt == at && !s.dead {
			s.keepAt = 0
			d.keep(s)
		}
	})
	return false
}

// turn is a turn of the switchboard, and what others do at once after it.
func (d *simDevice) turn() {
	var first job
	select {
	case first = <-d.sb.inbox:
	default:
	}
	d.sb.turn(first)
	d.book.turned()
	if !d.syncing {
		d.syncing = true
		d.after(800*time.Millisecond, func() {
			d.syncing = false
			if err := d.journal.Sync(); err != nil {
				d.w.fail("%s: sync: %v", d, err)
			}
		})
	}
	for _, a := range d.apps {
		a.look()
	}
}

// turnAll turns until nothing waits any more: somebody waits for an answer.
func (d *simDevice) turnAll() {
	for len(d.sb.inbox) > 0 {
		d.turn()
	}
}

// observe is called within turns.
func (d *simDevice) observe(t *turn, at moment) {
	if at == beforeCommit && d.w.now < d.diskBad {
		d.w.fault("disk error")
		d.w.tracef("%s: a commit fails", d)
		t.batch.Setting("fail", "")
	}
	if at == committed {
		for _, e := range t.changed {
			d.book.changed(e.machine.Form())
		}
	}
	if d.killIn > 0 {
		if d.killIn--; d.killIn == 0 {
			d.w.fault("kill " + string(at))
			d.w.tracef("%s: is killed %s", d, at)
			if at == committed || at == sent {
				d.book.turned() // what is committed is there
			}
			panic(simKilled{d})
		}
	}
}

// die is kill -9. What was queued on sessions may have been written.
func (d *simDevice) die(how string) {
	if !d.up {
		return
	}
	d.w.tracef("%s: %s", d, how)
	if d.w.chance(50) {
		d.pumpSessions()
	}
	d.stop(false)
	d.copyFiles(false)
}

// stop ends the process; what is in memory is lost.
func (d *simDevice) stop(machine bool) {
	d.up, d.machine = false, !machine
	for _, c := range d.conns {
		c.processDied(machine)
	}
	for _, a := range d.apps {
		a.daemonDied()
	}
	d.transport, d.conns, d.streams = nil, nil, nil
	d.book.stopped()
}

// cutPower takes the machine down and what the disk does not have with it.
func (d *simDevice) cutPower() {
	if !d.up {
		return
	}
	d.w.fault("power cut")
	d.w.tracef("%s: power cut", d)
	d.stop(true)
	d.copyFiles(true)
	d.book.powerCut()
	d.reboot()
}

// reboot gives the machine a new boot.
func (d *simDevice) reboot() {
	d.boot++
	d.book.clockLost = d.book.clockLost || d.book.clockSet
	d.bootAt = d.w.now - d.w.between(time.Second, time.Hour)
}

// startSoon starts the daemon again after some time.
func (d *simDevice) startSoon(wait time.Duration) {
	life := d.life
	d.w.after(wait, func() {
		if d.life == life {
			d.start()
		}
	})
}
