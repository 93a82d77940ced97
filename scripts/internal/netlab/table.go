//go:build linux

package netlab

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Print prints the results as a table, a row for each pair and contact, and
// under it what is not as expected. It returns how much that is.
func Print(out io.Writer, results []Result) (int, error) {
	table, err := Table()
	if err != nil {
		return 0, err
	}
	var odd []string
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "pair\tcontact\trings\tbefore\tfirst path\tlater\texpected\tp50\tp95")
	for _, e := range table {
		for _, contact := range []string{Cold, Cached} {
			cell := cellOf(results, e.Pair, contact)
			if len(cell) == 0 {
				continue
			}
			fmt.Fprintf(t, "%s\t%s\t%s\n", e.Pair, contact, row(cell, e))
			for _, r := range cell {
				if d := e.Differs(r); d != "" {
					odd = append(odd, d)
				}
			}
		}
	}
	if err := t.Flush(); err != nil {
		return 0, err
	}
	if len(odd) > 0 {
		_, err = fmt.Fprintf(out, "\nnot as expected:\n  %s\n", strings.Join(odd, "\n  "))
	}
	return len(odd), err
}

func cellOf(results []Result, p Pair, contact string) []Result {
	return slices.DeleteFunc(slices.Clone(results), func(r Result) bool { return r.Pair != p || r.Contact != contact })
}

func row(cell []Result, e Expected) string {
	var before, first, later []string
	var took []time.Duration
	for _, r := range cell {
		if r.Took == 0 {
			continue
		}
		took = append(took, r.Took)
		before = append(before, word(r.Before))
		first = append(first, word(r.First))
		later = append(later, word(r.Later))
	}
	return fmt.Sprintf("%d of %d\t%s\t%s\t%s\t%s\t%s\t%s", len(took), len(cell), kinds(before), kinds(first), kinds(later), e.Path, share(took, 50), share(took, 95))
}

// kinds are the different words of a list.
func kinds(words []string) string {
	slices.Sort(words)
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(slices.Compact(words), ", ")
}

// share is the time that a percentage of rings did not exceed.
func share(took []time.Duration, percent int) string {
	if len(took) == 0 {
		return "-"
	}
	slices.Sort(took)
	n := (len(took)*percent + 99) / 100
	return took[max(n, 1)-1].Round(time.Millisecond).String()
}
