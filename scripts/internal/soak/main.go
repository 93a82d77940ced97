package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

const usage = `[--time D] [--daemons N] [--rate N] [--kills D] [--content N] [--seed N] [--quick]
Lets daemons ring each other while some of them are killed, and checks that memory,
goroutines and descriptors of the others stay as they are.
  --time D     how long, such as 30m, after a minute of warming up; default 10m
  --daemons N  default 10; a third of them are killed now and then, and judged by nothing but their answers
  --rate N     rings a second of all together; default 5
  --kills D    between two kills; default 7s
  --content N  bytes of content of each ring; default 1024
  --seed N     of the random choices; default another each time
  --quick      8 s, 4 daemons, and only a look at what is left when all is quiet`

// soak is one run of the program and what it has found.
type soak struct {
	program.Place
	long, killEvery        time.Duration
	daemons, rate, content int
	seed                   uint64
	quick                  bool
	begun                  time.Time
	warmed                 time.Duration

	crowd []*member

	mu         sync.Mutex
	outcomes   map[string]int
	kills      int
	violations []string
}

func main() {
	s := &soak{outcomes: map[string]int{}}
	p := program.Program{
		Name: "soak", Usage: usage,
		Flags: func(f *flag.FlagSet) {
			f.DurationVar(&s.long, "time", 10*time.Minute, "")
			f.DurationVar(&s.killEvery, "kills", 7*time.Second, "")
			f.IntVar(&s.daemons, "daemons", 10, "")
			f.IntVar(&s.rate, "rate", 5, "")
			f.IntVar(&s.content, "content", 1024, "")
			f.Uint64Var(&s.seed, "seed", 0, "")
			f.BoolVar(&s.quick, "quick", false, "")
		},
		Check: s.check,
		Most:  func() time.Duration { return s.long + 5*time.Minute },
		Run:   s.run,
	}
	os.Exit(p.Main(os.Args[1:]))
}

func (s *soak) check() error {
	if s.quick {
		s.long, s.daemons, s.killEvery = 8*time.Second, 4, 2*time.Second
	}
	if s.long < time.Second || s.daemons < 3 || s.daemons > 100 || s.rate < 1 || s.rate > 1000 || s.killEvery < time.Second || s.content < 0 || s.content > 16<<10 {
		return fmt.Errorf("--time and --kills are at least 1s, --daemons 3 to 100, --rate 1 to 1000, --content 0 to 16384")
	}
	if s.seed == 0 {
		s.seed = rand.Uint64()>>12 + 1
	}
	return nil
}

func (s *soak) violation(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.violations = append(s.violations, fmt.Sprintf(format, args...))
	s.Say("soak: VIOLATION: "+format, args...)
}

func (s *soak) ended(outcome string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outcomes[outcome]++
}

func (s *soak) run(ctx context.Context, place program.Place) error {
	s.Place, s.begun = place, time.Now()
	s.Say("soak: seed %d, %d daemons, %d rings a second for %v", s.seed, s.daemons, s.rate, s.long)
	apps, stop := context.WithCancel(ctx)
	defer s.close(stop)
	if err := s.gather(ctx, apps); err != nil {
		return err
	}
	if !s.quick {
		if err := s.warm(ctx); err != nil {
			return err
		}
	}
	quiet, err := s.lookAtAll(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	busy, over := context.WithTimeout(ctx, s.long)
	defer over()
	var parts sync.WaitGroup
	for _, part := range []func(ctx, busy context.Context) error{s.ringOften, s.killOften, s.watch} {
		parts.Go(func() {
			if err := part(ctx, busy); err != nil {
				cancel(err)
			}
		})
	}
	parts.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.judge(ctx, quiet)
}
