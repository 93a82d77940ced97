package invitation_test

import (
	"flag"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	histories = flag.Int("histories", 24000, "how many histories the property test runs")
	seed      = flag.Uint64("seed", 0, "replay the history of this seed with its trace")
)

// runSeed runs one history; the seed decides everything.
func runSeed(seed uint64, cover *coverage, log *strings.Builder) string {
	w := newWorld(seed, cover)
	w.log = log
	w.history(&profiles[seed%uint64(len(profiles))])
	return w.failed
}

// TestHistories runs many histories of two devices and everything that can
// happen between them, and holds each step to the invariants.
func TestHistories(t *testing.T) {
	if *seed != 0 {
		var log strings.Builder
		failed := runSeed(*seed, newCoverage(), &log)
		t.Logf("seed %d\n%s", *seed, &log)
		if failed != "" {
			t.Error(failed)
		}
		return
	}
	const workers = 2
	var covers [workers]*coverage
	var failures [workers]uint64
	var wg sync.WaitGroup
	began := time.Now()
	for k := range workers {
		covers[k] = newCoverage()
		wg.Go(func() {
			for s := uint64(k + 1); s <= uint64(*histories) && failures[k] == 0; s += workers {
				if runSeed(s, covers[k], nil) != "" {
					failures[k] = s
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d histories in %v", *histories, time.Since(began).Round(time.Millisecond))
	for _, s := range failures {
		if s != 0 {
			var log strings.Builder
			failed := runSeed(s, newCoverage(), &log)
			t.Errorf("seed %d (replay with -seed %d): %s\n%s", s, s, failed, &log)
		}
	}
	covers[0].add(covers[1])
	table, missing := covers[0].table(min(100, *histories/240))
	if testing.Verbose() || t.Failed() || len(missing) > 0 {
		t.Log("reached:\n" + table)
	}
	if len(missing) > 0 && *histories >= 24000 {
		t.Errorf("reached too rarely: %s", strings.Join(missing, "; "))
	}
}
