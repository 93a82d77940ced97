package explain

import (
	"math"
	"slices"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// pairs are the messages by which two timelines are aligned: written by the
// caller and read by the callee, or the other way round.
var pairs = []struct {
	written, read Code
	byCaller      bool
}{
	{InviteWritten, InviteRead, true},
	{ConfirmWritten, ConfirmRead, true},
	{CancelWritten, CancelRead, true},
	{DeliveredWritten, DeliveredRead, false},
	{ReceivedWritten, ReceivedRead, false},
	{AcceptWritten, AcceptRead, false},
	{RefuseWritten, RefuseRead, false},
}

// Alignment says how well the other device's times are known on this one's
// clock.
type Alignment struct {
	Pairs  int   // messages that were seen to be written and read
	Within int64 // microseconds by which the other's times may be off; -1: not known
}

// Merge makes one timeline of both devices' steps. No wall clock is compared:
// what one device wrote the other read later, and each such pair bounds the
// distance of the two clocks from one side.
func Merge(kind invitation.Kind, here, there []Step) ([]Step, Alignment) {
	offset, alignment := align(kind, here, there)
	all := slices.Clone(here)
	var start int64
	if len(here) > 0 {
		start = here[0].At - here[0].Since/1000
	}
	for _, s := range there {
		s.Since -= offset
		if s.Last != 0 {
			s.Last -= offset
		}
		s.At, s.Side = start+s.Since/1000, There
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(a, b Step) int {
		switch {
		case a.Since < b.Since:
			return -1
		case a.Since > b.Since:
			return 1
		}
		return 0
	})
	return all, alignment
}

// align returns what the other's clock shows more than ours.
func align(kind invitation.Kind, here, there []Step) (offset int64, a Alignment) {
	low, high := int64(math.MinInt64), int64(math.MaxInt64)
	a.Within = -1
	for _, p := range pairs {
		writer, reader := here, there
		if p.byCaller != (kind == invitation.KindLocal) {
			writer, reader = there, here
		}
		w, r := first(writer, p.written), first(reader, p.read)
		if w == nil || r == nil {
			continue
		}
		a.Pairs++
		if p.byCaller == (kind == invitation.KindLocal) {
			high = min(high, r.Since-w.Since)
		} else {
			low = max(low, w.Since-r.Since)
		}
	}
	switch {
	case low == math.MinInt64 && high == math.MaxInt64:
		return 0, a
	case low == math.MinInt64:
		return high, a
	case high == math.MaxInt64:
		return low, a
	}
	// The bounds cross if a clock drifts, or lies.
	a.Within = max(high-low, low-high)/2 + 1
	return low + (high-low)/2, a
}

func first(steps []Step, c Code) *Step {
	if i := slices.IndexFunc(steps, func(s Step) bool { return s.Code == c }); i >= 0 {
		return &steps[i]
	}
	return nil
}
