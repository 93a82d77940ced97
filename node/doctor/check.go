package doctor

import (
	"context"
	"fmt"
	"time"
)

// Outcome is how a check ended.
type Outcome string

// The outcomes, from good to bad.
const (
	OK   Outcome = "ok"
	Warn Outcome = "warn" // it works, but not as well as it could, or not for all
	Fail Outcome = "fail" // others cannot ring this device, or it is about to break
)

// Verdict is what a check says: one sentence of what was found and, unless all
// is well, one of what to do.
type Verdict struct {
	Outcome Outcome
	Found   string
	Advice  string
}

// Check is a verdict with its name.
type Check struct {
	Name string
	Verdict
	Took time.Duration
}

// Probe gathers the facts of one check and judges them. Its Run should return
// soon after ctx ends.
type Probe struct {
	Name string
	Run  func(ctx context.Context) Verdict
}

// Deadline is how long one check may take: longer than a round trip to the
// other end of the world with a lost packet, shorter than people's patience.
const Deadline = 5 * time.Second

// Examine runs all probes at once and returns their checks in the order of the
// probes. A probe that has not answered by the Deadline is a warning; it goes
// on, which is why spawn runs it: its owner waits for it. spawn reports false
// when nothing is to be begun any more.
func Examine(ctx context.Context, probes []Probe, spawn func(func()) bool) []Check {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	answers := make([]chan Check, len(probes))
	for i, p := range probes {
		answers[i] = make(chan Check, 1)
		start := time.Now()
		began := spawn(func() { answers[i] <- Check{Name: p.Name, Verdict: p.Run(ctx), Took: time.Since(start)} })
		if !began {
			answers[i] <- Check{Name: p.Name, Verdict: warn("not looked at: beckond is stopping", "start it again")}
		}
	}
	checks := make([]Check, len(probes))
	for i, p := range probes {
		checks[i] = await(ctx, p.Name, answers[i])
	}
	return checks
}

// await prefers an answer to the end of ctx.
func await(ctx context.Context, name string, answer <-chan Check) Check {
	select {
	case c := <-answer:
		return c
	case <-ctx.Done():
	}
	// Who keeps to the deadline answers now.
	grace := time.NewTimer(100 * time.Millisecond)
	defer grace.Stop()
	select {
	case c := <-answer:
		return c
	case <-grace.C:
		return Check{Name: name, Took: Deadline, Verdict: warn(
			fmt.Sprintf("no answer within %v", Deadline), "look at what beckond logs; this machine may be overloaded or its disk stuck")}
	}
}

// Worst is the outcome of all checks together.
func Worst(checks []Check) Outcome {
	worst := OK
	for _, c := range checks {
		if c.Outcome == Fail || worst == OK {
			worst = c.Outcome
		}
	}
	return worst
}

func ok(format string, args ...any) Verdict {
	return Verdict{Outcome: OK, Found: fmt.Sprintf(format, args...)}
}

func warn(found, advice string) Verdict { return Verdict{Warn, found, advice} }

func fail(found, advice string) Verdict { return Verdict{Fail, found, advice} }

// count is a number with its noun: 1 peer, 2 peers.
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
