package daemon

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/beckon-p2p/beckon/api/client"
)

const (
	startTime = 20 * time.Second // until it must be ready
	stopTime  = 6 * time.Second  // after SIGTERM, before it is killed; beckond allows itself 5 s
	logTail   = 4 << 10          // bytes of its log that an error shows
)

// Config says what to run.
type Config struct {
	Binary    string   // path of beckond
	Dir       string   // holds data, socket and log, under Name; must exist, with a short path
	Name      string   // what errors call it
	Network   string   // value of --network; required, so that no daemon goes out by mistake
	Bootstrap []string // values of --bootstrap
	Listen    []string // values of --listen; none means QUIC and TCP, IPv4 loopback, any port
	MDNS      bool     // value of --mdns
	More      []string // further flags and their values
	// Start, if not nil, starts the process in the place of cmd.Start, in a
	// namespace perhaps.
	Start   func(cmd *exec.Cmd) error
	Data    string   // value of --data-dir; "" means Name in Dir
	Through []string // a command that runs it, such as a shell that sets limits; none: directly
}

// Default, as the only value of Config.Listen, leaves it to beckond.
const Default = "default"

// Daemon is a beckond that runs.
type Daemon struct {
	*client.Client
	Name   string
	PeerID string

	cmd  *exec.Cmd
	log  string        // path
	done chan struct{} // closed when the process has ended
	end  error         // how it ended; read after done
	stop sync.Once
}

// Start runs a daemon and waits until it is ready, for at most 20 s. It may be
// started again on its directory once it has ended.
func Start(ctx context.Context, cfg Config) (*Daemon, error) {
	if cfg.Network == "" {
		return nil, fmt.Errorf("%s was given no network", cfg.Name)
	}
	dir := cmp.Or(cfg.Data, filepath.Join(cfg.Dir, cfg.Name))
	socket := filepath.Join(cfg.Dir, cfg.Name+".sock")
	d := &Daemon{Client: client.New(socket), Name: cfg.Name, log: filepath.Join(cfg.Dir, cfg.Name+".log"), done: make(chan struct{})}
	words := append(slices.Clone(cfg.Through), cfg.Binary)
	words = append(words, cfg.args(dir, socket)...)
	d.cmd = exec.Command(words[0], words[1:]...)
	d.cmd.Env = environment(cfg.Dir)
	ownGroup(d.cmd)
	stderr, err := os.OpenFile(d.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	d.cmd.Stderr = stderr
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer out.Close()
	d.cmd.Stdout = stdout
	if cfg.Start != nil {
		err = cfg.Start(d.cmd)
	} else {
		err = d.cmd.Start()
	}
	stdout.Close()
	if err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", cfg.Name, err)
	}
	go func() {
		d.end = d.cmd.Wait()
		close(d.done)
	}()
	if err := d.awaitReady(ctx, out); err != nil {
		d.Kill() // who is not ready has nothing to bring to an end in order
		return nil, err
	}
	return d, nil
}

func (cfg Config) args(dir, socket string) []string {
	args := []string{"--data-dir", dir, "--socket", socket, "--network", cfg.Network, "--mdns=" + strconv.FormatBool(cfg.MDNS)}
	listen := cfg.Listen
	switch {
	case len(listen) == 0:
		listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}
	case listen[0] == Default:
		listen = nil
	}
	for _, a := range listen {
		args = append(args, "--listen", a)
	}
	for _, a := range cfg.Bootstrap {
		args = append(args, "--bootstrap", a)
	}
	return append(args, cfg.More...)
}

// environment is this process's own without what would configure a daemon.
func environment(dir string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "BECKON_") && !strings.HasPrefix(v, "XDG_") {
			env = append(env, v)
		}
	}
	return append(env, "XDG_CONFIG_HOME="+dir, "BECKON_BOOTSTRAP=none")
}

// awaitReady reads the line that says so.
func (d *Daemon) awaitReady(ctx context.Context, out *os.File) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { out.SetReadDeadline(time.Now()) })()
	line, err := bufio.NewReader(out).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s is not ready: %w", d.Name, ctx.Err())
	case err == io.EOF:
		<-d.done
		return d.Err()
	case err != nil:
		return err
	}
	rest, ready := strings.CutPrefix(line, "ready peer_id=")
	d.PeerID, _, _ = strings.Cut(rest, " ")
	if !ready || d.PeerID == "" {
		return fmt.Errorf("%s said %q where a line ready peer_id=… was expected", d.Name, line)
	}
	return nil
}

// PID returns the process's id.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Done is closed when the process has ended.
func (d *Daemon) Done() <-chan struct{} { return d.done }

// Err says that the process has ended and how, with the end of its log. It is
// nil while the process runs.
func (d *Daemon) Err() error {
	select {
	case <-d.done:
	default:
		return nil
	}
	how := "with exit code 0"
	if d.end != nil {
		how = d.end.Error()
	}
	text := "; it logged nothing"
	if b, err := os.ReadFile(d.log); err == nil && len(b) > 0 {
		if len(b) > logTail {
			b = b[len(b)-logTail:]
		}
		text = ". Its log:\n" + string(bytes.TrimRight(b, "\n"))
	}
	return fmt.Errorf("%s has ended by itself: %s%s", d.Name, how, text)
}

// Stop ends the process in order, or after 6 s without, and waits for its end.
func (d *Daemon) Stop() {
	d.stop.Do(func() {
		d.Close()
		_ = d.cmd.Process.Signal(syscall.SIGTERM) // fails if it has ended, which is what is wanted
		late := time.AfterFunc(stopTime, func() { _ = d.cmd.Process.Kill() })
		defer late.Stop()
		<-d.done
	})
}

// Kill ends the process at once, as kill -9 does, and waits for its end.
func (d *Daemon) Kill() {
	d.stop.Do(func() {
		d.Close()
		_ = d.cmd.Process.Kill() // fails if it has ended
		<-d.done
	})
}

// StopAll stops daemons at the same time.
func StopAll(ds ...*Daemon) {
	var wg sync.WaitGroup
	for _, d := range ds {
		if d != nil {
			wg.Go(d.Stop)
		}
	}
	wg.Wait()
}
