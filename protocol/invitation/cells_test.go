package invitation_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var rewrite = flag.Bool("rewrite", false, "write what the machines do into testdata; read the difference before it is kept")

// golden compares text with a file, or writes it with -rewrite.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		g, w := "(nothing)", "(nothing)"
		if i < len(gotLines) {
			g = gotLines[i]
		}
		if i < len(wantLines) {
			w = wantLines[i]
		}
		if g != w {
			t.Fatalf("%s:%d:\n got %s\nwant %s", path, i+1, g, w)
		}
	}
}

// TestCells takes every situation through every happening: what state follows,
// what is said, what the apps are told. The expected cells are in testdata.
func TestCells(t *testing.T) {
	var text strings.Builder
	text.WriteString("# What each form does in each situation. Cells in which nothing happens at all are listed together.\n")
	taken := map[*invitation.Row]bool{}
	for _, s := range situations {
		fmt.Fprintf(&text, "\n%s %s\n", s.build().m.Form().Kind, s.name)
		var idle []string
		for _, h := range happenings() {
			b := s.build()
			before := b.m.Form()
			h.do(b)
			if b.last.Broken != "" {
				t.Errorf("%s, %s: %s", s.name, h.name, b.last.Broken)
			}
			for _, r := range b.rows {
				taken[r] = true
			}
			if cell := b.cell(&before); cell == "" {
				idle = append(idle, h.name)
			} else {
				fmt.Fprintf(&text, "  %-40s %s\n", h.name, cell)
			}
		}
		fmt.Fprintf(&text, "  nothing: %s\n", strings.Join(idle, "; "))
	}
	golden(t, "testdata/cells.txt", text.String())
	for _, r := range slices.Concat(invitation.LocalTable, invitation.RemoteTable) {
		if !taken[r] {
			t.Errorf("row %s from %v is not in any cell", r.Name, r.From)
		}
	}
}

// cell says what the last step did; "" if nothing.
func (b *bench) cell(before *invitation.Form) string {
	f := b.m.Form()
	var parts []string
	if f.State != before.State || f.Canceling != before.Canceling {
		parts = append(parts, "-> "+string(f.State)+outcome(&f))
	}
	if f.Owes != before.Owes {
		parts = append(parts, map[bool]string{true: "owes", false: "owes nothing more"}[f.Owes])
	}
	for _, m := range b.last.Send {
		parts = append(parts, "says "+describe(m))
	}
	for _, e := range b.last.Emit {
		parts = append(parts, "tells "+string(e.Callback))
	}
	if b.last.Stray {
		parts = append(parts, "stray")
	}
	if b.err != nil {
		code, _, _ := strings.Cut(b.err.Error(), ":")
		parts = append(parts, "error "+code)
	}
	if f.Content != before.Content {
		parts = append(parts, "content "+f.Content)
	}
	for _, tie := range []struct {
		what     string
		was, now protocol.ID
	}{{"crosses", before.GlareWith, f.GlareWith}, {"tied to", before.Pair, f.Pair}, {"merged with", before.MergedWith, f.MergedWith}} {
		if tie.was == tie.now {
			continue
		}
		if tie.now.IsZero() {
			parts = append(parts, "no more "+tie.what)
		} else {
			parts = append(parts, fmt.Sprint(tie.what, " ", tie.now[15]))
		}
	}
	if f.Progress != before.Progress {
		parts = append(parts, "progress "+string(f.Progress))
	}
	return strings.Join(parts, ", ")
}
