package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// measureIdle reads the daemons' memory after a time in which nothing happened.
func (l *lab) measureIdle(ctx context.Context) (err error) {
	l.say("idle for %v", l.plan.idle)
	if rest(ctx, l.plan.idle); ctx.Err() != nil {
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
		resident, _, err := memory(d)
		if err != nil || resident == 0 {
			return nil, err
		}
		all[d.Name] = resident
	}
	return all, nil
}

// memory returns a daemon's resident bytes, and those of them that are not just
// a file's; zero where the system does not tell.
func memory(d *daemon.Daemon) (resident, own int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.PID()))
	if err != nil {
		return 0, 0, nil
	}
	for name, value := range map[string]*int64{"VmRSS:": &resident, "RssAnon:": &own} {
		_, rest, _ := strings.Cut(string(b), name)
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			return 0, 0, fmt.Errorf("the system tells no %s of the %s", name, d.Name)
		}
		kib, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return 0, 0, err
		}
		*value = kib << 10
	}
	return resident, own, nil
}

// tick is the unit in which Linux counts a process's time.
const tick = 10 * time.Millisecond

// used returns the processor time that a process has taken, 0 where the system
// does not tell.
func used(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name, in parentheses, may hold anything; fields 14 and 15 are counted
	// from the state, the third.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}
