package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/apart"
)

// round plays one plan and waits until all of it is over.
func (p *pair) round(ctx context.Context) error {
	p.rounds++
	pl := p.choose()
	apps, leave := context.WithCancel(ctx)
	var here sync.WaitGroup
	defer func() { leave(); here.Wait() }()
	var app [2]*recorder
	for i, d := range p.devices {
		app[i] = newRecorder(d.Socket(), "call")
		if !pl.fresh[i] {
			app[i].cursor = d.cursor
		}
		here.Go(func() { p.visit(apps, app[i], pl.appIn[i]) })
	}
	for _, r := range pl.rings {
		r.app = app[0]
		if r.callee == p.devices[1] {
			r.app = app[1]
		}
	}
	p.mu.Lock()
	p.rings = append(p.rings, pl.rings...)
	p.mu.Unlock()
	if err := p.play(ctx, pl); err != nil {
		return err
	}
	p.settle(ctx, pl)
	leave()
	here.Wait()
	for i, d := range p.devices {
		app[i].mu.Lock()
		d.cursor = app[i].cursor
		app[i].mu.Unlock()
		for _, f := range app[i].faults {
			p.lab.violation("%s's app: %s", d.name, f)
		}
		if err := d.broken(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// visit lets an app come, after a while or never, and stay.
func (p *pair) visit(ctx context.Context, app *recorder, in time.Duration) {
	if in < 0 || !pause(ctx, in) {
		return
	}
	app.follow(ctx)
	app.stopped.Wait()
}

// play lets the users ring, the network break and the daemons die.
func (p *pair) play(ctx context.Context, pl *plan) error {
	// Users who cannot be answered any more stop waiting.
	live, cancel := context.WithTimeout(ctx, p.lab.times.round)
	defer cancel()
	var all sync.WaitGroup
	for _, r := range pl.rings {
		all.Go(func() { r.run(live) })
	}
	errs := make([]error, len(pl.kills))
	for i, a := range pl.kills {
		all.Go(func() { errs[i] = p.assault(ctx, a, pl) })
	}
	all.Go(func() {
		for _, s := range pl.weather {
			p.blow(ctx, s)
		}
	})
	all.Wait()
	return errors.Join(errs...)
}

func (p *pair) blow(ctx context.Context, s storm) {
	if !pause(ctx, s.after) {
		return
	}
	p.set(s.weather)
	pause(ctx, s.lasts)
	if s.reset {
		p.relay.Reset()
		p.lab.count(&p.lab.weathers, "TCP connections reset")
	}
	p.set(apart.Weather{})
}

// assault waits for its moment and kills.
func (p *pair) assault(ctx context.Context, a assault, pl *plan) error {
	moment := time.NewTimer(p.lab.times.ring[0])
	defer moment.Stop()
	select {
	case <-a.ring.gone[a.place]:
	case <-moment.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !pause(ctx, a.after) {
		return ctx.Err()
	}
	states := map[string]bool{}
	for _, r := range pl.rings {
		states[r.state(a.device)] = true
	}
	kills, err := a.device.kill(ctx, a.away, a.inStart)
	p.lab.killed(kills, states)
	if err != nil {
		return err
	}
	p.remembers(ctx, a.device, pl)
	return nil
}

// settle waits until both forms of every ring have ended, at most as long as they
// may.
func (p *pair) settle(ctx context.Context, pl *plan) {
	for _, r := range pl.rings {
		r.mu.Lock()
		id := r.id
		sent := r.verbs[""].at
		if a, ok := r.verbs["send"]; ok {
			sent = a.at
		}
		r.mu.Unlock()
		if id == "" {
			p.lab.violation("%s: the invitation could not be created", r.ticket)
			continue
		}
		due := later(sent.Add(r.limit()), time.Now()).Add(slack)
		most, cancel := context.WithDeadline(ctx, due)
		if _, ok := r.caller.record.await(most, id, ending); !ok && ctx.Err() == nil {
			p.lab.violation("%s (%s): the caller's form has not ended %v after it was sent: %s", r.ticket, id, time.Since(sent), r.story())
		}
		if len(r.callee.record.about(id)) > 0 {
			if _, ok := r.callee.record.await(most, id, over); !ok && ctx.Err() == nil {
				p.lab.violation("%s (%s): the callee's form has not ended %v after it was sent: %s", r.ticket, id, time.Since(sent), r.story())
			}
		}
		cancel()
	}
}
