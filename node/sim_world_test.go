package node

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simWorld is some devices, their apps and people, and the network between
// them, in a time of their own. Everything that is real in a device is real
// here: switchboard, machines, journal with its files, event log, sessions. One
// goroutine turns all of it, and one seed decides everything.
type simWorld struct {
	seed    uint64
	rand    *rand.Rand
	now     time.Duration // since the beginning of the world
	steps   int
	queue   simQueue
	dir     string
	devices []*simDevice
	links   map[[2]int]*simLink // from, to
	conns   int
	story   simStory
	healed  time.Duration // since when nothing goes wrong any more; 0: it still does
	calls   []*simCall
	byID    map[protocol.ID]*simCall
	frames  int           // sent
	lastMsg time.Duration // when the last message about an invitation was sent

	faults map[string]int // how often each was done
	pairs  map[string]int // the ends of both forms
	trace  *strings.Builder
}

// simEvent is what happens at a moment. What an earlier life of a device had
// planned does not happen.
type simEvent struct {
	at   time.Duration
	tie  uint64
	d    *simDevice // nil: the world's own
	life int
	do   func()
}

// simQueue is a heap of events, ordered by time and then as the seed says.
type simQueue []*simEvent

func (q simQueue) Len() int { return len(q) }
func (q simQueue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].tie < q[j].tie
}
func (q simQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *simQueue) Push(x any)   { *q = append(*q, x.(*simEvent)) }
func (q *simQueue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	return e
}

// simBroken is what a check that failed panics with.
type simBroken struct{ what string }

// simKilled is what a process that is killed within a turn panics with.
type simKilled struct{ d *simDevice }

// simRun is what became of a seed.
type simRun struct {
	broken string // the first rule that did not hold; empty: all held
	step   int    // and when
	at     time.Duration
	trace  string
	faults map[string]int
	pairs  map[string]int
}

// simulate runs the history of a seed in a directory of its own.
func simulate(seed uint64, traced bool) simRun {
	dir, err := os.MkdirTemp(simBase, "sim")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	w := &simWorld{
		seed: seed, rand: rand.New(rand.NewPCG(seed, 11)), dir: dir, links: map[[2]int]*simLink{},
		byID: map[protocol.ID]*simCall{}, faults: map[string]int{}, pairs: map[string]int{},
	}
	if traced {
		w.trace = &strings.Builder{}
	}
	r := simRun{broken: w.whole()}
	for _, d := range w.devices {
		if d.up {
			d.leaveFiles()
		}
	}
	r.step, r.at, r.faults, r.pairs = w.steps, w.now, w.faults, w.pairs
	if traced {
		r.trace = w.trace.String()
	}
	return r
}

// simBase is where the journals are: in memory, if the system has such a place.
var simBase = func() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}()

// whole is the whole history; it returns what was broken.
func (w *simWorld) whole() (broken string) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case simBroken:
			broken = p.what
			w.tracef("BROKEN at step %d: %s", w.steps, broken)
		default:
			panic(p)
		}
	}()
	w.tell()
	return ""
}

func (w *simWorld) tracef(format string, args ...any) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%6d %12.6f  %s\n", w.steps, w.now.Seconds(), fmt.Sprintf(format, args...))
	}
}

// fail ends the history: a rule did not hold.
func (w *simWorld) fail(format string, args ...any) {
	panic(simBroken{fmt.Sprintf(format, args...)})
}

// fault counts a trouble that was made.
func (w *simWorld) fault(kind string) { w.faults[kind]++ }

func (w *simWorld) chance(percent int) bool { return w.rand.IntN(100) < percent }

func (w *simWorld) between(lo, hi time.Duration) time.Duration {
	if hi <= lo {
		return lo
	}
	return lo + time.Duration(w.rand.Int64N(int64(hi-lo)))
}

func simPick[T any](w *simWorld, of ...T) T { return of[w.rand.IntN(len(of))] }

// after does something later, whatever becomes of the devices.
func (w *simWorld) after(wait time.Duration, do func()) { w.plan(nil, wait, do) }

func (w *simWorld) plan(d *simDevice, wait time.Duration, do func()) {
	e := &simEvent{at: w.now + max(wait, 0), tie: w.rand.Uint64(), d: d, do: do}
	if d != nil {
		e.life = d.life
	}
	heap.Push(&w.queue, e)
}

// run lets the world go on until a moment.
func (w *simWorld) run(until time.Duration) {
	for len(w.queue) > 0 && w.queue[0].at <= until {
		e := heap.Pop(&w.queue).(*simEvent)
		if e.d != nil && (e.life != e.d.life || !e.d.up) {
			continue
		}
		if e.d != nil && w.now < e.d.asleep { // it happens when the machine wakes
			e.at = e.d.asleep + w.between(0, 5*time.Millisecond)
			heap.Push(&w.queue, e)
			continue
		}
		if w.steps++; w.steps > simSteps {
			w.fail("after %d steps it is not over", w.steps)
		}
		w.now = max(w.now+1, e.at) // no two things happen in one instant
		w.do(e.do)
	}
	w.now = max(w.now, until)
}

// do does one step and all that follows at once. A process may be killed in it.
func (w *simWorld) do(f func()) {
	w.mortal(f)
	for _, d := range w.devices {
		w.mortal(d.pump)
	}
}

func (w *simWorld) mortal(f func()) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case simKilled:
			p.d.die("killed within a turn")
		default:
			panic(p)
		}
	}()
	f()
}

func (w *simWorld) path(name string) string { return filepath.Join(w.dir, name) }

// id is an ID that the seed decides.
func (w *simWorld) id() (id protocol.ID) {
	for i := range id {
		id[i] = byte(w.rand.Uint32())
	}
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	return id
}

// simSteps is more than any history takes that comes to an end.
const simSteps = 300_000

// simClock is a device's clock.
type simClock struct{ d *simDevice }

func (c simClock) Now() protocol.Instant {
	return protocol.Instant(c.d.w.now - c.d.bootAt)
}

func (c simClock) Stamp() invitation.Stamp {
	return invitation.Stamp{
		BootID: fmt.Sprintf("boot %d of %s", c.d.boot, c.d), Clock: c.Now(),
		Wall: time.Unix(1_800_000_000, 0).Add(c.d.w.now + c.d.wallOff),
	}
}

func (c simClock) Alarm() Alarm { panic("the simulation rings the alarms itself") }
