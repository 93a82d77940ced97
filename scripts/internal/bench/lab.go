package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// many is how many ring at once.
const many = 64

// benchNetwork is the private DHT of all who are in one.
const benchNetwork = "beckon-bench"

// lab is everything that runs, and what has been measured.
type lab struct {
	plan     plan
	bin, dir string
	perf     string
	progress io.Writer

	raw     *rawPair
	daemons []*daemon.Daemon // bootstrap, caller, callee, the cold two, the idle one
	warm    *couple
	cold    *couple
	still   *still
	stop    context.CancelFunc
	broken  context.Context // done, with the cause, when an app's connection breaks

	figures map[string]*figure
	idle    map[string]int64 // resident bytes by daemon, with nothing to do
	loaded  map[string]int64 // the same after all rings
}

// open starts all processes and attaches the apps.
func (l *lab) open(ctx context.Context) error {
	l.say("starting six daemons, the raw pair and %d neighbours", neighbours)
	var err error
	if l.raw, err = startRawPair(); err != nil {
		return err
	}
	caller, callee, err := l.joined(ctx)
	if err != nil {
		return err
	}
	coldCaller, coldCallee, err := l.apart(ctx)
	if err != nil {
		return err
	}
	if err := l.startStill(ctx); err != nil {
		return err
	}
	if err := l.measureIdle(ctx); err != nil {
		return err
	}
	apps, stop := context.WithCancel(ctx)
	l.stop = stop
	apps, fail := context.WithCancelCause(apps)
	l.broken = apps
	if l.warm, err = newCouple(apps, caller, callee, many, fail); err != nil {
		return err
	}
	l.cold, err = newCouple(apps, coldCaller, coldCallee, 1, fail)
	return err
}

// joined starts a bootstrap peer and two that join the DHT by it.
func (l *lab) joined(ctx context.Context) (caller, callee *daemon.Daemon, err error) {
	cfg := daemon.Config{Name: "bootstrap", Network: benchNetwork}
	boot, err := l.start(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	info, err := boot.Node(ctx)
	if err != nil {
		return nil, nil, err
	}
	cfg.Bootstrap = info.Addresses
	cfg.Name = "caller"
	if caller, err = l.start(ctx, cfg); err != nil {
		return nil, nil, err
	}
	cfg.Name = "callee"
	if callee, err = l.start(ctx, cfg); err != nil {
		return nil, nil, err
	}
	for _, d := range []*daemon.Daemon{boot, caller, callee} {
		if err := until(ctx, d, online); err != nil {
			return nil, nil, err
		}
	}
	return caller, callee, nil
}

// apart starts two who connect for a ring only: they are in no DHT, and the
// caller knows the callee's address as from an earlier meeting.
func (l *lab) apart(ctx context.Context) (caller, callee *daemon.Daemon, err error) {
	port, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	kept := fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", port.LocalAddr().(*net.UDPAddr).Port)
	port.Close()
	callee, err = l.start(ctx, daemon.Config{Name: "cold-callee", Network: "lan", Listen: []string{kept}})
	if err != nil {
		return nil, nil, err
	}
	if err := l.remember("cold-caller", callee.PeerID, kept); err != nil {
		return nil, nil, err
	}
	if caller, err = l.start(ctx, daemon.Config{Name: "cold-caller", Network: "lan"}); err != nil {
		return nil, nil, err
	}
	return caller, callee, errors.Join(until(ctx, callee, online), until(ctx, caller, online))
}

// remember puts an address into the cache that a daemon will start with.
func (l *lab) remember(name, peerID, addr string) error {
	dir := filepath.Join(l.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	cache := fmt.Sprintf(`{"format":"beckon peers 1","peers":[{"id":%q,"addrs":[%q]}]}`, peerID, addr)
	return os.WriteFile(filepath.Join(dir, "peers.json"), []byte(cache), 0o600)
}

func (l *lab) start(ctx context.Context, cfg daemon.Config) (*daemon.Daemon, error) {
	cfg.Binary, cfg.Dir = filepath.Join(l.bin, "beckond"), l.dir
	d, err := daemon.Start(ctx, cfg)
	if err == nil {
		l.daemons = append(l.daemons, d)
	}
	return d, err
}

// explain adds to an error what is behind it.
func (l *lab) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, d := range l.daemons {
		err = errors.Join(err, d.Err())
	}
	return err
}

// close ends the apps and all processes.
func (l *lab) close() {
	if l.stop != nil {
		l.stop()
	}
	daemon.StopAll(l.daemons...)
	if l.still != nil {
		l.still.close()
	}
	if l.raw != nil {
		_ = l.raw.close() // they only measured; there is nothing to lose
	}
}

func (l *lab) say(format string, args ...any) {
	fmt.Fprintf(l.progress, "bench: "+format+"\n", args...)
}

// measure measures everything, the kinds in turns.
func (l *lab) measure(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.broken, func() { cancel(context.Cause(l.broken)) })()
	if err := l.warmUp(ctx); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	for i := range l.plan.rounds {
		l.say("round %d of %d", i+1, l.plan.rounds)
		if err := l.round(ctx); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
	}
	if l.perf != "" {
		if err := l.profile(ctx); err != nil {
			return err
		}
	}
	if err := errors.Join(l.measureLoaded(), l.measureSizes(ctx), l.measureStill(ctx)); err != nil {
		return err
	}
	return l.measureVirtual(ctx)
}

// warmUp does everything a few times and forgets the figures.
func (l *lab) warmUp(ctx context.Context) error {
	kept := l.plan
	defer func() { l.plan, l.figures = kept, map[string]*figure{} }()
	l.plan.warm, l.plan.cold, l.plan.ids, l.plan.crowd = 30, 2, 2, 200*time.Millisecond
	return l.round(ctx)
}

// round measures everything once.
func (l *lab) round(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		l.rawRound, l.ringRound, l.rawColdRound, l.coldRound, l.crowdRound, l.idRound,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// profile has 64 ring at once while perf looks at the two daemons.
func (l *lab) profile(ctx context.Context) error {
	pids := fmt.Sprintf("%d,%d", l.warm.caller.PID(), l.warm.callee.PID())
	cmd := exec.CommandContext(ctx, "perf", "record", "-F", "999", "-g", "-p", pids, "-o", l.perf, "sleep", "3")
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("--perf: %w", err)
	}
	var wg sync.WaitGroup
	var crowd error
	wg.Go(func() { _, _, crowd = l.warm.crowd(ctx, many, 4*time.Second) })
	err := cmd.Wait()
	wg.Wait()
	return errors.Join(err, crowd)
}
