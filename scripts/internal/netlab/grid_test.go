//go:build linux

package netlab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// beckondKey is the environment variable that names the beckond to test. The
// test sets it for itself; set by hand it makes the test use another build.
const beckondKey = "NETLAB_BECKOND"

// needWorld is needLab for tests that need a built beckond.
func needWorld(t *testing.T) (beckond string, inside bool) {
	t.Helper()
	if beckond = os.Getenv(beckondKey); beckond == "" {
		beckond = filepath.Join(t.TempDir(), "beckond")
		out, err := exec.Command("go", "build", "-o", beckond, "github.com/beckon-p2p/beckon/cmd/beckond").CombinedOutput()
		if err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	return beckond, needLab(t, beckondKey+"="+beckond)
}

// testTime bounds a test here; none takes a third of it on a machine that is
// not busy.
const testTime = 3 * time.Minute

func build(t *testing.T, cfg Config) (context.Context, *World) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	t.Cleanup(cancel)
	cfg.Say = t.Logf
	w, err := Build(ctx, cfg)
	must(t, w, err)
	t.Cleanup(w.Close)
	return ctx, w
}

// bounded is what TestGrid tries of the grid: no NAT, a hole punched, and a
// relay for good. scripts/netlab grid tries all.
var bounded = []Pair{{Open, Open}, {EIM, EIM}, {Sym, NoUDP}}

// TestGrid: what the table expects of some pairs of homes is so, in both
// directions.
func TestGrid(t *testing.T) {
	beckond, inside := needWorld(t)
	if !inside {
		return
	}
	ctx, w := build(t, Config{Beckond: beckond, Servers: 4, Settle: time.Second})
	table, err := Table()
	must(t, 0, err)
	results, err := Grid{Pairs: bounded, Rounds: 2, AtOnce: 6, Look: 4 * time.Second}.Run(ctx, w)
	must(t, 0, err)
	if len(results) < 2*len(bounded) {
		t.Errorf("only %d rings were tried", len(results))
	}
	for _, r := range results {
		i := slices.IndexFunc(table, func(e Expected) bool { return e.Pair == r.Pair })
		if d := table[i].Differs(r); d != "" {
			t.Error(d)
		}
		if r.Before != "" {
			t.Errorf("%s: the two were connected before: %s", r, r.Before)
		}
	}
}

// TestTableIsWhole: the table has every pair once, and pairs are found in it in
// either order.
func TestTableIsWhole(t *testing.T) {
	table, err := Table()
	if err != nil {
		t.Fatal(err)
	}
	if want := len(Kinds) * (len(Kinds) + 1) / 2; len(table) != want {
		t.Errorf("%d pairs, want %d", len(table), want)
	}
	for i, a := range Kinds {
		for _, b := range Kinds[i:] {
			for _, text := range []string{string(a + "," + b), string(b + "," + a)} {
				if p, err := ParsePair(text); err != nil || p != (Pair{a, b}) {
					t.Errorf("%s is %v, %v", text, p, err)
				}
			}
		}
	}
	if _, err := ParsePair("eim"); err == nil {
		t.Error("half a pair is a pair")
	}
}

// TestLANOnly: the scenario that needs no server of any kind.
func TestLANOnly(t *testing.T) {
	beckond, inside := needWorld(t)
	if !inside {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	i := slices.IndexFunc(Scenarios, func(s Scenario) bool { return s.Name == "lan-only" })
	r, err := Scenarios[i].Run(ctx, Config{Beckond: beckond, Servers: 1})
	if err != nil {
		t.Errorf("%v (%v)", err, r.lines)
	}
}

// TestNothingStays: daemons end with their laboratory, and no file stays.
func TestNothingStays(t *testing.T) {
	beckond, inside := needWorld(t)
	if !inside {
		return
	}
	_, w := build(t, Config{Beckond: beckond, Servers: 2})
	w.Close()
	for _, s := range w.Servers {
		if s.Daemon.Err() == nil {
			t.Errorf("%s runs on", s.Host)
		}
	}
	if _, err := os.Stat(w.dir); !os.IsNotExist(err) {
		t.Errorf("%s: %v", w.dir, err)
	}
}
