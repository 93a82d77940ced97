package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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
	for n, name := range map[int]string{1: figOne, many: figMore} {
		perSecond, err := l.warm.crowd(ctx, n, l.plan.crowd)
		if err != nil {
			return fmt.Errorf("%d at once: %w", n, err)
		}
		l.add(name, perSecond)
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

// measureIdle reads the daemons' memory after a time in which nothing happened.
func (l *lab) measureIdle(ctx context.Context) (err error) {
	l.say("idle for %v", l.plan.idle)
	quiet := time.NewTimer(l.plan.idle)
	defer quiet.Stop()
	select {
	case <-quiet.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.idle, err = l.resident()
	return err
}

func (l *lab) measureLoaded() (err error) {
	l.loaded, err = l.resident()
	return err
}

// resident returns the resident bytes of the daemons that have joined the DHT;
// none where the system does not tell.
func (l *lab) resident() (map[string]int64, error) {
	all := map[string]int64{}
	for _, d := range l.daemons[:3] {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
		if err != nil {
			return nil, nil
		}
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return nil, fmt.Errorf("the system tells no VmRSS of the %s", d.Name)
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return nil, err
		}
		all[d.Name] = kib << 10
	}
	return all, nil
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
		dirs[", stripped"] = dir
	}
	for how, dir := range dirs {
		for _, name := range []string{"beckond", "beckon"} {
			info, err := fs.Stat(os.DirFS(dir), name)
			if err != nil {
				return err
			}
			l.add(name+how, float64(info.Size()))
		}
	}
	return nil
}
