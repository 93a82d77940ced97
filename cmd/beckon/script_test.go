package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/api"
)

// TestMain makes the program itself a command of the scripts.
func TestMain(m *testing.M) {
	testscript.Main(leakless{m}, map[string]func(){"beckon": main})
}

// leakless fails a run that leaves goroutines behind.
type leakless struct{ m *testing.M }

func (l leakless) Run() int {
	code := l.m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// TestScript runs the scripts in testdata/script: beckon as a process of its
// own, against the fake daemon. They begin with a daemon that runs, at
// $BECKON_SOCKET, and know $ME and $THEM, two peer IDs, beside these commands:
//
//	fake stop | start                the daemon goes away, comes back
//	fake fate FATE [RESPONSE]        of what is sent from now on: accept, refuse, ring, or a failure's word
//	fake ring ID APP [CONTENT]       an invitation arrives
//	fake missed ID APP COUNT WHY     the caller tells of calls that never rang
//	fake end ID STATE WORD           it ends, for that reason or with that error
//	fake check NAME OUTCOME FOUND [ADVICE]   the doctor finds this, too
//	fake relays N                    places are held at so many relays
//	fake wait TEXT                   until a request, or "hello CURSOR QUERY" of a stream, contains TEXT
//	exit CODE COMMAND [ARGS]         runs it and checks the exit code
//
// Scripts that drive the real beckond go into a folder of their own, with a
// test like this one and a command startdaemon in the place of fake.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			dir, err := os.MkdirTemp("", "beckon") // sockets need short paths
			if err != nil {
				return err
			}
			f := newFake(filepath.Join(dir, "s"))
			e.Defer(func() {
				f.stop()
				os.RemoveAll(dir)
			})
			e.Values["fake"] = f
			e.Setenv("BECKON_SOCKET", f.socket)
			e.Setenv("ME", me)
			e.Setenv("THEM", them)
			e.Setenv("ESC", "\x1b")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or each race-built beckon takes a second to end
			return f.start()
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"fake": fakeCommand,
			"exit": exitCommand,
		},
	})
}

func fakeCommand(ts *testscript.TestScript, neg bool, args []string) {
	f := ts.Value("fake").(*fake)
	args = append(args, "", "", "", "")
	if neg {
		ts.Fatalf("! fake makes no sense")
	}
	var err error
	switch args[0] {
	case "start":
		err = f.start()
	case "stop":
		f.stop()
	case "fate":
		f.change(func() { f.fate, f.response = args[1], args[2] })
	case "ring":
		f.change(func() { f.ring(args[1], args[2], strings.ReplaceAll(args[3], `\n`, "\n")) })
	case "missed":
		f.change(func() { err = f.missed(args[1], args[2], args[3], args[4]) })
	case "check":
		f.change(func() {
			f.checks = append(f.checks, api.Check{Name: args[1], Outcome: args[2], Found: args[3], Advice: args[4]})
		})
	case "relays":
		n, bad := strconv.Atoi(args[1])
		err = bad
		f.change(func() { f.node.Reachability, f.node.Relays = "private", slices.Repeat([]string{them}, n) })
	case "end":
		f.change(func() { err = f.end(args[1], args[2], args[3]) })
	case "wait":
		err = f.until(func() bool {
			return slices.ContainsFunc(f.seen, func(line string) bool { return strings.Contains(line, args[1]) })
		})
	default:
		err = fmt.Errorf("fake does not know %q", args[0])
	}
	ts.Check(err)
}

// missed is a notice of calls that never rang, the last of them just now.
func (f *fake) missed(id, app, count, why string) error {
	n, err := strconv.Atoi(count)
	hour := api.Time{Time: time.Now().Add(-time.Hour)}
	f.emit(api.RemoteInvitationMissed, api.Invitation{
		ID: id, Kind: api.KindRemote, State: api.Missed, App: app, CallerID: them, CalleeID: me, CreatedAt: now(), EndedAt: now(),
		Missed: &api.MissedCalls{Count: n, FirstAt: hour, LastAt: now(), Why: why},
	})
	return err
}

// end ends a remote invitation as its caller or its clock would.
func (f *fake) end(id, state, word string) error {
	inv, ok := f.find(id)
	if !ok {
		return errors.New("no invitation " + id)
	}
	inv.State, inv.EndedAt = state, now()
	kind := api.RemoteInvitationCanceled
	if state == api.Failure {
		kind, inv.Error = api.RemoteInvitationFailure, word
	} else {
		inv.Reason = word
	}
	f.emit(kind, inv)
	return nil
}

// exitCommand runs a command and checks its exit code: exit CODE COMMAND ARGS.
func exitCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARGS]")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}
