package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

const usage = `[--events N] [--reconnects N] [--restarts N] [--seed N] [--quick]
Reads every event of a real daemon through torn connections and restarts, and
compares what came with the log; measures what a stalled reader costs the others.
  --events N      default 10000
  --reconnects N  of each of two readers; default 1000
  --restarts N    of the daemon, half of them kill -9; default 20
  --seed N        of the random choices; default another each time
  --quick         few of all, for a test`

// run is one run of the program and what it has found.
type run struct {
	program.Place
	events, reconnects, restarts int
	seed                         uint64
	quick                        bool
	begun                        time.Time

	mu         sync.Mutex
	lines      []string
	violations []string
}

func main() {
	r := &run{}
	p := program.Program{
		Name: "events", Usage: usage,
		Flags: func(f *flag.FlagSet) {
			f.IntVar(&r.events, "events", 0, "")
			f.IntVar(&r.reconnects, "reconnects", 0, "")
			f.IntVar(&r.restarts, "restarts", 0, "")
			f.Uint64Var(&r.seed, "seed", 0, "")
			f.BoolVar(&r.quick, "quick", false, "")
		},
		Check: r.check,
		Most:  func() time.Duration { return 3*time.Minute + time.Duration(r.reconnects)*time.Second/2 },
		Run:   r.run,
	}
	os.Exit(p.Main(os.Args[1:]))
}

func (r *run) check() error {
	few := [3]int{10_000, 1000, 20}
	if r.quick {
		few = [3]int{1000, 60, 4}
	}
	for i, n := range []*int{&r.events, &r.reconnects, &r.restarts} {
		if *n < 0 || *n > 90_000 { // the log keeps 100 000 events
			return fmt.Errorf("numbers are 1 to 90000")
		}
		*n = cmp.Or(*n, few[i])
	}
	r.seed = cmp.Or(r.seed, rand.Uint64()>>12+1)
	return nil
}

func (r *run) line(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *run) violation(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
	r.Say("events: VIOLATION: "+format, args...)
}

func (r *run) run(ctx context.Context, place program.Place) error {
	r.Place, r.begun = place, time.Now()
	r.Say("events: seed %d, %d events, %d reconnects, %d restarts", r.seed, r.events, r.reconnects, r.restarts)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var parts sync.WaitGroup
	for _, part := range []func(context.Context) error{r.torn, r.stall} {
		parts.Go(func() {
			if err := part(ctx); err != nil {
				cancel(err)
			}
		})
		if !r.quick { // what is measured is not disturbed
			parts.Wait()
		}
	}
	parts.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.report()
}

func (r *run) report() error {
	fmt.Fprintf(r.Out, "scripts/events --events %d --reconnects %d --restarts %d --seed %d\n", r.events, r.reconnects, r.restarts, r.seed)
	fmt.Fprintf(r.Out, "%s; took %v; load at the end %s\n\n", program.Machine(), time.Since(r.begun).Round(time.Second), program.Load())
	for _, l := range r.lines {
		fmt.Fprintln(r.Out, l)
	}
	fmt.Fprintf(r.Out, "\nviolations: %d\n", len(r.violations))
	for _, v := range r.violations {
		fmt.Fprintln(r.Out, "  "+v)
	}
	if len(r.violations) > 0 {
		return program.ErrViolated
	}
	return nil
}
