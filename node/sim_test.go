package node

import (
	"flag"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logging "github.com/ipfs/go-log/v2"
)

var (
	simSeeds    = flag.Int("sim.seeds", 1000, "how many histories of whole devices are simulated")
	simFirst    = flag.Uint64("sim.first", 1, "the first of their seeds")
	simSeed     = flag.Uint64("sim.seed", 0, "simulate the history of this seed alone and show its trace")
	simFailures = flag.Int("sim.failures", 1, "go on until so many seeds have failed")
	simReport   = flag.Bool("sim.report", false, "show what was reached")
)

const (
	simTail     = 80   // lines of a trace that a failure shows
	simRaced    = 12   // histories that are simulated with the race detector, too
	simEnough   = 1000 // histories in which every kind of trouble must have been made
	simAtASpeed = "%d histories, %d steps, %.0f simulated hours in %v: %.0f simulated hours a second"
)

// simSum is what many histories came to.
type simSum struct {
	mu     sync.Mutex
	count  int
	steps  int
	time   time.Duration // simulated
	faults map[string]int
	pairs  map[string]int
	failed []uint64
}

func (s *simSum) add(seed uint64, r *simRun) (stop bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	s.steps += r.step
	s.time += r.at
	for kind, n := range r.faults {
		s.faults[kind] += n
	}
	for kind, n := range r.pairs {
		s.pairs[kind] += n
	}
	if r.broken != "" {
		s.failed = append(s.failed, seed)
	}
	return len(s.failed) >= *simFailures
}

// TestSimulation simulates many histories of whole devices: six real daemons at
// the most, their apps and people, and everything that can go wrong.
func TestSimulation(t *testing.T) {
	if err := logging.SetLogLevel("node", "fatal"); err != nil { // failed commits are no news here
		t.Fatal(err)
	}
	defer logging.SetLogLevel("node", "error")
	switch {
	case *simSeed != 0:
		r := simulate(*simSeed, true)
		fmt.Print(r.trace)
		if r.broken != "" {
			t.Errorf("seed %d, step %d: %s", *simSeed, r.step, r.broken)
		}
	case raceDetector:
		simulateMany(t, simRaced)
		simulateElsewhere(t)
	default:
		simulateMany(t, *simSeeds)
	}
}

func simulateMany(t *testing.T, seeds int) {
	sum := &simSum{faults: map[string]int{}, pairs: map[string]int{}}
	var wg sync.WaitGroup
	began, workers := time.Now(), runtime.GOMAXPROCS(0)
	for k := range workers {
		wg.Go(func() {
			for i := k; i < seeds; i += workers {
				seed := *simFirst + uint64(i)
				if r := simulate(seed, false); sum.add(seed, &r) {
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	t.Logf(simAtASpeed, sum.count, sum.steps, sum.time.Hours(), took.Round(time.Millisecond), sum.time.Hours()/took.Seconds())
	slices.Sort(sum.failed)
	for i, seed := range sum.failed {
		simulateAgain(t, seed, i == 0)
	}
	for _, m := range []map[string]int{sum.faults, sum.pairs} {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if *simReport {
				t.Logf("%8d %s", m[k], k)
			}
		}
	}
	if sum.count >= simEnough {
		sum.checkReached(t)
	}
}

// simulateAgain shows how a seed fails.
func simulateAgain(t *testing.T, seed uint64, tail bool) {
	r := simulate(seed, true)
	if r.broken == "" {
		r.broken = "it failed before and does not fail again: the simulation depends on something else than its seed"
	}
	t.Errorf("seed %d, step %d: %s\nreplay it: scripts/simulate --seed %d", seed, r.step, r.broken, seed)
	if lines := strings.Split(r.trace, "\n"); tail {
		t.Log("\n" + strings.Join(lines[max(0, len(lines)-simTail):], "\n"))
	}
}

// checkReached: what was never made or reached was not tested.
func (s *simSum) checkReached(t *testing.T) {
	want := []string{"loss", "duplicate", "forged", "disk error", "app crash", "lost answer", "cursor expired", "discard", "power cut", "tied", "merged",
		"pruned", "cursor pruned", "pruned before it was read", "lagged"}
	for _, at := range []moment{beforeCommit, committed, sent} {
		want = append(want, "kill "+string(at))
	}
	for _, trouble := range simTroubles {
		want = append(want, trouble.name)
		if trouble.merge {
			want = append(want, "in a merge: "+trouble.name)
		}
	}
	for _, kind := range want {
		if s.faults[kind] == 0 {
			t.Errorf("in %d histories there was never a %q", s.count, kind)
		}
	}
	for _, ends := range simEnds {
		if s.pairs[ends] == 0 {
			t.Errorf("in %d histories no call ended as %q", s.count, ends)
		}
	}
}

// simEnds are ends of calls, at the caller and at the callee, that must be met.
var simEnds = []string{
	"accepted_by_remote | accepted", "accepted_by_remote | failure peer_offline", "refused_by_remote busy | refused busy",
	"canceled canceled | canceled canceled", "canceled canceled | missed canceled", "canceled canceled | refused busy",
	"canceled canceled | failure peer_offline", "canceled canceled | ", "canceled shutdown | canceled shutdown",
	"failure invitation_expire | failure invitation_expire", "failure invitation_expire | failure peer_offline",
	"failure peer_no_response | missed", "failure peer_no_response | failure invitation_expire",
	"failure peer_offline | ", "failure peer_offline | failure peer_offline", "failure peer_offline | failure invitation_expire",
	"failure peer_offline | missed", "failure peer_offline | refused busy", "failure not_logged_in | ",
	"canceled superseded | ", "canceled superseded | missed superseded", "canceled superseded | canceled superseded",
}

// simulateElsewhere simulates in a binary without the race detector, which finds
// nothing in what one goroutine does alone.
func simulateElsewhere(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "simulate.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the simulation: %v\n%s", err, out)
	}
	out, err := exec.Command(binary, "-test.run=^TestSimulation$", "-test.v", fmt.Sprint("-sim.seeds=", *simSeeds), fmt.Sprint("-sim.first=", *simFirst)).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "simulated hours a second") {
		t.Errorf("%v\n%s", err, out)
		return
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "simulated hours a second") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// TestSimulationIsRepeatable: one seed gives one history, to the last byte.
func TestSimulationIsRepeatable(t *testing.T) {
	seeds := uint64(12)
	if raceDetector {
		seeds = 3
	}
	for seed := *simFirst; seed < *simFirst+seeds; seed++ {
		first, second := simulate(seed, true), simulate(seed, true)
		if first.trace != second.trace || first.step != second.step {
			a, b := strings.Split(first.trace, "\n"), strings.Split(second.trace, "\n")
			for i := range min(len(a), len(b)) {
				if a[i] != b[i] {
					t.Errorf("seed %d: line %d was\n%s\nand is\n%s", seed, i+1, a[i], b[i])
					break
				}
			}
		}
		if len(first.trace) < 1000 {
			t.Errorf("seed %d: a trace of %d bytes only", seed, len(first.trace))
		}
	}
}
