package invitation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// TestRhythm follows what is said again on one session that never answers.
func TestRhythm(t *testing.T) {
	large := func() *bench {
		b := newBench()
		m, out := invitation.NewLocal(b.env, invitation.Form{
			ID: benchID, Caller: "A", Callee: "B", Content: strings.Repeat("x", protocol.SparinglyOver+1),
			Reach: protocol.MaxTime, Ring: benchRing,
		})
		b.m = m
		b.note(out, nil)
		return b.step(invitation.Send{})
	}
	everyTwo := func(until int) (seconds []int) {
		for s := 2; s <= until; s += 2 {
			seconds = append(seconds, s)
		}
		return seconds
	}
	tests := []struct {
		name  string
		build func() *bench
		lasts int
		want  []int // seconds
	}{
		{"a live Invite", sent, 29, everyTwo(28)},
		{"a large Invite", large, 200, []int{2, 6, 14, 30, 62, 126}},
		{"a bid whose clock stands still", func() *bench { return cutOffWritable() }, 9, everyTwo(8)},
		{"a Confirm", accepted, 3000, append(everyTwo(60), 64, 72, 88, 120, 184, 312, 568, 1080, 1680, 2280, 2880)},
		{"a Cancel after its 5 s", func() *bench { return rung().step(cancelVerb).pass(5 * time.Second).step(invitation.Wake{}) },
			300, append(everyTwo(60), 64, 72, 88, 120, 184)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.build()
			start := b.env.Now.Clock
			var said []int
			for b.last.Wake != 0 && b.last.Wake.Sub(start) <= time.Duration(tt.lasts)*time.Second {
				b.pass(b.last.Wake.Sub(b.env.Now.Clock)).step(invitation.Wake{})
				if len(b.last.Send) > 0 {
					said = append(said, int(b.env.Now.Clock.Sub(start).Seconds()))
				}
			}
			if !slices.Equal(said, tt.want) {
				t.Errorf("said again after %v s, want %v", said, tt.want)
			}
		})
	}
}

// cutOffWritable is a bid on a session on which nothing is read.
func cutOffWritable() *bench {
	b := bid().hear(0)
	b.env.Link.Open = false
	return b
}
