package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

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
