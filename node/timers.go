package node

import (
	"container/heap"

	"github.com/beckon-p2p/beckon/protocol"
)

// timer is a moment at which the switchboard does something.
type timer struct {
	at    protocol.Instant
	index int // in the heap, from 1; 0: not in it
	fire  func(t *turn)
}

// timers is a heap of timers, the earliest first.
type timers []*timer

func (ts timers) Len() int           { return len(ts) }
func (ts timers) Less(i, j int) bool { return ts[i].at < ts[j].at }
func (ts timers) Swap(i, j int) {
	ts[i], ts[j] = ts[j], ts[i]
	ts[i].index, ts[j].index = i+1, j+1
}
func (ts *timers) Push(x any) { tm := x.(*timer); tm.index = len(*ts) + 1; *ts = append(*ts, tm) }
func (ts *timers) Pop() any {
	old := *ts
	tm := old[len(old)-1]
	old[len(old)-1] = nil
	*ts = old[:len(old)-1]
	tm.index = 0
	return tm
}

// set moves a timer; 0 takes it out.
func (ts *timers) set(tm *timer, at protocol.Instant) {
	switch {
	case at == 0 && tm.index != 0:
		heap.Remove(ts, tm.index-1)
	case at != 0 && tm.index != 0:
		if tm.at != at {
			tm.at = at
			heap.Fix(ts, tm.index-1)
		}
	case at != 0:
		tm.at = at
		heap.Push(ts, tm)
	}
}

// next is when the earliest timer is due; 0: there is none.
func (ts timers) next() protocol.Instant {
	if len(ts) == 0 {
		return 0
	}
	return ts[0].at
}

// due takes out the timers that are due, the earliest first.
func (ts *timers) due(now protocol.Instant) (over []*timer) {
	for len(*ts) > 0 && (*ts)[0].at <= now {
		over = append(over, heap.Pop(ts).(*timer))
	}
	return over
}
