package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/apart"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// times are how long things take, from and to.
type times struct {
	reach, ring [2]time.Duration
	away        [2]time.Duration // of a killed daemon: at most, and at most when it is long
	longAway    int              // percent of kills
	storm       time.Duration    // at most
	round       time.Duration    // at most
}

var (
	fullTimes = times{
		reach: [2]time.Duration{3 * time.Second, 8 * time.Second}, ring: [2]time.Duration{3 * time.Second, 12 * time.Second},
		away: [2]time.Duration{3 * time.Second, 14 * time.Second}, longAway: 15,
		storm: 9 * time.Second, round: 45 * time.Second,
	}
	quickTimes = times{
		reach: [2]time.Duration{time.Second, 2 * time.Second}, ring: [2]time.Duration{time.Second, 2 * time.Second},
		away: [2]time.Duration{time.Second / 2, time.Second}, longAway: 0,
		storm: time.Second, round: 20 * time.Second,
	}
)

// lab is everything that runs and what has been found.
type lab struct {
	program.Place
	kills, pairsWanted int
	seed               uint64
	times              times
	noNetwork          error // why there are no machines; nil: there are

	pairs []*pair
	begun time.Time

	mu         sync.Mutex
	killsDone  int
	states     map[string]int
	weathers   map[string]int
	outcomes   map[[2]string]int
	checks     map[string]int
	rules      []string // of checks, in the order of their first use
	notes      map[string]int
	longestOf  map[string]time.Duration
	longestAt  map[string]*ring
	disks      []damage
	violations []string
}

func newLab() *lab {
	return &lab{
		states: map[string]int{}, weathers: map[string]int{}, outcomes: map[[2]string]int{},
		checks: map[string]int{}, notes: map[string]int{}, longestOf: map[string]time.Duration{}, longestAt: map[string]*ring{},
	}
}

func (l *lab) more() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.killsDone < l.kills
}

func (l *lab) killed(n int, states map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.killsDone += n
	for s := range states {
		l.states[s]++
	}
	if l.killsDone/50 > (l.killsDone-n)/50 {
		l.Say("chaos: %d of %d kills, %d violations", l.killsDone, l.kills, len(l.violations))
	}
}

func (l *lab) count(of *map[string]int, what string) {
	if what == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	(*of)[what]++
}

func (l *lab) checked(rule string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.checks[rule] == 0 {
		l.rules = append(l.rules, rule)
	}
	l.checks[rule]++
}

func (l *lab) outcome(ours, theirs string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[[2]string{ours, theirs}]++
}

func (l *lab) longest(what string, d time.Duration, r *ring) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if d > l.longestOf[what] {
		l.longestOf[what], l.longestAt[what] = d, r
	}
}

func (l *lab) violation(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.violations = append(l.violations, fmt.Sprintf(format, args...))
	l.Say("chaos: VIOLATION: "+format, args...)
}

// run is the whole program.
func (l *lab) run(ctx context.Context, place program.Place) error {
	l.Place, l.begun = place, time.Now()
	l.Say("chaos: seed %d, %d kills, %d pairs", l.seed, l.kills, l.pairsWanted)
	if l.noNetwork != nil {
		l.Say("chaos: the network stays fair and no disk fills up: %v", l.noNetwork)
	}
	readers, stop := context.WithCancel(ctx)
	defer l.close(stop)
	for i := range l.pairsWanted {
		p, err := l.newPair(readers, i)
		if p != nil {
			l.pairs = append(l.pairs, p)
		}
		if err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, p := range l.pairs {
		all.Go(func() {
			if err := p.run(ctx); err != nil {
				cancel(err)
			}
		})
	}
	all.Go(func() {
		if err := l.damages(ctx); err != nil {
			cancel(err)
		}
	})
	all.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return l.judge(ctx)
}

// newPair starts two devices that know each other's addresses. Every third pair
// has only TCP.
func (l *lab) newPair(ctx context.Context, i int) (*pair, error) {
	p := &pair{lab: l, number: i, rng: rand.New(rand.NewPCG(l.seed, uint64(i)))}
	ports, err := l.ports()
	if err != nil {
		return p, err
	}
	for j, letter := range []string{"a", "b"} {
		var m *apart.Machine
		if l.noNetwork == nil {
			if m, err = apart.NewMachine(); err != nil {
				return p, err
			}
		}
		listen := []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", ports[j])}
		if i%3 != 2 {
			listen = append(listen, fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", ports[j]))
		}
		p.devices[j] = newDevice(l.Place, fmt.Sprintf("%s%d", letter, i), m, listen...)
	}
	if l.noNetwork == nil {
		if p.relay, err = apart.NewRelay(p.devices[0].machine, p.devices[1].machine, ports[0], ports[1]); err != nil {
			return p, err
		}
	}
	return p, p.meet(ctx)
}

// ports returns two that are free where the daemons will be.
func (l *lab) ports() (ports [2]int, err error) {
	if l.noNetwork == nil {
		return [2]int{4001, 4002}, nil
	}
	for i := range ports {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer c.Close()
		ports[i] = c.LocalAddr().(*net.UDPAddr).Port
	}
	return ports, nil
}

// meet starts both to learn who they are, and again with each other's address.
func (p *pair) meet(ctx context.Context) error {
	for _, d := range p.devices {
		if err := d.start(ctx); err != nil {
			return err
		}
		d.killLocked()
	}
	for i, d := range p.devices {
		other := p.devices[1-i]
		for _, a := range other.cfg.Listen {
			d.cfg.Bootstrap = append(d.cfg.Bootstrap, a+"/p2p/"+other.id)
		}
		d.ups = nil
		if err := d.start(ctx); err != nil {
			return err
		}
		d.record.follow(ctx)
		for first := ""; first == ""; {
			d.record.mu.Lock()
			first = d.record.first
			d.record.mu.Unlock()
			if !pause(ctx, 5*time.Millisecond) {
				return ctx.Err()
			}
		}
		d.cursor = d.record.first
	}
	return nil
}

// close ends everything.
func (l *lab) close(stop context.CancelFunc) {
	stop()
	var all sync.WaitGroup
	for _, p := range l.pairs {
		for _, d := range p.devices {
			if d != nil {
				all.Go(func() { d.close(); d.record.stopped.Wait() })
			}
		}
	}
	all.Wait()
	for _, p := range l.pairs {
		if p.relay != nil {
			p.relay.Close()
		}
		for _, d := range p.devices {
			if d != nil && d.machine != nil {
				d.machine.Close()
			}
		}
	}
}

// judge checks every ring and writes the report.
func (l *lab) judge(ctx context.Context) error {
	l.awaitOwed(ctx)
	for _, p := range l.pairs {
		histories := map[*device]map[string]*api.Invitation{}
		for _, d := range p.devices {
			h, err := l.history(ctx, d)
			if err != nil {
				return err
			}
			histories[d] = h
		}
		for _, r := range p.rings {
			v := &verdict{p: p, r: r, caller: histories[r.caller][r.id], callee: histories[r.callee][r.id]}
			v.run()
		}
	}
	l.report()
	if len(l.violations) > 0 {
		return program.ErrViolated
	}
	return nil
}

// awaitOwed waits a while for what is owed after the last ring.
func (l *lab) awaitOwed(ctx context.Context) {
	for range 20 {
		waits := false
		for _, p := range l.pairs {
			for _, r := range p.rings {
				waits = waits || r.unconfirmed()
			}
		}
		if !waits || !pause(ctx, time.Second) {
			return
		}
	}
}

// unconfirmed reports whether the caller accepted, the callee did not, and the
// caller's app was not told so.
func (r *ring) unconfirmed() bool {
	accepted, told := false, false
	for _, e := range r.caller.record.about(r.id) {
		accepted = accepted || e.Type == api.LocalInvitationAccepted
		told = told || e.Type == api.LocalInvitationAcceptUnconfirmed
	}
	for _, e := range r.callee.record.about(r.id) {
		if e.Type == api.RemoteInvitationAccepted {
			return false
		}
	}
	return accepted && !told
}

// history reads all that a device remembers, and checks that each invitation is
// there once and that the log, read again from its beginning, says what was
// told.
func (l *lab) history(ctx context.Context, d *device) (map[string]*api.Invitation, error) {
	all, tickets := map[string]*api.Invitation{}, map[string]int{}
	for inv, err := range d.All(ctx, client.ListOptions{Limit: 500}) {
		if err != nil {
			return nil, err
		}
		all[inv.ID] = &inv
		if tickets[inv.ChannelID]++; tickets[inv.ChannelID] > 1 {
			l.violation("%s has two invitations for %s", d.name, inv.ChannelID)
		}
		if !inv.Ended() {
			l.violation("%s has %s live at the end: %s", d.name, inv.ChannelID, inv.State)
		}
	}
	l.checked("a repeated POST makes no second invitation; at the end none is live")
	return all, errors.Join(l.reread(ctx, d))
}

// reread compares the event log with what the reader of the stream was told,
// through all kills.
func (l *lab) reread(ctx context.Context, d *device) error {
	r := d.record
	r.mu.Lock()
	told, cursor := append([]told(nil), r.events...), r.first
	faults := r.faults
	r.mu.Unlock()
	for _, f := range faults {
		l.violation("%s's reader: %s", d.name, f)
	}
	i, last := 0, int64(0)
	for i < len(told) {
		page, err := d.Poll(ctx, client.EventOptions{After: cursor}, 0)
		if err != nil {
			return err
		}
		for _, e := range page.Events {
			if last != 0 && e.Seq != last+1 {
				l.violation("%s's log has event %d after %d", d.name, e.Seq, last)
			}
			last = e.Seq
			if i < len(told) && (told[i].Seq != e.Seq || told[i].Type != e.Type) {
				l.violation("%s's log has %d %s where the stream had %d %s", d.name, e.Seq, e.Type, told[i].Seq, told[i].Type)
				return nil
			}
			i++
		}
		if cursor = page.Cursor; len(page.Events) == 0 {
			break
		}
	}
	l.checked("the stream told the whole log in its order, through all kills")
	if i < len(told) {
		l.violation("%s's stream told %d events and the log has %d", d.name, len(told), i)
	}
	return nil
}
