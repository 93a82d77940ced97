// Package trial tries the programs of scripts that run daemons for long, in tests:
// built as their scripts build them, run to their end, or interrupted. It must not
// know what they try.
package trial

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// most is how long a run may take on a machine that does much else.
const most = 3 * time.Minute

// built holds beckond and the program, built once for all tests.
var built struct{ dir, name string }

// Main builds the program of the working directory and beckond, runs the tests and
// returns the exit code.
func Main(m *testing.M, name string) int {
	dir, err := os.MkdirTemp("", "beckon-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	built.dir, built.name = dir, name
	if out, err := exec.Command("go", "build", "-o", dir+"/", "../../../cmd/beckond", ".").CombinedOutput(); err != nil {
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

// Run is a run of the program, with a place of its own for what it must not leave.
type Run struct {
	t        testing.TB
	cmd      *exec.Cmd
	temp     string
	out, log bytes.Buffer
}

// New returns a run with these arguments, not yet started.
func New(t testing.TB, args ...string) *Run {
	t.Helper()
	temp, err := os.MkdirTemp("", "bkt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	// As the script does, with a directory to be cleared away.
	clear := filepath.Join(temp, "clear")
	if err := os.Mkdir(clear, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	t.Cleanup(cancel)
	r := &Run{t: t, temp: temp}
	r.cmd = exec.CommandContext(ctx, filepath.Join(built.dir, built.name), append([]string{"--bin", built.dir, "--clear", clear}, args...)...)
	r.cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.log
	return r
}

// Ends runs the program to its end, which must be a good one, and returns its
// report.
func (r *Run) Ends() string {
	r.t.Helper()
	if err := r.cmd.Run(); err != nil {
		r.t.Fatalf("%v\n%s\n%s", err, &r.log, &r.out)
	}
	r.leavesNothing()
	r.t.Logf("%s", &r.out)
	return r.out.String()
}

// Refused runs the program, which must end with code 2 and say all these words.
func (r *Run) Refused(words ...string) {
	r.t.Helper()
	if err := r.cmd.Run(); r.cmd.ProcessState.ExitCode() != 2 {
		r.t.Fatalf("%v, want exit code 2\n%s", err, &r.log)
	}
	for _, w := range words {
		if !strings.Contains(r.log.String(), w) {
			r.t.Errorf("it said %q, without %q", &r.log, w)
		}
	}
	r.leavesNothing()
}

// Interrupted starts the program, waits until daemons of it run, and interrupts
// it.
func (r *Run) Interrupted() {
	r.t.Helper()
	if err := r.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.Now().Add(most / 3)
	for len(r.processes()) < 2 {
		if <-tick.C; time.Now().After(deadline) {
			break
		}
	}
	late := len(r.processes()) < 2
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); late || r.cmd.ProcessState.ExitCode() != 130 {
		r.t.Errorf("%v, want exit code 130; no daemon ran: %v\n%s", err, late, &r.log)
	}
	r.leavesNothing()
}

// processes are those of beckond that the run has started, where the system tells.
func (r *Run) processes() []string {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var ours []string
	for _, path := range all {
		line, err := os.ReadFile(path)
		if err == nil && bytes.Contains(line, []byte(r.temp)) && bytes.Contains(line, []byte("--data-dir")) {
			ours = append(ours, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return ours
}

// leavesNothing checks that no file and no process is left.
func (r *Run) leavesNothing() {
	r.t.Helper()
	left, err := os.ReadDir(r.temp)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, f := range left {
		r.t.Errorf("%s is left", f.Name())
	}
	for _, p := range r.processes() {
		r.t.Errorf("it still runs: %s", p)
	}
}
