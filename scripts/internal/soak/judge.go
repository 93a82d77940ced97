package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// flat is how much the median of the last quarter may be above that of the third:
// 5 %, or so little that it is one allocation of the system.
const flat = 0.05

// grain is the growth of each kind that is not looked at.
var grain = [kinds]float64{2e6, 0.5e6, 4, 2}

const (
	quietTime = 30 * time.Second // for sessions and dials to end
	quietMore = 20               // goroutines and descriptors that may be left: connections to the crowd stay
)

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// quarter returns the medians of a quarter of the time.
func (m *member) quarter(n int) (medians [kinds]float64) {
	all := m.samples[len(m.samples)*n/4 : len(m.samples)*(n+1)/4]
	for kind := range kinds {
		var of []float64
		for _, one := range all {
			of = append(of, one.values[kind])
		}
		medians[kind] = median(of)
	}
	return medians
}

func (s *soak) judge(ctx context.Context, quiet map[*member]sample) error {
	after, err := s.settle(ctx, quiet)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Out, "scripts/soak --time %v --daemons %d --rate %d --kills %v --content %d --seed %d\n", s.long, s.daemons, s.rate, s.killEvery, s.content, s.seed)
	fmt.Fprintf(s.Out, "%s; took %v; load at the end %s\n\n", program.Machine(), time.Since(s.begun).Round(time.Second), program.Load())
	rings := 0
	for _, n := range s.outcomes {
		rings += n
	}
	fmt.Fprintf(s.Out, "%d rings, %d kill -9; how they ended at the caller\n", rings, s.kills)
	for _, k := range slices.Sorted(maps.Keys(s.outcomes)) {
		fmt.Fprintf(s.Out, "  %-48s %6d\n", k, s.outcomes[k])
	}
	fmt.Fprintf(s.Out, "\nThe %d daemons that were never killed: medians of each quarter of the time. Flat means that the median of the\n"+
		"last quarter, over all of them, is at most 5 %% above that of the third. Daemons that are killed begin again and are not judged.\n", len(quiet))
	if !s.quick {
		fmt.Fprintf(s.Out, "Before that each log got %d events in %v, so that what a daemon keeps in memory up to a bound has reached it.\n", warmEvents, s.warmed.Round(time.Second))
	}
	for kind := range kinds {
		s.table(kind, quiet, after)
	}
	fmt.Fprintf(s.Out, "\nviolations: %d\n", len(s.violations))
	for _, v := range s.violations {
		fmt.Fprintln(s.Out, "  "+v)
	}
	if len(s.violations) > 0 {
		return program.ErrViolated
	}
	return nil
}

// table prints one kind and judges it.
func (s *soak) table(kind int, quiet, after map[*member]sample) {
	scale, unit := 1.0, ""
	if kind == resident || kind == heap {
		scale, unit = 1e6, ", MB"
	}
	fmt.Fprintf(s.Out, "\n%s%s\n  %-8s %9s %9s %9s %9s %9s %9s %8s\n", names[kind], unit, "", "start", "1st", "2nd", "3rd", "4th", "quiet", "4th/3rd")
	var sums [4]float64
	for _, m := range s.crowd {
		if m.mortal {
			continue
		}
		var q [4]float64
		for i := range q {
			q[i] = m.quarter(i)[kind]
			sums[i] += q[i]
		}
		fmt.Fprintf(s.Out, "  %-8s %9.1f %9.1f %9.1f %9.1f %9.1f %9.1f %+7.1f%%\n", m.name, quiet[m].values[kind]/scale,
			q[0]/scale, q[1]/scale, q[2]/scale, q[3]/scale, after[m].values[kind]/scale, 100*(q[3]/q[2]-1))
	}
	n := float64(len(quiet))
	growth := sums[3]/sums[2] - 1
	fmt.Fprintf(s.Out, "  %-8s %9s %9.1f %9.1f %9.1f %9.1f %9s %+7.1f%%\n", "mean", "", sums[0]/n/scale, sums[1]/n/scale, sums[2]/n/scale, sums[3]/n/scale, "", 100*growth)
	if !s.quick && growth > flat && (sums[3]-sums[2])/n > grain[kind] {
		s.violation("%s grew by %.1f %% from the third to the last quarter", names[kind], 100*growth)
	}
}

// settle waits until all is quiet and checks that nothing is left.
func (s *soak) settle(ctx context.Context, before map[*member]sample) (after map[*member]sample, err error) {
	var left string
	for begun := time.Now(); time.Since(begun) < quietTime; {
		if after, err = s.lookAtAll(ctx); err != nil {
			return nil, err
		}
		left = ""
		for m, one := range after {
			for _, kind := range []int{goroutines, descriptors} {
				// A connection to each of the others has its share of both.
				may := before[m].values[kind] + quietMore + 12*float64(s.daemons)
				if one.values[kind] > may {
					left = fmt.Sprintf("%s has %.0f %s when all is quiet, and had %.0f", m.name, one.values[kind], names[kind], before[m].values[kind])
				}
			}
		}
		if left == "" && (s.quick || time.Since(begun) > quietTime/2) {
			return after, nil
		}
		if !program.Sleep(ctx, 500*time.Millisecond) {
			return nil, ctx.Err()
		}
	}
	if left != "" {
		s.violation("%s", left)
	}
	return after, nil
}
