//go:build linux

package netlab

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit in which Linux counts a process's time.
const tick = 10 * time.Millisecond

// cost notes what daemons have taken since their start, and the laboratory.
func (w *World) cost(r *Report, peers []*Peer) {
	var cpu time.Duration
	var resident int64
	for _, p := range peers {
		c, m := taken(p.PID())
		cpu += c
		resident += m
	}
	r.Add(fmt.Sprintf("processor time of %d daemons", len(peers)), cpu)
	r.Add("their memory", fmt.Sprintf("%d MB, %d MB each", resident>>20, resident>>20/int64(len(peers))))
	c, m := taken(unix.Getpid())
	r.Add("processor time of the laboratory", c)
	r.Add("its memory", fmt.Sprintf("%d MB", m>>20))
}

// taken returns the processor time and the resident bytes of a process, zero
// where the system does not tell.
func taken(pid int) (cpu time.Duration, resident int64) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0
	}
	// The name, in parentheses, may hold anything; what follows is the third field on.
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(f) < 22 {
		return 0, 0
	}
	number := func(field int) int64 {
		n, _ := strconv.ParseInt(f[field-3], 10, 64)
		return n
	}
	return time.Duration(number(14)+number(15)) * tick, number(24) * int64(os.Getpagesize())
}
