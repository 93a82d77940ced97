package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"go.uber.org/goleak"
)

// built holds the daemon and the demonstration, built once for all tests.
var built string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	var err error
	if built, err = os.MkdirTemp("", "beckon-bin-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(built)
	if out, err := exec.Command("go", "build", "-o", built+"/", "../../../cmd/beckond", ".").CombinedOutput(); err != nil {
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

// show is a demonstration with a place of its own for what it must not leave.
type show struct {
	*exec.Cmd
	temp string // its temporary directory
	out  bytes.Buffer
}

func newShow(t *testing.T, beckond string) *show {
	t.Helper()
	temp, err := os.MkdirTemp("", "bkd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	// As scripts/demo does, with a copy to be cleared away.
	bin := filepath.Join(temp, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	s := &show{exec.CommandContext(ctx, filepath.Join(built, "demo"), "--beckond", beckond, "--clear", bin), temp, bytes.Buffer{}}
	s.Env = append(os.Environ(), "TMPDIR="+temp)
	s.Stderr = &s.out
	return s
}

// leavesNothing checks that no file and no process is left.
func (s *show) leavesNothing(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(s.temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range left {
		t.Errorf("%s is left", f.Name())
	}
	if pids := daemonsOf(t, s.temp); len(pids) > 0 {
		t.Errorf("the processes %v are left", pids)
	}
}

// daemonsOf returns the processes with a directory in their command lines.
func daemonsOf(t *testing.T, dir string) (pids []string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc to find processes")
	}
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte("--data-dir\x00"+dir)) {
			pids = append(pids, filepath.Base(filepath.Dir(f)))
		}
	}
	return pids
}

// The demonstration shows four invitations, each with its callbacks on the side
// where they belong, and ends well.
func TestWholeShow(t *testing.T) {
	s := newShow(t, filepath.Join(built, "beckond"))
	var page bytes.Buffer
	s.Stdout = &page
	if err := s.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &page, &s.out)
	}
	s.leavesNothing(t)
	for _, line := range strings.Split(page.String(), "\n") {
		if n := utf8.RuneCountInString(line); n > 100 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
		if strings.Contains(line, "\x1b") {
			t.Errorf("colour where there is no terminal: %q", line)
		}
	}
	for i, want := range [][]string{
		{"Accepted", "local_invitation_accepted", "remote_invitation_accepted", `response "Gladly"`},
		{"Refused", "local_invitation_refused", "remote_invitation_refused", "reason busy"},
		{"Cancelled by the caller", "local_invitation_canceled", "remote_invitation_canceled", "reason canceled"},
		{"Expired, since nobody answers", "local_invitation_failure", "remote_invitation_failure", "error invitation_expire"},
	} {
		checkScene(t, sceneOf(page.String(), i), want)
	}
	if !strings.HasSuffix(page.String(), "All 4 ended as they should.\n") {
		t.Errorf("the last line is missing:\n%s", &page)
	}
}

// sceneOf returns the lines of a scene; before them is the cast.
func sceneOf(page string, i int) string {
	parts := strings.Split(page, "\n\n")
	if len(parts) != 6 {
		return ""
	}
	return parts[i+1]
}

var rowForm = regexp.MustCompile(`^( {0,4}\d+| {5})  (.{46}) \|(?: (.*))?$`)

// checkScene wants the title, the two ends in their columns, and on both sides
// what is said about them.
func checkScene(t *testing.T, scene string, want []string) {
	t.Helper()
	lines := strings.Split(scene, "\n")
	if len(lines) < 3 || lines[0] != want[0] {
		t.Errorf("the scene %q is missing; got:\n%s", want[0], scene)
		return
	}
	var left, right []string
	for _, line := range lines[2:] {
		row := rowForm.FindStringSubmatch(line)
		if row == nil {
			t.Errorf("%s: a line without columns: %q", want[0], line)
			continue
		}
		left, right = append(left, strings.TrimSpace(row[2])), append(right, strings.TrimSpace(row[3]))
	}
	for _, side := range []struct {
		name, first, last string
		cells             []string
	}{
		{"caller", "local_invitation_received_by_peer", want[1], left},
		{"callee", "remote_invitation_received", want[2], right},
	} {
		first, last := slices.Index(side.cells, side.first), slices.Index(side.cells, side.last)
		if first < 0 || last < first {
			t.Errorf("%s: the %s's column lacks %s and then %s:\n%s", want[0], side.name, side.first, side.last, scene)
			continue
		}
		if !strings.Contains(strings.Join(side.cells[last:], "\n"), want[3]) {
			t.Errorf("%s: the %s's column lacks %s:\n%s", want[0], side.name, want[3], scene)
		}
	}
}

// A signal in the middle of it leaves no process and no file.
func TestInterrupted(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		s := newShow(t, filepath.Join(built, "beckond"))
		out, err := s.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		for in.Scan() && !strings.Contains(in.Text(), "remote_invitation_received") {
		}
		if len(daemonsOf(t, s.temp)) != 3 {
			t.Errorf("before the signal there are the processes %v", daemonsOf(t, s.temp))
		}
		if err := s.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		for in.Scan() {
		}
		if err := s.Wait(); s.ProcessState.ExitCode() != 130 {
			t.Errorf("after %v: %v\n%s", sig, err, &s.out)
		}
		s.leavesNothing(t)
	}
}

// A daemon that does not work is an error that shows what the daemon said.
func TestBrokenDaemon(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "beckond")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho no room on this machine >&2\nexit 7\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s := newShow(t, broken)
	if err := s.Run(); s.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	for _, want := range []string{"bootstrap has ended by itself", "exit status 7", "no room on this machine"} {
		if !strings.Contains(s.out.String(), want) {
			t.Errorf("the error lacks %q:\n%s", want, &s.out)
		}
	}
	s.leavesNothing(t)
}

// A daemon that dies while an invitation rings is told of, with its log.
func TestDaemonDies(t *testing.T) {
	s := newShow(t, filepath.Join(built, "beckond"))
	out, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	for in.Scan() && !strings.Contains(in.Text(), "remote_invitation_received") {
	}
	for _, pid := range daemonsOf(t, filepath.Join(s.temp)) {
		if b, _ := os.ReadFile("/proc/" + pid + "/cmdline"); bytes.Contains(b, []byte("/callee\x00")) {
			if err := exec.Command("kill", "-KILL", pid).Run(); err != nil {
				t.Fatal(err)
			}
		}
	}
	for in.Scan() {
	}
	if err := s.Wait(); s.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit code 1", err)
	}
	if !strings.Contains(s.out.String(), "callee has ended by itself: signal: killed") {
		t.Errorf("the error does not say it:\n%s", &s.out)
	}
	s.leavesNothing(t)
}
