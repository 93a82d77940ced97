package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// built holds the commands and this program, built once for all tests.
var built string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "beckon-bin-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	if out, err := exec.Command("go", "build", "-o", built+"/", "../../../cmd/beckond", "../../../cmd/beckon", ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// bench returns a quick run that keeps its files in temp.
func bench(t *testing.T) (cmd *exec.Cmd, temp string) {
	t.Helper()
	temp, err := os.MkdirTemp("", "bkb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	cmd = exec.Command(filepath.Join(built, "bench"), "--bin", built, "--quick")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	return cmd, temp
}

func checkEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("%s is left", f.Name())
	}
}

// notAlways are the figures that only Linux tells, or only a longer run.
var notAlways = []string{figIdle, figLoaded, figCPUCaller, figCPUCallee, figCPUApps, figStill, figStillOwn, figShare, figWire}

// held are the goals that hold on any machine, however busy.
var held = []string{figStill, figFind, figFirst, figKnown}

// A quick run gives every figure, over nothing, with a verdict where there is a
// goal.
func TestQuick(t *testing.T) {
	cmd, temp := bench(t)
	var out, progress bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &progress
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &progress)
	}
	checkEmpty(t, temp)
	for _, r := range rows {
		form := regexp.MustCompile(`(?m)^ *` + regexp.QuoteMeta(r.name) + ` {2,}([0-9.]+)(?:/s| ms| MB| RTT| %) .*?(ok|MISS)? *$`)
		m := form.FindStringSubmatch(out.String())
		if m == nil && (slices.Contains(notAlways, r.name) || strings.HasSuffix(r.name, stripped)) {
			continue // not everywhere, not in a quick run
		}
		if m == nil {
			t.Errorf("no line of %q in\n%s", r.name, &out)
			continue
		}
		// The system counts processor time in steps that an idle daemon may not fill.
		if v, err := strconv.ParseFloat(m[1], 64); err != nil || v < 0 || v == 0 && r.name != figShare {
			t.Errorf("%s is %q", r.name, m[1])
		}
		if m[2] != "ok" && slices.Contains(held, r.name) {
			t.Errorf("%s misses its goal: %s", r.name, m[0])
		}
		if (m[2] != "") != (r.goal != "") {
			t.Errorf("%s has the goal %q and the verdict %q", r.name, r.goal, m[2])
		}
	}
}

// An interrupted run ends all its processes and takes its files away.
func TestInterrupted(t *testing.T) {
	cmd, temp := bench(t)
	progress, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []byte
	for b := make([]byte, 1<<10); !bytes.Contains(said, []byte("round 1")); {
		n, err := progress.Read(b)
		if err != nil {
			t.Fatalf("%v after %q", err, said)
		}
		said = append(said, b[:n]...)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// The pipe ends when the last process that holds it has.
	for b := make([]byte, 1<<10); err == nil; {
		_, err = progress.Read(b)
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("got %v, want exit code 130", err)
	}
	checkEmpty(t, temp)
}

// A figure's verdict is by its median, and by its ratio where it is compared
// with raw.
func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name             string
		raw, worst, best float64 // the figure's samples are spread evenly over worst to best
		want             string
	}{
		{figRing, 0.1, 0.3, 0.1, "2.00 x ok"},
		{figRing, 0.1, 0.3, 0.11, "2.05 x MISS"},
		{figMore, 0, 1000, 3000, " ok"},
		{figMore, 0, 1000, 2990, " MISS"},
		{figFirst, 0.1, 0.125, 0.075, "1.00 x ok"}, // the goal is the figure's, whatever the ratio
		{figFirst, 0.1, 0.155, 0.075, "1.15 x MISS"},
		{figID, 0, 0.030, 0.018, " ok"},
		{figID, 0, 0.030, 0.021, " MISS"},
	} {
		l := &lab{figures: map[string]*figure{}}
		for i := range 101 {
			l.add(tt.name, tt.worst+(tt.best-tt.worst)*float64(i)/100)
			l.add(figEach, tt.raw)
			l.add(figStockFirst, tt.raw)
		}
		i := slices.IndexFunc(rows, func(r row) bool { return r.name == tt.name })
		if ratio, verdict := l.judge(rows[i]); ratio+" "+verdict != tt.want {
			t.Errorf("%s of %v to %v: %q, want %q", tt.name, tt.worst, tt.best, ratio+" "+verdict, tt.want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	f := &figure{}
	for i := range 100 {
		f.samples = append(f.samples, float64(100-i))
	}
	if f.median() != 51 || f.quantile(0.99) != 100 || f.quantile(0.01) != 2 || f.quantile(0) != 1 {
		t.Errorf("of 1 to 100: median %v, p99 %v, p1 %v, least %v", f.median(), f.quantile(0.99), f.quantile(0.01), f.quantile(0))
	}
}
