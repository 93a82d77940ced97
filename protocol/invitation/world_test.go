package invitation_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// world is two devices and what is between them, in simulated time. One seed
// gives one history.
type world struct {
	now  time.Duration // since the beginning of the world
	seq  uint64
	heap []event
	rand *rand.Rand
	dev  [2]*device
	inv  []*plan // by number, from 1; nobody knows it but the users

	trap     func(*device, []*invitation.Row) // springs when a row is taken, before anything is sent
	snare    *snare
	healed   bool          // no more trouble
	link     bool          // frames and dials get through
	latency  time.Duration // of new sessions, at least
	jitter   time.Duration
	dup      int // one frame in so many comes twice; 0: none
	sessions int

	stallNext time.Duration // the next session stalls so long

	cover  *coverage
	power  bool // a power cut happened: the relaxed rules hold
	frames int
	log    *strings.Builder // nil: nobody reads it
	failed string
}

// plan is one invitation as the test knows it.
type plan struct {
	n              int
	id             protocol.ID
	caller         int
	reach, ring    time.Duration
	content        string
	glare          protocol.Glare
	channel        string
	accepts        int           // percent of the answers of its callee
	sentAt, heldAt age           // when each side's own time began
	heldMoment     time.Duration // when the callee had it
	canceledRead   bool
	aloneSince     time.Duration // since healing; 0: not so
}

// event is what happens at a moment. Those of a device's earlier life are void.
type event struct {
	at   time.Duration
	seq  uint64
	dev  int // -1: the world's own
	life int
	do   func()
}

func newWorld(seed uint64, cover *coverage) *world {
	w := &world{rand: rand.New(rand.NewPCG(seed, 7)), link: true, latency: 20 * time.Millisecond, cover: cover}
	w.inv = []*plan{nil}
	for i := range w.dev {
		w.dev[i] = newDevice(w, i)
	}
	return w
}

func (w *world) logf(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, "%10.3f  ", w.now.Seconds())
		fmt.Fprintf(w.log, format+"\n", args...)
	}
}

// fail notes the first rule that did not hold.
func (w *world) fail(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf(format, args...)
		w.logf("BROKEN: %s", w.failed)
	}
}

func (w *world) chance(percent int) bool { return w.rand.IntN(100) < percent }

func (w *world) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(w.rand.Int64N(int64(hi-lo)))
}

// at does something at a moment of the world.
func (w *world) at(at time.Duration, do func()) { w.push(event{at: at, dev: -1, do: do}) }

// push adds an event to the heap; what is due at the same moment happens in
// the order of being added.
func (w *world) push(e event) {
	w.seq++
	e.seq = w.seq
	w.heap = append(w.heap, e)
	h := w.heap
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(&h[up]) {
			break
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

func (e *event) before(o *event) bool { return e.at < o.at || e.at == o.at && e.seq < o.seq }

func (w *world) pop() event {
	h := w.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	w.heap = h
	for i := 0; ; {
		c := 2*i + 1
		if c >= last {
			break
		}
		if c+1 < last && h[c+1].before(&h[c]) {
			c++
		}
		if !h[c].before(&h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	return top
}

// run lets the world go on until a moment, or until nothing more can happen.
func (w *world) run(until time.Duration) {
	for len(w.heap) > 0 && w.heap[0].at <= until && w.failed == "" {
		e := w.pop()
		w.now = max(w.now, e.at)
		if e.dev >= 0 {
			d := w.dev[e.dev]
			if e.life != d.life {
				continue
			}
			if w.now < d.asleep { // it happens when the machine wakes
				e.at = d.asleep
				w.push(e)
				continue
			}
		}
		e.do()
	}
	w.now = max(w.now, until)
}

// cutPower takes a device down and what it committed in the last second with it.
func (w *world) cutPower(d *device) {
	if d.up {
		w.power = true
		w.logf("%s: power cut", d)
		w.cover.count("power cut")
		d.stop(false)
		d.disk.lose(w.now - min(w.between(0, 2*time.Second), time.Second))
	}
}

// age counts the time of one side's form as its journal does.
type age struct {
	base time.Duration // lived before from
	from protocol.Instant
}

func (a *age) start(now invitation.Stamp) { *a = age{from: now.Clock} }

func (a *age) now(s invitation.Stamp) time.Duration { return a.base + s.Clock.Sub(a.from) }

// restored goes on counting from what the journal knows.
func (a *age) restored(r *record, now invitation.Stamp) {
	passed := now.Clock.Sub(r.saved.Clock)
	if r.saved.BootID != now.BootID {
		passed = max(now.Wall.Sub(r.saved.Wall), 0)
	}
	*a = age{base: r.age + passed, from: now.Clock}
}
