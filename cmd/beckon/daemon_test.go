package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/beckon-p2p/beckon/api/client"
)

// TestDaemonScript runs the scripts in testdata/daemon: beckon and beckond as
// processes. They know these commands beside exit (see TestScript):
//
//	startdaemon NAME [FLAGS]   starts a daemon, or starts it again, and waits until it is ready. $NAME is then
//	                           its socket, $NAME_ID its peer ID, $NAME_ADDRESS an address of it, $NAME_LISTEN the same
//	                           without /p2p/, $NAME_DIR its data. Without FLAGS they are those of the time before
//	stopdaemon NAME            ends it with SIGTERM; it must end with 0
//	killdaemon NAME            ends it with SIGKILL
//	await NAME STATE TEXT      until an invitation with that content is in that state there; $ID is then its id
//	until PROGRAM [ARGS]       runs it until it succeeds
func TestDaemonScript(t *testing.T) {
	bin := buildDaemon(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/daemon",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			dir, err := os.MkdirTemp("", "beckon") // sockets need short paths
			if err != nil {
				return err
			}
			ds := daemons{}
			e.Defer(func() {
				for _, d := range ds {
					d.end(syscall.SIGKILL)
				}
				os.RemoveAll(dir)
			})
			e.Values["daemons"] = ds
			e.Setenv("DIR", dir)
			e.Setenv("PATH", e.Getenv("PATH")+string(filepath.ListSeparator)+bin)
			e.Setenv("BECKOND", filepath.Join(bin, "beckond"))
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir) // a script may bring beckon/config.toml
			e.Setenv("LISTEN", "/ip4/127.0.0.1/tcp/0")
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"startdaemon": startDaemon,
			"stopdaemon":  func(ts *testscript.TestScript, _ bool, args []string) { endDaemon(ts, args, syscall.SIGTERM) },
			"killdaemon":  func(ts *testscript.TestScript, _ bool, args []string) { endDaemon(ts, args, syscall.SIGKILL) },
			"await":       awaitState,
			"until":       untilSucceeds,
			"exit":        exitCommand,
		},
	})
}

// buildDaemon builds beckond and returns its directory.
func buildDaemon(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "beckon-bin-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	out, err := exec.Command("go", "build", "-o", dir+"/", "github.com/beckon-p2p/beckon/cmd/beckond").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return dir
}

// patience bounds every wait of a script.
const patience = 30 * time.Second

// daemons are those of a script, by name.
type daemons map[string]*daemon

type daemon struct {
	args []string
	cmd  *exec.Cmd
	log  bytes.Buffer // to be read when it has ended
	done sync.WaitGroup
}

func (d *daemon) end(s os.Signal) {
	d.cmd.Process.Signal(s)
	d.done.Wait()
}

func startDaemon(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: startdaemon NAME [FLAGS]")
	}
	name, flags, ds := args[0], args[1:], ts.Value("daemons").(daemons)
	socket, data := filepath.Join(ts.Getenv("DIR"), name+".sock"), filepath.Join(ts.Getenv("DIR"), name)
	if old := ds[name]; old != nil && len(flags) == 0 {
		flags = old.args
	}
	d := &daemon{args: flags}
	standard := []string{"--data-dir", data, "--socket", socket, "--network", "test", "--mdns=false"}
	if !strings.Contains(strings.Join(flags, " "), "--listen") {
		standard = append(standard, "--listen", ts.Getenv("LISTEN"))
	}
	d.cmd = exec.Command(ts.Getenv("BECKOND"), append(standard, flags...)...)
	d.cmd.Stderr = &d.log
	d.cmd.Env = []string{"HOME=" + data, "XDG_CONFIG_HOME=" + data, "BECKON_BOOTSTRAP=none"}
	out, err := d.cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(d.cmd.Start())
	ds[name] = d
	line, err := bufio.NewReader(out).ReadString('\n')
	d.done.Go(func() {
		io.Copy(io.Discard, out)
		d.cmd.Wait()
	})
	if err != nil {
		d.done.Wait()
		ts.Fatalf("beckond ended: %v\n%s", d.cmd.ProcessState, d.log.String())
	}
	peer, _, _ := strings.Cut(strings.TrimPrefix(line, "ready peer_id="), " ")
	c := client.New(socket)
	defer c.Close()
	node, err := c.Node(context.Background())
	ts.Check(err)
	prefix := strings.ToUpper(name)
	ts.Setenv(prefix, socket)
	ts.Setenv(prefix+"_ID", peer)
	if len(node.Addresses) > 0 { // none while it is logged out
		ts.Setenv(prefix+"_ADDRESS", node.Addresses[0])
		ts.Setenv(prefix+"_LISTEN", strings.TrimSuffix(node.Addresses[0], "/p2p/"+peer))
	}
	ts.Setenv(prefix+"_DIR", data)
}

func endDaemon(ts *testscript.TestScript, args []string, s syscall.Signal) {
	d := ts.Value("daemons").(daemons)[args[0]]
	if d == nil {
		ts.Fatalf("no daemon %s was started", args[0])
	}
	d.end(s)
	if code := d.cmd.ProcessState.ExitCode(); s == syscall.SIGTERM && code != 0 {
		ts.Fatalf("beckond ended with %d\n%s", code, d.log.String())
	}
}

// retry does something until it reports success.
func retry(ts *testscript.TestScript, what string, do func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !do() {
		select {
		case <-tick.C:
		case <-deadline:
			ts.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func awaitState(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: await NAME STATE TEXT")
	}
	c := client.New(ts.Getenv(strings.ToUpper(args[0])))
	defer c.Close()
	retry(ts, fmt.Sprint("await ", args), func() bool {
		list, err := c.List(context.Background(), client.ListOptions{State: args[1]})
		ts.Check(err)
		for _, inv := range list.Invitations {
			if inv.Content == args[2] {
				ts.Setenv("ID", inv.ID)
				return true
			}
		}
		return false
	})
}

func untilSucceeds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: until PROGRAM [ARGS]")
	}
	retry(ts, fmt.Sprint("until ", args), func() bool { return ts.Exec(args[0], args[1:]...) == nil })
}
