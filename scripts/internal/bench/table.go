package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// Names of the figures.
const (
	figEach      = "raw: round trip, a stream each"
	figMany      = "raw: round trip, all on one stream"
	figRawCold   = "raw: cold dial and round trip"
	figRing      = "ring"
	figAccept    = "accept"
	figCold      = "ring from cold"
	figOne       = "complete rings, one at once"
	figMore      = "complete rings, 64 at once"
	figCPUCaller = "  processor time, caller's beckond"
	figCPUCallee = "  processor time, callee's beckond"
	figCPUApps   = "  processor time, the two apps"
	figID        = "beckon id, whole process"
	figIdle      = "beckond, idle memory"
	figLoaded    = "beckond, memory after the rings"

	figStill    = "idle, 30 connections: memory"
	figStillOwn = "  of it not a file's"
	figShare    = "  processor, share of a core"
	figWire     = "  on the wire, an hour"

	figStockFind    = "virtual: libp2p's FindPeer"
	figFind         = "virtual: find"
	figStockFirst   = "virtual: libp2p, first message"
	figFirst        = "virtual: first ring"
	figKnown        = "  until the caller's app knows"
	figStockRelayed = "virtual: libp2p, through a relay"
	figRelayed      = "virtual: first ring, relayed"
)

// roundTrip is between any two in the virtual networks, in seconds.
const roundTrip = 0.050

// firstTrips is how many round trips a first ring may take.
const firstTrips = 2.2

// nameWidth is the room for a name; the other columns are to the right.
const nameWidth = 34

// The sizes of the two commands have their names before these.
const (
	size     = ", size"
	stripped = " stripped"
)

// figure is what was measured of one thing: seconds, rings per second or bytes.
type figure struct{ samples []float64 }

func (l *lab) add(name string, v float64) {
	if l.figures[name] == nil {
		l.figures[name] = &figure{}
	}
	l.figures[name].samples = append(l.figures[name].samples, v)
}

// quantile returns the smallest sample that a share q of all does not exceed.
func (f *figure) quantile(q float64) float64 {
	if f == nil || len(f.samples) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(f.samples))
	return s[min(int(q*float64(len(s))), len(s)-1)]
}

func (f *figure) median() float64 { return f.quantile(0.5) }

// row is how a figure is shown and what it is to be.
type row struct {
	name  string
	show  func(float64) string
	raw   string  // the figure that it is compared with; "": none
	goal  string  // in words; "": none
	bound float64 // on the ratio if there is raw, else on the figure
	least bool    // bound is a lower one
	alone bool    // bound is on the figure, although there is raw
}

var rows = []row{
	{name: figEach, show: millis},
	{name: figMany, show: millis, raw: figEach},
	{name: figRing, show: millis, raw: figEach, goal: "<= 2.0 x", bound: 2},
	{name: figAccept, show: millis, raw: figEach, goal: "<= 2.0 x", bound: 2},
	{name: figRawCold, show: millis},
	{name: figCold, show: millis, raw: figRawCold, goal: "<= 1.5 x", bound: 1.5},
	{name: figOne, show: rate},
	{name: figMore, show: rate, goal: ">= 2000/s", bound: 2000, least: true},
	{name: figCPUCaller, show: millis}, {name: figCPUCallee, show: millis}, {name: figCPUApps, show: millis},
	{name: figID, show: millis, goal: "< 25 ms", bound: 0.025},
	{name: figIdle, show: megabytes, goal: "< 60 MB", bound: 60e6},
	{name: figLoaded, show: megabytes},
	{name: figStill, show: megabytes, goal: "<= 45 MB", bound: 45e6},
	{name: figStillOwn, show: megabytes},
	{name: figShare, show: percent, goal: "< 1 %", bound: 0.01},
	{name: figWire, show: megabytes},
	{name: figStockFind, show: millis},
	{name: figFind, show: millis, raw: figStockFind, goal: "< 1.0 x", bound: 1},
	{name: figStockFirst, show: trips},
	{name: figFirst, show: trips, raw: figStockFirst, goal: "<= 2.2 RTT", bound: firstTrips * roundTrip, alone: true},
	{name: figKnown, show: trips, goal: "<= 2.2 RTT", bound: firstTrips * roundTrip},
	{name: figStockRelayed, show: trips},
	{name: figRelayed, show: trips, raw: figStockRelayed},
	{name: "beckond" + size, show: megabytes}, {name: "beckond" + size + stripped, show: megabytes},
	{name: "beckon" + size, show: megabytes}, {name: "beckon" + size + stripped, show: megabytes},
}

func millis(s float64) string {
	return fmt.Sprintf("%.3f ms", s*float64(time.Second/time.Millisecond))
}
func trips(s float64) string     { return fmt.Sprintf("%.2f RTT", s/roundTrip) }
func percent(v float64) string   { return fmt.Sprintf("%.2f %%", v*100) }
func rate(v float64) string      { return fmt.Sprintf("%.0f/s", v) }
func megabytes(v float64) string { return fmt.Sprintf("%.1f MB", v/1e6) }

// report prints who was who and the table.
func (l *lab) report(w io.Writer) error {
	for name, all := range map[string]map[string]int64{figIdle: l.idle, figLoaded: l.loaded} {
		for _, bytes := range all {
			l.add(name, float64(bytes))
		}
	}
	fmt.Fprintf(w, `
One machine, loopback, QUIC; payloads of %d bytes; medians of %d rounds in turns.
  raw      client and server, a process each (%d and %d), each a libp2p host and nothing more
  beckon   caller and callee, a beckond each (%d and %d), joined to a DHT by a third
  apps     this program (%d) at both daemons' sockets; its clock is the only one
  cold     two more daemons; the callee leaves the network and comes back before each ring
ring:      POST /v1/invitations until the callee's app has read remote_invitation_received
accept:    POST …/accept until the caller's app has read local_invitation_accepted
complete:  both, one after the other
idle:      a sixth daemon, a DHT client with %d QUIC connections, left alone for %v
virtual:   %.0f ms round trip (RTT) between any two, no computing time; a DHT of %d peers. A
           first ring goes to a known address, without a connection, until the callee's app has
           it; libp2p connects, opens a stream and has its first message read

`, payload, l.plan.rounds, l.raw.client.cmd.Process.Pid, l.raw.server.cmd.Process.Pid,
		l.warm.caller.PID(), l.warm.callee.PID(), os.Getpid(), neighbours, l.plan.still, roundTrip*1000, l.plan.peers)
	if l.still.why != nil {
		fmt.Fprintf(w, "What it sends and receives is not measured; that takes root, or unshare -rn scripts/bench: %v\n\n", l.still.why)
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(tw, "%-*s\tmedian\tp99\tn\tto raw\tgoal\t\t\n", nameWidth, "")
	for _, r := range rows {
		f := l.figures[r.name]
		if f == nil {
			continue
		}
		ratio, verdict := l.judge(r)
		fmt.Fprintf(tw, "%-*s\t%s\t%s\t%d\t%s\t%s\t%s\t\n", nameWidth, r.name,
			r.show(f.median()), r.show(f.worst(r.least)), len(f.samples), ratio, r.goal, verdict)
	}
	return tw.Flush()
}

// worst is the 99th of 100, counted from the good end.
func (f *figure) worst(leastIsBad bool) float64 {
	if leastIsBad {
		return f.quantile(0.01)
	}
	return f.quantile(0.99)
}

// judge returns the ratio to the raw figure and whether the goal is met.
func (l *lab) judge(r row) (ratio, verdict string) {
	v := l.figures[r.name].median()
	if r.raw != "" {
		x := v / l.figures[r.raw].median()
		ratio = fmt.Sprintf("%.2f x", x)
		if !r.alone {
			v = x
		}
	}
	switch {
	case r.goal == "":
	case v < r.bound && !r.least, v > r.bound && r.least, v == r.bound:
		verdict = "ok"
	default:
		verdict = "MISS"
	}
	return ratio, verdict
}
