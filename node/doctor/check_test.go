package doctor

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestExamineRunsAllAtOnceAndKeepsTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running sync.WaitGroup
		spawn := func(f func()) bool { running.Go(f); return true }
		after := func(d time.Duration) func(context.Context) Verdict {
			return func(context.Context) Verdict {
				time.Sleep(d) // virtual
				return ok("after %v", d)
			}
		}
		start := time.Now()
		checks := Examine(t.Context(), []Probe{
			{"slow", after(3 * time.Second)},
			{"stuck", after(time.Minute)},
			{"obedient", func(ctx context.Context) Verdict { <-ctx.Done(); return fail("in vain", "hurry") }},
			{"quick", after(0)},
		}, spawn)
		if took := time.Since(start); took > Deadline+time.Second {
			t.Errorf("took %v", took)
		}
		want := []string{"slow ok after 3s", "stuck warn no answer within 5s", "obedient fail in vain", "quick ok after 0s"}
		for i, c := range checks {
			if got := c.Name + " " + string(c.Outcome) + " " + c.Found; got != want[i] {
				t.Errorf("got %q, want %q", got, want[i])
			}
		}
		if checks[0].Took != 3*time.Second || checks[3].Took != 0 {
			t.Errorf("took %v and %v", checks[0].Took, checks[3].Took)
		}
		running.Wait()
	})
}

func TestExamineBeginsNothingAtTheEnd(t *testing.T) {
	checks := Examine(t.Context(), []Probe{{"never", nil}}, func(func()) bool { return false })
	if len(checks) != 1 || checks[0].Outcome != Warn || !strings.Contains(checks[0].Found, "stopping") {
		t.Errorf("%+v", checks)
	}
}

func TestWorst(t *testing.T) {
	for want, outcomes := range map[Outcome][]Outcome{
		OK: {OK, OK}, Warn: {OK, Warn, OK}, Fail: {Warn, Fail, OK, Warn},
	} {
		var checks []Check
		for _, o := range outcomes {
			checks = append(checks, Check{Verdict: Verdict{Outcome: o}})
		}
		if got := Worst(checks); got != want {
			t.Errorf("%v: %s", outcomes, got)
		}
	}
	if Worst(nil) != OK {
		t.Error("nothing found is not well")
	}
}
