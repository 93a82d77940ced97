package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The figures are those that the tests print as their attributes.
func TestReadVirtual(t *testing.T) {
	l := &lab{figures: map[string]*figure{}}
	n, err := l.readVirtual([]byte(`=== RUN   TestVirtualFigures
=== ATTR  TestVirtualFigures find 0.15 0.2 0.5
=== ATTR  TestVirtualFigures stranger 7
    figures_test.go:1: find 9
=== ATTR  TestVirtualFigures stock_find 0.349
`))
	if err != nil || n != 4 {
		t.Errorf("read %d figures: %v", n, err)
	}
	if got := l.figures[figFind]; got == nil || !slices.Equal(got.samples, []float64{0.15, 0.2, 0.5}) {
		t.Errorf("find: %+v", got)
	}
	if len(l.figures) != 2 {
		t.Errorf("%d kinds of figures, want 2", len(l.figures))
	}
	if _, err := l.readVirtual([]byte("=== ATTR  TestVirtualFigures find soon")); err == nil {
		t.Error("no number, and no error")
	}
}

var digits = regexp.MustCompile(`[0-9.]+`)

// README.md tells every goal, and no other: the first column of its table begins
// with the figure's name.
func TestReadmeGoals(t *testing.T) {
	page, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "| what | beckon | raw libp2p | ratio | goal |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	told := 0
	for line := range strings.Lines(strings.ReplaceAll(table, "`", "")) {
		cells := strings.Split(strings.Trim(line, "| \n"), "|")
		goal := strings.TrimSpace(cells[len(cells)-1])
		if len(cells) == 5 && goal != "" && !strings.Contains(goal, "---") {
			told++
		}
	}
	for _, r := range rows {
		if r.goal == "" {
			continue
		}
		told--
		name := regexp.QuoteMeta(strings.TrimSpace(r.name))
		line := regexp.MustCompile(`(?m)^\| ` + name + `\b.*\|([^|]*)\|$`).FindStringSubmatch(strings.ReplaceAll(table, "`", ""))
		if line == nil {
			t.Errorf("README.md has no row for %q", r.name)
		} else if want := digits.FindString(r.goal); digits.FindString(line[1]) != want {
			t.Errorf("README.md has the goal %q for %q, the bench %q", line[1], r.name, r.goal)
		}
	}
	if told != 0 {
		t.Errorf("README.md has %+d goals beside the bench's", told)
	}
}
