package invitation_test

import (
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func (w *world) jump() time.Duration {
	return []time.Duration{-time.Hour, -20 * time.Second, -3 * time.Second, 3 * time.Second, 20 * time.Second, time.Hour}[w.rand.IntN(6)]
}

// breakLink lets nothing through for a time.
func (w *world) breakLink(long time.Duration) {
	w.logf("no link for %v", long)
	w.link = false
	w.cut(w.chance(30), [2]bool{true, true})
	w.at(w.now+long, func() { w.link = true })
}

func (w *world) kill(d *device, long time.Duration) {
	if d.up {
		w.logf("%s: killed", d)
		d.stop(w.chance(70))
	}
	w.at(w.now+long, func() { w.back(d) })
}

func (w *world) back(d *device) {
	if !d.up {
		d.start()
	}
}

func (d *device) sleep(long time.Duration) {
	if d.up && d.asleep < d.w.now {
		d.w.logf("%s: sleeps for %v", d, long)
		d.asleep = d.w.now + long
	}
}

// goAway takes a callee off for about as long as a decision is owed, often with
// its Accept just sent, and returns when it comes back.
func (w *world) goAway(longest time.Duration) time.Duration {
	d := w.dev[1-w.inv[1].caller]
	d.killAfterAccept = w.chance(70)
	at := w.between(time.Second, longest)
	if d.killAfterAccept {
		at = longest
	}
	w.at(at, func() {
		if d.up {
			w.kill(d, protocol.OweDecision)
		}
	})
	return at + protocol.OweDecision + w.between(-time.Minute, 10*time.Minute)
}

// heal ends all trouble, and then everything must end.
func (w *world) heal() {
	w.healed = true
	w.run(max(w.dev[0].asleep, w.dev[1].asleep))
	for w.dev[0].leaving || w.dev[1].leaving {
		w.run(w.now + time.Second)
	}
	w.logf("--- all is well from here on")
	w.link, w.dup = true, 0
	for _, d := range w.dev {
		d.killIn, d.asleep, d.killAfterAccept = 0, 0, false
		w.back(d)
		d.setOnline(true)
		d.setApp(true, false)
	}
	limit := w.now + 25*time.Second
	for w.now < limit && w.failed == "" {
		w.run(w.now + 500*time.Millisecond)
		w.checkGhosts()
	}
	for _, p := range w.inv[1:] {
		limit = max(limit, w.now+p.bound())
	}
	w.run(limit)
	w.checkEnd(true)
	limit += protocol.SayAtLeast + 10*time.Second // for what is only owed the dials are rare
	w.run(limit)
	w.checkEnd(false)
	w.run(limit + 25*time.Hour) // what is idle ends
	if len(w.heap) > 0 && w.failed == "" {
		w.fail("invariant 7: something goes on for ever")
	}
	w.checkEnd(false)
}

// setTrap picks a row of the tables, and what shall happen when it is taken:
// before its messages are sent, or in the second after.
func (w *world) setTrap() {
	rows := append(invitation.LocalTable[:len(invitation.LocalTable):len(invitation.LocalTable)], invitation.RemoteTable...)
	row := rows[w.rand.IntN(len(rows))]
	pick, wait := w.rand.IntN(9), w.between(-time.Second, time.Second)
	other := w.chance(50)
	w.trap = func(d *device, taken []*invitation.Row) {
		for _, r := range taken {
			if r == row && !w.healed {
				w.trap = nil
				if other {
					d = w.dev[1-d.n]
				}
				w.logf("trap: %s", r.Name)
				w.at(w.now+max(wait, 0), func() { w.spring(d, pick) })
				if wait < 0 {
					w.cut(false, [2]bool{true, true})
				}
				return
			}
		}
	}
}

func (w *world) spring(d *device, pick int) {
	if w.healed {
		return
	}
	switch pick {
	case 0:
		w.cut(false, [2]bool{d.n == 0, d.n == 1})
	case 1:
		w.cut(false, [2]bool{true, true})
		d.logOutFor(8 * time.Second)
	case 2, 3, 4:
		w.loseMemory(d)
	case 5:
		d.logOutFor(8 * time.Second)
	case 6:
		w.kill(d, w.between(0, 12*time.Second))
	case 7:
		w.stall(w.between(0, 8*time.Second))
	case 8:
		w.cut(true, [2]bool{})
	}
}

// snare is a trap for what seldom happens by chance.
type snare struct {
	table           []*invitation.Row
	row             string
	least, most     time.Duration
	noApp           bool
	accepts, cancel int // percent
	spring          func(w *world, d *device)
}

var snares = []snare{
	{table: invitation.LocalTable, row: "refuse", least: 100 * time.Millisecond, most: 600 * time.Millisecond, spring: (*world).loseMemory},
	{table: invitation.LocalTable, row: "accept", least: 100 * time.Millisecond, most: 600 * time.Millisecond, accepts: 100, spring: (*world).loseMemory},
	{table: invitation.LocalTable, row: "accept", accepts: 100, spring: func(w *world, d *device) { w.breakLink(13 * time.Second) }},
	{table: invitation.LocalTable, row: "canceling_done", most: 200 * time.Millisecond, cancel: 100, spring: (*world).loseMemory},
	{table: invitation.LocalTable, row: "canceling_done", most: 50 * time.Millisecond, cancel: 100, spring: (*world).loseMemory},
	{table: invitation.RemoteTable, row: "refuse", least: 100 * time.Millisecond, most: 900 * time.Millisecond, accepts: 40, spring: (*world).loseMemory},
	{table: invitation.RemoteTable, row: "refuse", least: 100 * time.Millisecond, most: 500 * time.Millisecond, accepts: 20, spring: (*world).loseMemory},
	{table: invitation.RemoteTable, row: "accept", accepts: 100, spring: func(w *world, d *device) { w.cut(false, [2]bool{d.n == 1, d.n == 0}) }},
	{table: invitation.RemoteTable, row: "accept", accepts: 100, spring: func(w *world, d *device) {
		w.breakLink(9 * time.Second)
		d.logOutFor(8 * time.Second)
	}},
	{table: invitation.LocalTable, row: "stage", noApp: true, most: 2 * time.Second, spring: func(w *world, d *device) { w.dev[1-d.n].logOutFor(8 * time.Second) }},
	{table: invitation.LocalTable, row: "send", spring: func(w *world, d *device) {
		w.stallNext = 9 * time.Second
		w.at(w.now+4*time.Second, func() { d.verb(1, invitation.Cancel{Reason: protocol.ReasonCanceled}) })
	}},
	{table: invitation.LocalTable, row: "cancel", cancel: 100, spring: func(w *world, d *device) { w.cut(false, [2]bool{true, true}) }},
	{table: invitation.LocalTable, row: "cancel", cancel: 100, noApp: true, spring: func(w *world, d *device) { w.cut(false, [2]bool{true, true}) }},
	{table: invitation.LocalTable, row: "cancel", cancel: 100, spring: func(w *world, d *device) {
		w.stall(protocol.CancelTime + time.Second)
		w.at(w.now+protocol.CancelTime+100*time.Millisecond, func() { w.cut(false, [2]bool{true, true}) })
	}},
	{table: invitation.LocalTable, row: "stage", noApp: true, spring: func(w *world, d *device) {
		end := w.now + w.inv[1].reach
		w.at(end-300*time.Millisecond, func() { w.stall(time.Second) })
		w.at(end+100*time.Millisecond, func() { w.cut(false, [2]bool{true, true}) })
	}},
}

// setSnare picks a snare.
func (w *world) setSnare() *snare {
	w.latency, w.jitter = 20*time.Millisecond, 30*time.Millisecond
	s := &snares[w.rand.IntN(len(snares))]
	if s.noApp {
		w.dev[0].app, w.dev[1].app = false, false
	}
	w.trap = func(d *device, taken []*invitation.Row) {
		for _, r := range taken {
			if r.Name == s.row && slices.Contains(s.table, r) {
				w.trap = nil
				w.logf("snare: %s", r.Name)
				w.at(w.now+w.between(s.least, s.most), func() {
					if !w.healed {
						s.spring(w, d)
					}
				})
				return
			}
		}
	}
	return s
}

func (d *device) logOutFor(long time.Duration) {
	d.setOnline(false)
	d.w.at(d.w.now+long, func() { d.setOnline(true) })
}

// loseMemory cuts the power of a device that comes back soon.
func (w *world) loseMemory(d *device) {
	if d.up {
		w.cutPower(d)
		d.boot++
		d.bootAt = w.now
		w.at(w.now+w.between(0, 8*time.Second), func() { w.back(d) })
	}
}
