package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/scripts/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(trial.Main(m, "events")) }

// A short run: what the readers were told is the log.
func TestQuick(t *testing.T) {
	t.Parallel()
	report := trial.New(t, "--quick").Ends()
	for _, words := range []string{"\nviolations: 0\n", ": 1000 events, as in the log", "4 were told lagged, 4 caught up"} {
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
	trial.New(t, "--events", "-1").Refused("1 to 90000", "usage: scripts/events")
}

// What is lost, told twice or told in another order is found.
func TestCompare(t *testing.T) {
	log := []entry{{"E:1", 1, "a", "x"}, {"E:2", 2, "b", "y"}, {"E:3", 3, "a", "z"}}
	if err := compare("it", log, slices.Clone(log)); err != nil {
		t.Error(err)
	}
	for name, told := range map[string][]entry{
		"lost at the end": log[:2],
		"lost":            {log[0], log[2]},
		"twice":           {log[0], log[0], log[1], log[2]},
		"another order":   {log[1], log[0], log[2]},
		"nothing":         nil,
	} {
		if compare("it", log, told) == nil {
			t.Errorf("%s: not found", name)
		}
	}
}
