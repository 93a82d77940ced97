package main

import (
	"context"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/apart"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// span is a time in which a daemon ran, from ready to its kill. A zero end is
// now.
type span struct {
	from, to time.Time
	begun    time.Time // when its process was about to be started
}

// device is one daemon as its user has it. What speaks to it outlives it.
type device struct {
	*client.Client
	name    string
	id      string
	machine *apart.Machine // nil: the machine that this program runs on
	cfg     daemon.Config
	asks    *http.Client
	record  *recorder // sees everything and counts for nobody
	cursor  string    // of the app that was here last

	change sync.Mutex // held while it is killed or started
	mu     sync.Mutex // guards the rest
	d      *daemon.Daemon
	ups    []span
}

func newDevice(place program.Place, name string, m *apart.Machine, listen ...string) *device {
	d := &device{name: name, machine: m}
	d.cfg = daemon.Config{Binary: place.Beckond, Dir: place.Dir, Name: name, Network: "chaos", Listen: listen}
	if m != nil {
		d.cfg.Start = func(cmd *exec.Cmd) (err error) {
			m.Do(func() { err = cmd.Start() })
			return err
		}
	}
	socket := place.Dir + "/" + name + ".sock"
	d.Client = client.New(socket)
	d.asks = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", socket)
	}}}
	d.record = newRecorder(socket)
	return d
}

// start starts the daemon, unless it runs.
func (d *device) start(ctx context.Context) error {
	d.change.Lock()
	defer d.change.Unlock()
	if d.running() {
		return nil
	}
	return d.startLocked(ctx)
}

func (d *device) startLocked(ctx context.Context) error {
	begun := time.Now()
	run, err := daemon.Start(ctx, d.cfg)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.d, d.id = run, run.PeerID
	d.ups = append(d.ups, span{from: time.Now(), begun: begun})
	return nil
}

// kill ends the daemon as kill -9 does and starts it again after a time, which
// may be cut short once by a second kill while it starts. It returns when it is
// ready again.
func (d *device) kill(ctx context.Context, away, inStart time.Duration) (kills int, err error) {
	d.change.Lock()
	defer d.change.Unlock()
	d.killLocked()
	kills = 1
	if !program.Sleep(ctx, away) {
		return kills, ctx.Err()
	}
	if inStart > 0 {
		early, cancel := context.WithTimeout(ctx, inStart)
		err := d.startLocked(early)
		cancel()
		if err == nil {
			return kills, nil // it was faster
		}
		kills++
	}
	return kills, d.startLocked(ctx)
}

func (d *device) killLocked() {
	d.mu.Lock()
	run := d.d
	d.d = nil
	if run != nil {
		d.ups[len(d.ups)-1].to = time.Now()
	}
	d.mu.Unlock()
	if run != nil {
		run.Kill()
	}
}

func (d *device) running() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.d != nil
}

// broken says how the daemon has ended, if nobody has killed it.
func (d *device) broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.d == nil {
		return nil
	}
	return d.d.Err()
}

// close ends the daemon for good.
func (d *device) close() {
	d.change.Lock()
	defer d.change.Unlock()
	d.mu.Lock()
	run := d.d
	d.d = nil
	d.mu.Unlock()
	if run != nil {
		run.Stop()
	}
	d.Client.Close()
	d.asks.CloseIdleConnections()
}

// spans returns when the daemon ran.
func (d *device) spans() []span {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := append([]span(nil), d.ups...)
	for i := range all {
		if all[i].to.IsZero() {
			all[i].to = time.Now()
		}
	}
	return all
}

// upAt returns t if the daemon ran then, else when it was ready next. It returns
// the zero time if it never was.
func (d *device) upAt(t time.Time) time.Time {
	for _, s := range d.spans() {
		if t.Before(s.to) {
			if t.Before(s.from) {
				return s.from
			}
			return t
		}
	}
	return time.Time{}
}

// upThrough reports whether the daemon ran all the time between.
func (d *device) upThrough(from, to time.Time) bool {
	for _, s := range d.spans() {
		if !from.Before(s.from) && !to.After(s.to) {
			return true
		}
	}
	return false
}
