package explain

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/beckon-p2p/beckon/protocol"
)

// Bounds of what one invitation keeps: enough for any honest one, and a
// hundred thousand of them fit on a disk.
const (
	MaxSteps = protocol.MaxExplainSteps
	MaxBytes = protocol.MaxExplain
	// Of both a quarter is for what repeats least, so that a bad line does not
	// take the room of the end.
	keptBack = 4
	// maxLefts are the steps that say that others were left out: one for each
	// time that the trail was journalled, the first ones.
	maxLefts = 8
	maxText  = 128 // bytes of one text, an address for example
)

// Trail gathers the steps of one invitation until they are journalled. The
// zero value is empty.
type Trail struct {
	pending []Step
	steps   int // with those that are in the journal
	bytes   int
	lefts   int // steps that say that others were left out
	kept    int // of pending, what a failed commit does not take back
}

// Add appends a step, or counts it where the same is pending already. Over the
// bounds it only counts how many were left out.
func (t *Trail) Add(s Step) {
	s = s.tidy()
	if repeats[s.Code] {
		for i := len(t.pending) - 1; i >= 0; i-- {
			if t.pending[i].same(s) {
				t.pending[i].absorb(s)
				return
			}
		}
	}
	switch {
	case s.Code == LeftOut && t.lefts >= maxLefts:
		return
	case s.Code == LeftOut:
		t.lefts++
	case t.full(s):
		t.Add(Step{Code: LeftOut, At: s.At, Since: s.Since})
		return
	}
	t.pending = append(t.pending, s)
	t.steps++
	t.bytes += s.size()
}

// full reports whether there is no room for s.
func (t *Trail) full(s Step) bool {
	steps, bytes := MaxSteps-maxLefts, MaxBytes-maxLefts*Step{Code: LeftOut}.size()
	if repeats[s.Code] {
		steps, bytes = steps-steps/keptBack, bytes-bytes/keptBack
	}
	return t.steps >= steps || t.bytes+s.size() > bytes
}

// Keep says that what was added so far stays whatever becomes of the moment
// that follows.
func (t *Trail) Keep() { t.kept = len(t.pending) }

// Undo takes back the steps that were added since Keep. A repeat that was
// counted stays counted.
func (t *Trail) Undo() {
	for _, s := range t.pending[t.kept:] {
		t.steps--
		t.bytes -= s.size()
		if s.Code == LeftOut {
			t.lefts--
		}
	}
	t.pending = t.pending[:t.kept]
}

// Pending returns the steps that are not in the journal yet.
func (t *Trail) Pending() []Step { return slices.Clone(t.pending) }

// Encode returns the pending steps as the journal keeps them; "" for none.
func (t *Trail) Encode() string {
	if len(t.pending) == 0 {
		return ""
	}
	b, err := json.Marshal(t.pending)
	if err != nil {
		return "" // plain text and numbers: it cannot be
	}
	return string(b)
}

// Written says that the pending steps are in the journal.
func (t *Trail) Written() { t.pending, t.kept = nil, 0 }

// Resume counts what the journal has already.
func (t *Trail) Resume(steps []Step) {
	t.steps += len(steps)
	for _, s := range steps {
		t.bytes += s.size()
		if s.Code == LeftOut {
			t.lefts++
		}
	}
}

// Decode reads what Encode wrote, piece by piece in order.
func Decode(pieces []string) ([]Step, error) {
	var all []Step
	for _, p := range pieces {
		var steps []Step
		if err := json.Unmarshal([]byte(p), &steps); err != nil {
			return nil, fmt.Errorf("the stored steps of an invitation cannot be read: %w", err)
		}
		all = append(all, steps...)
	}
	return all, nil
}

// Collect puts steps into the order of their happening, repeats counted as one.
func Collect(steps []Step) []Step {
	var all []Step
	for _, s := range steps {
		i := -1
		if repeats[s.Code] {
			i = slices.IndexFunc(all, func(t Step) bool { return t.same(s) })
		}
		if i >= 0 {
			all[i].absorb(s)
		} else {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(a, b Step) int { return int(a.Since - b.Since) })
	return all
}
