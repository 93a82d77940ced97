//go:build linux

package netlab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// The ways in which a caller knows the callee.
const (
	Cold   = "cold"   // by nothing but its peer ID
	Cached = "cached" // from an earlier ring, before both restarted
)

// Result is one ring of the grid.
type Result struct {
	Ring
	Before  string // path before the ring; a small DHT connects its peers by itself
	Pair    Pair
	Forth   bool   // the first rang the second
	Contact string // Cold or Cached
}

func (r Result) String() string {
	from, to := r.Pair.First, r.Pair.Second
	if !r.Forth {
		from, to = to, from
	}
	return fmt.Sprintf("%s rings %s, %s", from, to, r.Contact)
}

// Grid says which rings to try.
type Grid struct {
	Pairs  []Pair // none: all
	Rounds int    // of each pair; the direction changes from one to the next
	Cached bool   // also ring again after both restarted
	AtOnce int    // rounds that run at once
	Look   time.Duration
}

// Run tries the rings, each between new peers in new homes, and returns the
// results in the order of the table.
func (g Grid) Run(ctx context.Context, w *World) ([]Result, error) {
	pairs := g.Pairs
	if len(pairs) == 0 {
		table, err := Table()
		if err != nil {
			return nil, err
		}
		for _, e := range table {
			pairs = append(pairs, e.Pair)
		}
	}
	if g.AtOnce < 1 || g.Rounds < 1 {
		return nil, fmt.Errorf("%d rounds, %d at once: no grid", g.Rounds, g.AtOnce)
	}
	run := gridRun{Grid: g, World: w, results: make([][]Result, len(pairs)*g.Rounds)}
	turn := make(chan struct{}, g.AtOnce)
	var all sync.WaitGroup
	for i := range run.results {
		pair, forth := pairs[i/g.Rounds], i%g.Rounds%2 == 0
		select {
		case turn <- struct{}{}:
		case <-ctx.Done():
			continue
		}
		all.Go(func() {
			defer func() { <-turn }()
			run.results[i] = run.round(ctx, pair, forth)
		})
	}
	all.Wait()
	return slices.Concat(run.results...), ctx.Err()
}

type gridRun struct {
	Grid
	*World
	results [][]Result
}

// couple is one pair of new peers in new homes.
type couple struct {
	from, to *Peer
	homes    [2]*Home
}

// round is one couple.
func (g *gridRun) round(ctx context.Context, pair Pair, forth bool) []Result {
	r := Result{Pair: pair, Forth: forth, Contact: Cold}
	kinds := []Kind{pair.First, pair.Second}
	if !forth {
		slices.Reverse(kinds)
	}
	var c couple
	for i, p := range []**Peer{&c.from, &c.to} {
		h, err := g.Home(kinds[i])
		if err != nil {
			return []Result{r.failed(err)}
		}
		defer h.Close()
		c.homes[i] = h
		if i > 0 {
			g.Part(c.homes[0], c.homes[1], true)
		}
		if *p, err = g.start(ctx, h.Devices[0], nil); err != nil {
			return []Result{r.failed(err)}
		}
		defer (*p).Close()
	}
	r = g.meet(ctx, r, c)
	if !g.Cached {
		return []Result{r}
	}
	again := Result{Pair: pair, Forth: forth, Contact: Cached}
	if r.Err != nil {
		return []Result{r, again.failed(fmt.Errorf("not tried: %w", r.Err))}
	}
	g.Part(c.homes[0], c.homes[1], true)
	for _, p := range []*Peer{c.from, c.to} {
		if err := p.Restart(ctx); err != nil {
			return []Result{r, again.failed(err)}
		}
	}
	return []Result{r, g.meet(ctx, again, c)}
}

// meet lets a couple that was kept apart settle, and one ring the other.
func (g *gridRun) meet(ctx context.Context, r Result, c couple) Result {
	err := g.settle(ctx, c.from, c.to)
	if err == nil {
		r.Before, err = c.from.PathTo(ctx, c.to.PeerID)
	}
	if err != nil {
		return r.failed(err)
	}
	g.Part(c.homes[0], c.homes[1], false)
	r.Ring = ringAndLook(ctx, c.from, c.to, g.Look)
	g.tell(r)
	g.tellWhy(ctx, c.from, r.Ring)
	return r
}

func (r Result) failed(err error) Result {
	r.Err = err
	return r
}

func (g *gridRun) tell(r Result) {
	if r.Err != nil {
		g.say("%s: %v", r, r.Err)
		return
	}
	g.say("%s: %v, path %s before, %s, later %s", r, r.Took.Round(time.Millisecond), word(r.Before), word(r.First), word(r.Later))
}

func word(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Look is when the path is looked at again: a hole is punched by then.
const Look = 10 * time.Second
