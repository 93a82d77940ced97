package main

import (
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/scripts/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(trial.Main(m, "soak")) }

// A short run: when all is quiet, no goroutine and no descriptor is left over.
func TestQuick(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells of a process's memory in /proc")
	}
	report := trial.New(t, "--quick").Ends()
	for _, words := range []string{"\nviolations: 0\n", "accepted_by_remote", "goroutines", "descriptors"} {
		if !strings.Contains(report, words) {
			t.Errorf("the report does not say %q", words)
		}
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	trial.New(t, "--quick").Interrupted()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	trial.New(t, "--daemons", "2").Refused("--daemons 3 to 100", "usage: scripts/soak")
}

// Growth from the third to the last quarter is found, a little of it is not.
func TestGrowthIsFound(t *testing.T) {
	for _, tt := range []struct {
		by    float64
		found bool
	}{{0, false}, {0.04, false}, {0.10, true}, {-0.3, false}} {
		m := &member{name: "m"}
		for i := range 100 {
			one := sample{}
			for kind := range kinds {
				one.values[kind] = 1e9
				if i >= 75 {
					one.values[kind] *= 1 + tt.by
				}
			}
			m.samples = append(m.samples, one)
		}
		s := &soak{crowd: []*member{m}}
		s.Out, s.Log = io.Discard, io.Discard
		for kind := range kinds {
			s.table(kind, map[*member]sample{m: {}}, map[*member]sample{})
		}
		if found := len(s.violations) == kinds; found != tt.found {
			t.Errorf("growth by %v: %d of %d found", tt.by, len(s.violations), kinds)
		}
	}
}
