package node

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// part cuts the way from one device to another, and back if both.
func (w *simWorld) part(d, o *simDevice, long time.Duration, both bool) {
	w.tracef("the way from %s to %s is cut for %v, both %v", d, o, long, both)
	l := w.link(d, o)
	l.cut = max(l.cut, w.now+long)
	if both {
		l = w.link(o, d)
		l.cut = max(l.cut, w.now+long)
	}
}

// breakConns breaks all connections of a pair, and what is under way on them.
func (w *simWorld) breakConns(d, o *simDevice) {
	d.book.trouble()
	for _, c := range d.conns {
		if c.remote == o && c.stands() {
			c.end("breaks")
			c.other.end("breaks")
		}
	}
}

// blackhole lets a connection go on without carrying anything, as after a change
// of address.
func (w *simWorld) blackhole(d, o *simDevice) {
	d.book.trouble()
	for _, c := range d.conns {
		if c.remote == o && c.stands() {
			c.lost, c.other.lost = true, true
			w.after(w.between(30*time.Second, 43*time.Second), func() { c.end("timed out") })
			w.after(w.between(30*time.Second, 43*time.Second), func() { c.other.end("timed out") })
		}
	}
}

// stall holds up the sessions of a pair, and opens another one beside them: what
// is said on it overtakes what was said before.
func (w *simWorld) stall(d, o *simDevice) {
	d.book.trouble()
	long := w.between(time.Second, 8*time.Second)
	for _, s := range append(append([]*simStream(nil), d.streams...), o.streams...) {
		if s.conn.remote == d || s.conn.remote == o && s.conn.d == d {
			s.last = max(s.last, w.now+long)
		}
	}
	w.secondSession(d, o)
}

// secondSession opens one more session between a pair that has one.
func (w *simWorld) secondSession(d, o *simDevice) {
	if d.transport == nil || o.transport == nil || !w.open(d, o) || !w.open(o, d) || !o.up || w.now < o.asleep {
		return
	}
	c := d.connected(o)
	if c == nil || w.chance(50) {
		c = w.connect(d, o)
	}
	d.dialed = simDialed{conn: c}
	if err := d.Dial(context.Background(), o.name, nil); err != nil {
		w.tracef("%s: %v", d, err)
	}
}

// stopInOrder is SIGTERM.
func (d *simDevice) stopInOrder() {
	d.w.tracef("%s: stops in order", d)
	for _, s := range d.streams {
		s.session.Close()
	}
	d.pumpSessions()
	for _, c := range d.conns {
		_ = c.Close()
	}
	d.stop(false)
	if err := d.journal.Close(); err != nil {
		d.w.fail("%s: close: %v", d, err)
	}
}

// suspend lets the machine sleep; its clocks run on.
func (d *simDevice) suspend(long time.Duration) {
	d.w.tracef("%s: sleeps for %v", d, long)
	d.asleep = d.w.now + long
	d.slept += long
	d.w.after(long, d.book.trouble)
}

// spoilDisk makes commits fail for a while.
func (d *simDevice) spoilDisk(long time.Duration) {
	d.diskBad = d.w.now + long
	d.book.trouble()
	d.w.after(long, d.book.trouble)
}

// logOut logs out for a while.
func (d *simDevice) logOut(long time.Duration) {
	d.book.trouble()
	d.setOnline(false)
	d.w.after(long, func() {
		if d.w.healed == 0 && d.w.now >= d.asleep {
			d.logIn()
		}
	})
}

func (d *simDevice) logIn() {
	if d.up && !d.sb.online {
		d.book.trouble()
		d.setOnline(true)
	}
}

func (d *simDevice) setOnline(online bool) {
	d.w.tracef("%s: app wishes to be online: %v", d, online)
	_, err := d.node.SetOnline(context.Background(), online)
	if err != nil && (codeOf(err) != protocol.CodeInternal || d.w.now >= d.diskBad) {
		d.w.fail("%s: cannot log in or out: %v", d, err)
	}
}

// dup lets the messages of a batch come once more, perhaps on another session.
func (d *simDevice) dup(s *simStream, batch []byte) {
	w := d.w
	if w.healed > 0 || !w.chance(w.story.dups) {
		return
	}
	var again []byte
	for _, f := range simFrames(batch) {
		if m, ok := f.(protocol.Message); ok {
			again, _ = protocol.AppendFrame(again, m)
		}
	}
	o := s.conn.remote
	if len(again) == 0 {
		return
	}
	w.after(w.between(0, 4*time.Second), func() {
		if !o.up || w.now < o.asleep || w.healed > 0 {
			return
		}
		for _, x := range o.streams {
			if x.conn.remote == d && x.conn.stands() {
				w.fault("duplicate")
				o.hears(d, x, again)
				x.session.Arrive(again)
				return
			}
		}
	})
}

// forge has a device say something about an invitation that is none of its.
func (w *simWorld) forge(d, o *simDevice) {
	w.secondSession(d, o)
	d.after(time.Second, func() { w.forgeNow(d, o) })
}

func (w *simWorld) forgeNow(d, o *simDevice) {
	for _, c := range w.calls {
		if c.made.IsZero() || c.caller == d || c.callee == d || c.caller != o && c.callee != o ||
			o.book.form(c.made).form.State == "" { // nobody else can know an id that o does not know yet
			continue
		}
		for _, s := range d.streams {
			if s.conn.remote != o {
				continue
			}
			w.fault("forged")
			if err := s.session.Send(simPick[protocol.Message](w,
				protocol.Cancel{ID: c.made, Reason: protocol.ReasonCanceled}, protocol.Confirm{ID: c.made},
				protocol.Accept{ID: c.made, Response: "forged"}, protocol.Refuse{ID: c.made, Reason: protocol.ReasonBusy},
				protocol.Done{ID: c.made, Outcome: protocol.OutcomeCanceled, Reason: protocol.ReasonCanceled},
				protocol.Received{ID: c.made, RingLeft: time.Second},
				protocol.Invite{ID: c.made, App: DefaultApp, Content: "forged", ReachLeft: time.Minute, Ring: time.Minute},
			)); err != nil {
				panic(errors.Join(errors.New("forged badly"), err))
			}
			return
		}
	}
}
