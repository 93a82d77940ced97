package spectables_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const specPath = "../../SPEC.md"

var write = flag.String("write", "", "write the fresh page to this `FILE` instead of comparing")

// The page says what the code does.
func TestSpecIsFresh(t *testing.T) {
	old, err := os.ReadFile(specPath)
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := refresh(string(old), sections(t))
	if err != nil {
		t.Fatal(err)
	}
	if *write != "" {
		if err := os.MkdirAll(filepath.Dir(*write), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(*write, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := strings.Split(fresh, "\n")
	for i, line := range strings.Split(string(old), "\n") {
		if i >= len(want) || line != want[i] {
			t.Fatalf("SPEC.md:%d is stale; run scripts/gen\n is: %s\ndue: %s", i+1, line, at(want, i))
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(the end)"
}

// A section that is missing, there twice or unknown must not pass for fresh.
func TestRefreshWantsEverySectionOnce(t *testing.T) {
	one := begin("one") + "\nold\n" + end("one") + "\n"
	for name, page := range map[string]string{
		"missing":     "text\n",
		"twice":       one + one,
		"never ended": begin("one") + "\nold\n",
		"unknown too": one + begin("two") + "\nold\n" + end("two") + "\n",
	} {
		if got, err := refresh(page, map[string]string{"one": "new"}); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
	got, err := refresh("before\n"+one+"after\n", map[string]string{"one": "new\n"})
	if want := "before\n" + begin("one") + "\n\nnew\n\n" + end("one") + "\nafter\n"; got != want || err != nil {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func begin(name string) string { return "<!-- generated: " + name + " -->" }
func end(name string) string   { return "<!-- end of generated: " + name + " -->" }

// refresh puts the sections between their marks.
func refresh(page string, sections map[string]string) (string, error) {
	for name, text := range sections {
		before, rest, ok1 := strings.Cut(page, begin(name)+"\n")
		_, after, ok2 := strings.Cut(rest, end(name)+"\n")
		if !ok1 || !ok2 || strings.Contains(after, begin(name)) {
			return "", fmt.Errorf("SPEC.md must have the marks %s and %s once", begin(name), end(name))
		}
		page = before + begin(name) + "\n\n" + strings.TrimSpace(text) + "\n\n" + end(name) + "\n" + after
	}
	if n := strings.Count(page, "<!-- generated: "); n != len(sections) {
		return "", fmt.Errorf("SPEC.md has %d marks of generated parts; %d are known", n, len(sections))
	}
	return page, nil
}
