package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

func (l *lab) rawRound(ctx context.Context) error {
	for kind, name := range map[string]string{rawEach: figEach, rawMany: figMany} {
		if err := l.rawOne(ctx, kind, name, l.plan.warm); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) rawColdRound(ctx context.Context) error {
	return l.rawOne(ctx, rawCold, figRawCold, l.plan.cold)
}

func (l *lab) rawOne(ctx context.Context, kind, name string, n int) error {
	took, err := l.raw.measure(ctx, kind, n)
	for _, d := range took {
		l.add(name, d.Seconds())
	}
	return err
}

// ringRound is the warm rings. The first of a round only wakes everybody up.
func (l *lab) ringRound(ctx context.Context) error {
	for i := range l.plan.warm + 1 {
		ring, accept, err := l.warm.workers[0].whole(ctx)
		if err != nil {
			return err
		}
		if i > 0 {
			l.add(figRing, ring.Seconds())
			l.add(figAccept, accept.Seconds())
		}
	}
	return nil
}

func (l *lab) coldRound(ctx context.Context) error {
	for range l.plan.cold {
		ring, err := l.cold.coldRing(ctx)
		if err != nil {
			return fmt.Errorf("ring from cold: %w", err)
		}
		l.add(figCold, ring.Seconds())
	}
	return nil
}

func (l *lab) crowdRound(ctx context.Context) error {
	perSecond, _, err := l.warm.crowd(ctx, 1, l.plan.crowd)
	if err != nil {
		return fmt.Errorf("one at once: %w", err)
	}
	l.add(figOne, perSecond)
	before := []time.Duration{used(l.warm.caller.PID()), used(l.warm.callee.PID()), used(os.Getpid())}
	perSecond, n, err := l.warm.crowd(ctx, many, l.plan.crowd)
	if err != nil {
		return fmt.Errorf("%d at once: %w", many, err)
	}
	l.add(figMore, perSecond)
	for i, pid := range []int{l.warm.caller.PID(), l.warm.callee.PID(), os.Getpid()} {
		if now := used(pid); now > 0 {
			l.add([]string{figCPUCaller, figCPUCallee, figCPUApps}[i], (now-before[i]).Seconds()/float64(n))
		}
	}
	return nil
}

// idRound times whole processes of beckon id.
func (l *lab) idRound(ctx context.Context) error {
	for range l.plan.ids {
		cmd := exec.CommandContext(ctx, filepath.Join(l.bin, "beckon"), "--socket", l.warm.caller.Socket(), "id")
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("beckon id: %w", err)
		}
		l.add(figID, time.Since(start).Seconds())
	}
	return nil
}

// measureSizes reads the sizes of the binaries, as built and as packages have them.
func (l *lab) measureSizes(ctx context.Context) error {
	dirs := map[string]string{"": l.bin}
	if l.plan.stripped {
		l.say("building stripped binaries")
		dir := filepath.Join(l.dir, "stripped") + string(filepath.Separator)
		out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir, "./cmd/beckond", "./cmd/beckon").CombinedOutput()
		if err != nil {
			return fmt.Errorf("building stripped binaries: %w\n%s", err, out)
		}
		dirs[stripped] = dir
	}
	for how, dir := range dirs {
		for _, name := range []string{"beckond", "beckon"} {
			info, err := fs.Stat(os.DirFS(dir), name)
			if err != nil {
				return err
			}
			l.add(name+size+how, float64(info.Size()))
		}
	}
	return nil
}
