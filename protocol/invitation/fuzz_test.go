package invitation_test

import (
	"slices"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// FuzzMachine reads bytes as what happens to one machine, sensible or not.
func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 0, 14, 15})
	f.Add([]byte{1, 9, 8, 2, 16})
	f.Add([]byte{0, 0, 1, 40, 30, 200, 31, 255})
	f.Add([]byte{1, 9, 8, 2, 40, 35, 35, 35, 41})
	list := happenings()
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) == 0 || len(data) > 300 {
			return
		}
		b := newBench()
		if data[0]%2 == 0 {
			local(b)
		} else {
			remote(b)
		}
		for _, by := range data[1:] {
			before := b.m.Form()
			fuzzStep(b, list, int(by))
			after := b.m.Form()
			if b.last.Broken != "" {
				t.Fatalf("broken: %s", b.last.Broken)
			}
			if before.Ended() && after.State != before.State {
				t.Fatalf("%s was left for %s", before.State, after.State)
			}
			ends := 0
			for _, c := range b.told {
				if slices.Contains(terminal, c) {
					ends++
				}
			}
			want := 0
			if after.Ended() && after.State != invitation.Missed {
				want = 1
			}
			if ends != want {
				t.Fatalf("%d terminal callbacks in %s", ends, after.State)
			}
			fuzzWake(t, b)
		}
	})
}

// fuzzStep makes one happening, or changes the surroundings.
func fuzzStep(b *bench, list []happening, by int) {
	if by < len(list) {
		list[by].do(b)
		return
	}
	by -= len(list)
	link := &b.env.Link
	switch {
	case by < 8:
		link.Writable, link.Open, b.env.Online = by&1 != 0, by&2 != 0, by&4 != 0
	case by < 10:
		b.env.App = by == 8
	case by == 10:
		link.LastHeard, link.HeardSince = b.env.Now.Clock, b.env.Now.Clock
	case by == 11:
		link.LastHeard = b.env.Now.Clock
	case by == 12:
		b.m = invitation.Restore(b.env.Now, b.m.Form())
	default:
		b.pass(time.Duration(by) * 97 * time.Millisecond)
	}
	b.step(invitation.Wake{})
}

// fuzzWake follows the timers for a while: each look must be later than the
// one before.
func fuzzWake(t *testing.T, b *bench) {
	if b.last.Wake == 0 {
		if f := b.m.Form(); b.m.Live() && (f.Pair.IsZero() || f.Kind == invitation.KindLocal) {
			t.Fatalf("no clock runs in %s", b.m.Form().State)
		}
		return
	}
	m, env := *b.m, b.env // a copy of the machine goes ahead
	at := max(b.last.Wake, env.Now.Clock)
	for range 3 {
		env.Now.Clock = at
		out, _ := m.Step(env, invitation.Wake{})
		if out.Wake == 0 {
			return
		}
		if out.Wake <= at {
			t.Fatalf("%s looks again at once", m.Form().State)
		}
		at = out.Wake
	}
}
