package node

import (
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// trail is the timeline of an entry as far as this process gathers it. It is
// the switchboard's: no lock, and no commit of its own.
type trail struct {
	explain.Trail
	start protocol.Instant // when its clock began; 0: not yet
	said  map[string]bool  // messages that were written once
	timer timer            // of the next writing
	gap   time.Duration    // until repeats are written; doubles
}

// Steps are journalled in a transaction of their own, so that no ring waits for
// them: soon after something new, and ever more rarely if it is only the same
// again. The last change of a form takes along what is left.
const (
	writeStepsAfter = time.Second
	writeStepsMost  = time.Hour
)

// fresh begins the timeline of a new form.
func (tr *trail) fresh(now invitation.Stamp) { tr.start = now.Clock }

// resume goes on with what an earlier process journalled. The clock goes on
// from the last step by the wall clock, which is all that both processes know.
func (tr *trail) resume(f *invitation.Form, kept []explain.Step, now invitation.Stamp) {
	passed := now.Wall.Sub(f.CreatedAt)
	if n := len(kept); n > 0 {
		last := kept[n-1]
		after := max(last.Since, last.Last)
		passed = time.Duration(after)*time.Microsecond + max(now.Wall.Sub(time.UnixMilli(last.At)), 0)
	}
	tr.start = now.Clock.Add(-max(passed, 0))
	tr.Resume(kept)
}

// note adds a step to an entry's timeline.
func (sb *switchboard) note(e *entry, at invitation.Stamp, s explain.Step) {
	if e.trail.start == 0 {
		kept, err := sb.keptSteps(e.id)
		if err != nil {
			log.Warnw("the earlier steps of an invitation could not be read", "err", err)
		}
		f := e.machine.Form()
		e.trail.resume(&f, kept, at)
	}
	s.At, s.Since = at.Wall.UnixMilli(), max(at.Clock.Sub(e.trail.start).Microseconds(), 0)
	e.trail.Add(s)
	sb.writeSoon(e, at.Clock, explain.Repeats(s.Code))
}

// writeSoon sees to it that the steps of an entry come into the journal.
func (sb *switchboard) writeSoon(e *entry, now protocol.Instant, repeat bool) {
	tr := &e.trail
	wait := writeStepsAfter
	if repeat {
		wait = max(tr.gap, wait)
	}
	if due := now.Add(wait); tr.timer.index == 0 || due < tr.timer.at {
		tr.timer.fire = func(t *turn) { t.trails = append(t.trails, e) }
		sb.timers.set(&tr.timer, due)
	}
}

func (sb *switchboard) keptSteps(id protocol.ID) ([]explain.Step, error) {
	pieces, err := sb.journal.Steps(id)
	if err != nil {
		return nil, err
	}
	return explain.Decode(pieces)
}

// noteWay notes a step of the way to a peer for all that waits for it.
func (p *peerState) noteWay(t *turn, at invitation.Stamp, s explain.Step) {
	for _, e := range p.entries {
		if !e.counted.needs {
			continue
		}
		t.sb.note(e, at, s)
		if _, touched := t.touched[e]; !touched {
			e.trail.Keep()
		}
	}
}

// watch lets the steps of a dial be heard of.
func (p *peerState) watch(sb *switchboard) func(explain.Step) {
	return func(s explain.Step) {
		at := sb.clock.Stamp()
		sb.post(func(t *turn) { p.noteWay(t, at, s) })
	}
}

// putSteps gives steps to the transaction: those whose time has come, and what
// is left of forms that are over.
func (t *turn) putSteps() {
	for _, e := range t.changed {
		if f := e.machine.Form(); f.Ended() && !f.Owes {
			t.trails = append(t.trails, e)
		}
	}
	for i, e := range t.trails {
		if piece := e.trail.Encode(); piece != "" && !slices.Contains(t.trails[:i], e) {
			t.batch.Steps(e.id, piece)
		}
	}
}

// stepsWritten says that the transaction was committed.
func (t *turn) stepsWritten() {
	for _, e := range t.trails {
		e.trail.Written()
		e.trail.gap = min(max(2*e.trail.gap, writeStepsAfter), writeStepsMost)
		t.sb.timers.set(&e.trail.timer, 0)
	}
}

// retrySteps puts off what could not be written.
func (t *turn) retrySteps() {
	for _, e := range t.trails {
		if t.sb.entries[e.id] == e {
			t.sb.writeSoon(e, t.now.Clock, false)
		}
	}
}

// flushSteps writes all steps before the switchboard ends.
func (sb *switchboard) flushSteps() {
	t := &turn{sb: sb, now: sb.clock.Stamp()}
	for _, e := range sb.entries {
		t.trails = append(t.trails, e)
	}
	if err := t.persist(); err != nil {
		log.Warnw("the last steps could not be journalled", "err", err)
	}
}
