package docs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 40 * time.Second

// output is what a program has printed so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// program is a command that an example leaves running.
type program struct {
	what string
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when it has ended
}

// interrupt ends a program as Ctrl-C does and returns its exit code.
func (p *program) interrupt() int {
	p.cmd.Process.Signal(os.Interrupt)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
	return p.cmd.ProcessState.ExitCode()
}

// device is one of the machines that the examples speak of: a directory with
// all that a user has there.
type device struct {
	t       *testing.T
	name    string
	dir     string
	env     []string
	last    string // output of the last example that has ended
	running []*program
}

// newDevice returns a device without a daemon. dir must be short.
func newDevice(t *testing.T, dir, name string) *device {
	t.Helper()
	d := &device{t: t, name: name, dir: filepath.Join(dir, name)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "BECKON_") && !strings.HasPrefix(v, "XDG_") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "HOME=") {
			d.env = append(d.env, v)
		}
	}
	for _, sub := range []string{"run", "work"} {
		if err := os.MkdirAll(filepath.Join(d.dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.env = append(d.env,
		"PATH="+bin(t)+string(filepath.ListSeparator)+os.Getenv("PATH"),
		"HOME="+d.dir,
		"XDG_RUNTIME_DIR="+d.dir+"/run",
		"XDG_DATA_HOME="+d.dir+"/data",
		"XDG_CONFIG_HOME="+d.dir+"/config",
		"QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=true",
		"PYTHONDONTWRITEBYTECODE=1",
		// Tests stay on loopback and with themselves.
		"BECKON_LISTEN=/ip4/127.0.0.1/udp/0/quic-v1,/ip4/127.0.0.1/tcp/0",
		"BECKON_NETWORK=docs",
		"BECKON_BOOTSTRAP=none",
	)
	t.Cleanup(d.close)
	return d
}

func (d *device) close() {
	for i := len(d.running) - 1; i >= 0; i-- {
		p := d.running[i]
		if code := p.interrupt(); code != 0 && code != 130 && p.what == "beckond" {
			d.t.Errorf("%s: beckond ended with %d", d.name, code)
		}
		if d.t.Failed() {
			d.t.Logf("%s: %s printed:\n%s", d.name, p.what, p.out.String())
		}
	}
}

var assignment = regexp.MustCompile(`(?m)^([A-Z]+)=`)

// run runs a script to its end in bash, which must be a good one. What it
// assigns to variables in capitals is there in the next script.
func (d *device) run(where, text string) {
	d.t.Helper()
	script := "set -euo pipefail\n[ ! -e ../vars ] || . ../vars\n" + text
	for _, m := range assignment.FindAllStringSubmatch(text, -1) {
		script += fmt.Sprintf("printf '%s=%%q\\n' \"$%s\" >>../vars\n", m[1], m[1])
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", script)
	cmd.Dir, cmd.Env = filepath.Join(d.dir, "work"), d.env
	out, err := cmd.CombinedOutput()
	d.last = string(out)
	if err != nil {
		d.t.Fatalf("%s on %s: %v\n%s\nprinted:\n%s", where, d.name, err, text, out)
	}
}

// leave starts a command and leaves it running. The first word of what it was
// takes the place of an older one of that name.
func (d *device) leave(where, what string, args ...string) *program {
	d.t.Helper()
	for i, p := range d.running {
		if p.what == what && what == "beckond" {
			if code := p.interrupt(); code != 0 {
				d.t.Fatalf("%s: the daemon before it ended with %d\n%s", where, code, p.out.String())
			}
			d.running = append(d.running[:i], d.running[i+1:]...)
			break
		}
	}
	p := &program{what: what, cmd: exec.Command(args[0], args[1:]...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = filepath.Join(d.dir, "work"), d.env
	p.cmd.Stdout, p.cmd.Stderr = io.Writer(&p.out), io.Writer(&p.out)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		d.t.Fatalf("%s: %v", where, err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait()
	}()
	d.running = append(d.running, p)
	return p
}

// await waits until a program has printed text.
func (d *device) await(where string, p *program, text string) {
	d.t.Helper()
	d.until(func() bool { return strings.Contains(p.out.String(), text) }, func() string {
		return fmt.Sprintf("%s on %s did not print %q but:\n%s", where, d.name, text, p.out.String())
	}, p.done)
}

// shows waits until the device has printed all lines of text in their order;
// … stands for anything within a line.
func (d *device) shows(where, text string) {
	d.t.Helper()
	var pattern strings.Builder
	pattern.WriteString("(?ms)")
	for line := range strings.Lines(text) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString("^" + strings.Join(parts, `[^\n]*`) + "$.*")
	}
	want := regexp.MustCompile(pattern.String())
	d.until(func() bool {
		if want.MatchString(d.last) {
			return true
		}
		for _, p := range d.running {
			if want.MatchString(p.out.String()) {
				return true
			}
		}
		return false
	}, func() string {
		return fmt.Sprintf("%s: %s did not show\n%s\nthe last example printed:\n%s", where, d.name, text, d.last)
	}, nil)
}

// until waits for a condition; it fails with what it says when time is over or
// the condition cannot come any more.
func (d *device) until(ok func() bool, complaint func() string, over <-chan struct{}) {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-over:
			if !ok() {
				d.t.Fatal(complaint())
			}
			return
		case <-deadline:
			d.t.Fatal(complaint())
		}
	}
}
