package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/apart"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// report writes what was tried and what was found.
func (l *lab) report() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reportFaults()
	l.line("")
	l.line("killed while an invitation was (by what its apps knew; several at once)")
	l.table(l.states)
	l.line("")
	l.line("%d invitations; how they ended", l.rings())
	l.line("  %-36s %-36s", "at the caller", "at the callee")
	for _, k := range slices.SortedFunc(maps.Keys(l.outcomes), func(a, b [2]string) int {
		return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1]))
	}) {
		l.line("  %-36s %-36s %6d", k[0], cmp.Or(k[1], "never arrived"), l.outcomes[k])
	}
	l.table(l.notes)
	l.line("")
	l.line("longest")
	for _, k := range slices.Sorted(maps.Keys(l.longestOf)) {
		l.line("  %-72s %6.2f s", k, l.longestOf[k].Seconds())
		if l.longestOf[k] > lost {
			l.Say("chaos: %s %v: %s", k, l.longestOf[k], l.longestAt[k].story())
		}
	}
	l.line("")
	l.line("checks, from outside")
	for _, rule := range l.rules {
		l.row(rule, l.checks[rule])
	}
	l.line("")
	l.line("violations: %d", len(l.violations))
	for _, v := range l.violations {
		l.line("  %s", v)
	}
}

func (l *lab) reportFaults() {
	restarts := 0
	var through apart.Counts
	for _, p := range l.pairs {
		for _, d := range p.devices {
			restarts += len(d.ups)
		}
		if p.relay != nil {
			c := p.relay.Counts()
			through.Passed += c.Passed
			through.Dropped += c.Dropped
			through.Delayed += c.Delayed
			through.Streams += c.Streams
		}
	}
	l.line("scripts/chaos --kills %d --pairs %d --seed %d", l.kills, l.pairsWanted, l.seed)
	l.line("%s; took %v; load at the end %s", program.Machine(), time.Since(l.begun).Round(time.Second), program.Load())
	l.line("")
	l.line("faults tried")
	l.row("kill -9", l.killsDone)
	l.row("starts", restarts)
	l.table(l.weathers)
	if l.noNetwork != nil {
		l.line("  network faults and full disks: not tried: %v", l.noNetwork)
	} else {
		l.line("  the only way between two daemons was the relay: %d packets and segments passed, %d lost, %d delayed, %d TCP connections",
			through.Passed, through.Dropped, through.Delayed, through.Streams)
	}
	for _, d := range l.disks {
		l.line("  %s: %s", d.fault, d.found)
	}
}

func (l *lab) rings() (n int) {
	for _, p := range l.pairs {
		n += len(p.rings)
	}
	return n
}

func (l *lab) line(format string, args ...any) { fmt.Fprintf(l.Out, format+"\n", args...) }

func (l *lab) row(what string, n int) { l.line("  %-72s %6d", what, n) }

func (l *lab) table(of map[string]int) {
	for _, k := range slices.Sorted(maps.Keys(of)) {
		l.row(k, of[k])
	}
}
