//go:build linux

package netlab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Scenario is one thing that can happen, in a laboratory of its own.
type Scenario struct {
	Name, About string

	change func(*Config) // of the laboratory; may be nil
	run    func(ctx context.Context, w *World, r *Report) error
}

// Report is what a scenario measured.
type Report struct{ lines [][2]string }

// Add notes a figure.
func (r *Report) Add(what string, figure any) {
	if d, ok := figure.(time.Duration); ok {
		figure = d.Round(time.Millisecond)
	}
	r.lines = append(r.lines, [2]string{what, fmt.Sprint(figure)})
}

// RunScenarios runs scenarios by name, one after the other, and prints what they
// measured. The error says which did not go as they should.
func RunScenarios(ctx context.Context, cfg Config, out io.Writer, names []string) error {
	var chosen []Scenario
	for _, s := range Scenarios {
		if slices.Contains(names, s.Name) || slices.Equal(names, []string{"all"}) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) != len(names) && !slices.Equal(names, []string{"all"}) {
		return errors.New("no such scenario; scripts/netlab list shows all")
	}
	var failed []error
	for _, s := range chosen {
		r, err := s.Run(ctx, cfg)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		verdict := "as it should"
		if err != nil {
			verdict = "NOT as it should: " + err.Error()
			failed = append(failed, errors.New(s.Name))
		}
		fmt.Fprintf(out, "%s: %s\n", s.Name, verdict)
		t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		for _, l := range r.lines {
			fmt.Fprintf(t, "    %s\t%s\n", l[0], l[1])
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(failed) > 0 {
		return fmt.Errorf("not as they should: %w", errors.Join(failed...))
	}
	return nil
}

// Run runs the scenario. The report holds what was measured until an error.
func (s Scenario) Run(ctx context.Context, cfg Config) (*Report, error) {
	r := new(Report)
	if s.change != nil {
		s.change(&cfg)
	}
	start := time.Now()
	w, err := Build(ctx, cfg)
	if err != nil {
		return r, err
	}
	defer w.Close()
	r.Add(fmt.Sprintf("%d public hosts ready", len(w.Servers)), time.Since(start))
	return r, s.run(ctx, w, r)
}
