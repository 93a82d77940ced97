package node

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	logging "github.com/ipfs/go-log/v2"
)

var (
	simSeeds    = flag.Int("sim.seeds", 24, "how many histories of whole devices are simulated")
	simFirst    = flag.Uint64("sim.first", 1, "the first of their seeds")
	simSeed     = flag.Uint64("sim.seed", 0, "simulate the history of this seed alone and show its trace")
	simFailures = flag.Int("sim.failures", 1, "go on until so many seeds have failed")
	simReport   = flag.Bool("sim.report", false, "show what was reached")
)

const simTail = 80 // lines of a trace that a failure shows

// TestSimulation simulates many histories of whole devices.
func TestSimulation(t *testing.T) {
	if *simSeed != 0 {
		r := simulate(*simSeed, true)
		fmt.Print(r.trace)
		if r.broken != "" {
			t.Errorf("seed %d, step %d: %s", *simSeed, r.step, r.broken)
		}
		return
	}
	if err := logging.SetLogLevel("node", "fatal"); err != nil { // failed commits are no news here
		t.Fatal(err)
	}
	defer logging.SetLogLevel("node", "error")
	const workers = 2
	var mu sync.Mutex
	var wg sync.WaitGroup
	faults, pairs := map[string]int{}, map[string]int{}
	var worlds time.Duration
	var failed []uint64
	steps := 0
	began := time.Now()
	for k := range workers {
		wg.Go(func() {
			for i := k; i < *simSeeds; i += workers {
				seed := *simFirst + uint64(i)
				r := simulate(seed, false)
				mu.Lock()
				for kind, n := range r.faults {
					faults[kind] += n
				}
				for kind, n := range r.pairs {
					pairs[kind] += n
				}
				worlds += r.at
				steps += r.step
				if r.broken != "" {
					failed = append(failed, seed)
				}
				stop := len(failed) >= *simFailures
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	slices.Sort(failed)
	for i, seed := range failed {
		r := simulate(seed, true)
		if i > 0 {
			t.Errorf("seed %d, step %d: %s", seed, r.step, r.broken)
			continue
		}
		lines := strings.Split(r.trace, "\n")
		t.Errorf("seed %d, step %d: %s\nscripts/simulate --seed %d replays it\n%s", seed, r.step, r.broken, seed, strings.Join(lines[max(0, len(lines)-simTail):], "\n"))
	}
	t.Logf("%d histories, %d steps, %.0f simulated hours in %v: %.0f simulated hours a second", *simSeeds, steps, worlds.Hours(), took.Round(time.Millisecond), worlds.Hours()/took.Seconds())
	if *simReport {
		for _, m := range []map[string]int{faults, pairs} {
			for _, k := range slices.Sorted(maps.Keys(m)) {
				t.Logf("%8d %s", m[k], k)
			}
		}
	}
}
