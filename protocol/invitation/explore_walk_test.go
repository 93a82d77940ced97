package invitation

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

var exploreAll = flag.Bool("explore", false, "explore the larger sets of invitations, too: minutes, not seconds")

// unbounded lets users, clocks and restarts do what they can.
const unbounded = 1000

// costs reports whether an act is counted where acts are.
func (a act) costs() bool {
	return a.what != "read" && a.what != "send" && a.what != "say again" && a.what != "hand over"
}

type step struct {
	from globalState
	dev  int
	act  act
}

// walk visits every state, the nearest first.
func (x *explorer) walk(t *testing.T) (states, moves int) {
	var start globalState
	seen := map[globalState]struct{}{start: {}}
	queue := []globalState{start}
	var came map[globalState]step
	if *exploreTrace {
		came = map[globalState]step{}
	}
	for len(queue) > 0 {
		g := queue[0]
		queue = queue[1:]
		x.checkGlobal(g)
		if wrong := x.fair(g); wrong != "" {
			x.fail("with a good network from here: %s", wrong)
		}
		if x.broken != "" {
			t.Errorf("%s\nin%s\n%s", x.broken, x.describe(g), x.trace(came, g))
			return len(seen), moves
		}
		x.moves(g, func(dev int, a act) {
			after := x.do(dev, g.dev[dev], a)
			if !after.did {
				return
			}
			if x.broken != "" {
				t.Errorf("%s\nby %s %v in%s\n%s", x.broken, peers[dev], a, x.describe(g), x.trace(came, g))
				return
			}
			moves++
			next := g
			next.dev[dev] = after.state
			if x.spare < unbounded && a.costs() {
				next.acts++
			}
			for _, n := range after.said {
				next.said[n/64] |= 1 << (n % 64)
			}
			if _, ok := seen[next]; !ok {
				seen[next] = struct{}{}
				queue = append(queue, next)
				if came != nil {
					came[next] = step{g, dev, a}
				}
			}
		})
		if x.broken != "" {
			return len(seen), moves
		}
	}
	return len(seen), moves
}

var exploreTrace = flag.Bool("explore-trace", false, "remember the way to each state, to print it")

// moves calls try with everything that can happen in a state.
func (x *explorer) moves(g globalState, try func(dev int, a act)) {
	for n, s := range x.messages {
		if g.said[n/64]&(1<<(n%64)) != 0 {
			try(s.to, act{"read", n})
		}
	}
	spent := int(g.acts) >= x.spare
	for dev := range g.dev {
		for n := range x.plans {
			for _, what := range []string{"send", "cancel", "accept", "refuse", "hand over", "time"} {
				if a := (act{what, n}); !spent || !a.costs() {
					try(dev, a)
				}
			}
		}
		if !spent {
			try(dev, act{"restart", 0})
		}
		try(dev, act{"say again", 0})
	}
}

func (x *explorer) trace(came map[globalState]step, g globalState) string {
	var lines []string
	for came != nil {
		s, ok := came[g]
		if !ok {
			break
		}
		what := fmt.Sprint(s.act)
		if s.act.what == "read" {
			what = fmt.Sprintf("reads %T %+v", x.messages[s.act.n].msg, x.messages[s.act.n].msg)
		}
		lines = append(lines, fmt.Sprintf("%s %s ->%s", peers[s.dev], what, x.describe(g)))
		g = s.from
	}
	var b strings.Builder
	for i := len(lines) - 1; i >= 0; i-- {
		b.WriteString(lines[i] + "\n")
	}
	return b.String()
}

const merge, apart = protocol.GlareMerge, protocol.GlareIndependent

// TestEveryInterleaving explores all that can happen to invitations that cross.
func TestEveryInterleaving(t *testing.T) {
	reached := map[string]int{}
	for _, c := range []struct {
		name         string
		noApp, spare int
		large        bool
		plans        []glarePlan
	}{
		{"both merge", -1, unbounded, false, []glarePlan{{0, merge}, {1, merge}}},
		{"both merge, no app at the winner's", 0, unbounded, false, []glarePlan{{0, merge}, {1, merge}}},
		{"both merge, no app at the loser's", 1, unbounded, false, []glarePlan{{0, merge}, {1, merge}}},
		{"the winner alone merges", -1, unbounded, true, []glarePlan{{0, merge}, {1, apart}}},
		{"the loser alone merges", -1, unbounded, false, []glarePlan{{0, apart}, {1, merge}}},
		{"none merges", -1, unbounded, true, []glarePlan{{0, apart}, {1, apart}}},
		{"two lower ones", -1, 1, false, []glarePlan{{0, merge}, {0, merge}, {1, merge}}},
		{"two higher ones", -1, 1, false, []glarePlan{{1, merge}, {0, merge}, {0, merge}}},
		{"one lower, one higher", -1, 1, false, []glarePlan{{0, merge}, {1, merge}, {0, merge}}},
		{"two lower ones, two acts", -1, 2, true, []glarePlan{{0, merge}, {0, merge}, {1, merge}}},
		{"two higher ones, two acts", -1, 2, true, []glarePlan{{1, merge}, {0, merge}, {0, merge}}},
		{"one lower, one higher, two acts", -1, 2, true, []glarePlan{{0, merge}, {1, merge}, {0, merge}}},
	} {
		if c.large && !*exploreAll {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			x := newExplorer(c.noApp, c.spare, c.plans...)
			states, moves := x.walk(t)
			t.Logf("%d states, %d moves between them; %d kinds of forms, %d messages, %d fair runs; %v",
				states, moves, len(x.machines), len(x.messages), len(x.fairs), time.Since(began).Round(time.Millisecond))
			for row, n := range x.rows {
				reached[row] += n
			}
		})
	}
	for kind, table := range map[Kind][]*Row{KindLocal: LocalTable, KindRemote: RemoteTable} {
		for _, r := range table {
			if name := string(kind) + " " + r.Name; strings.HasPrefix(r.On, "glare:") && reached[name] == 0 {
				t.Errorf("row %s was never taken", name)
			}
		}
	}
}
