package main

import (
	"os"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/scripts/internal/trial"
)

func TestMain(m *testing.M) { os.Exit(trial.Main(m, "chaos")) }

// A short run kills, breaks the network and fills disks, and nothing is violated.
func TestQuick(t *testing.T) {
	t.Parallel()
	report := trial.New(t, "--quick", "--kills", "12", "--pairs", "6").Ends()
	for _, words := range []string{"\nviolations: 0\n", "kill -9", "one terminal callback per form"} {
		if !strings.Contains(report, words) {
			t.Errorf("the report does not say %q", words)
		}
	}
	if strings.Contains(report, "not tried") {
		t.Log("not all faults could be tried; the report says why")
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	trial.New(t, "--quick", "--pairs", "2").Interrupted()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	trial.New(t, "--kills", "0").Refused("--kills is 1", "usage: scripts/chaos")
}
