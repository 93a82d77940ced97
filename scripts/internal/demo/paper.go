package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// Widths of a line, 100 columns in all.
const (
	timeWidth = 5
	leftWidth = 46
	wholeSize = 100
)

// paper is where the show is written down: two columns, one for each side.
type paper struct {
	w      io.Writer
	colour bool
}

// newPaper writes to f, in colour if it is a terminal whose user did not object.
func newPaper(f *os.File) *paper {
	plain := os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd()))
	return &paper{f, !plain}
}

func (p *paper) line(format string, args ...any) { fmt.Fprintf(p.w, format+"\n", args...) }

// cast says who is who.
func (p *paper) cast(s *stage) {
	p.line("Three daemons on this machine, network %q. The caller and the callee know only the first.", network)
	p.line("  bootstrap  %s", s.boot.PeerID)
	for _, d := range s.peers {
		p.line("  %-9s  %s", d.Name, d.PeerID)
	}
	p.line("Times are milliseconds since the scene began; > is what a user does, the rest is told to an app.\n")
}

func (p *paper) title(text string) {
	p.line("%s", p.paint("1", strings.ToUpper(text[:1])+text[1:]))
	p.pair("ms", "caller's app", "callee's app")
}

// row writes one thing that happened on one side, and below it what there is to
// say about it.
func (p *paper) row(who side, at time.Duration, what string, about ...string) {
	var cells [2]string
	cells[who] = what
	p.pair(fmt.Sprint(at.Milliseconds()), cells[caller], cells[callee])
	for _, text := range about {
		cells[who] = "    " + text
		p.pair("", cells[caller], cells[callee])
	}
}

func (p *paper) pair(ms, left, right string) {
	left, right = cut(left, leftWidth), cut(right, wholeSize-timeWidth-leftWidth-6)
	pad := strings.Repeat(" ", leftWidth-utf8.RuneCountInString(left))
	p.line("%s", strings.TrimRight(fmt.Sprintf("%*s  %s%s | %s", timeWidth, ms, p.shade(left), pad, p.shade(right)), " "))
}

// shade colours a cell by what it is.
func (p *paper) shade(cell string) string {
	switch {
	case strings.HasPrefix(cell, ">"):
		return p.paint("36", cell)
	case strings.HasPrefix(cell, "  "):
		return p.paint("2", cell)
	}
	return cell
}

func (p *paper) paint(code, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// cut shortens text to n columns.
func cut(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return text
}

func quoted(name, text string) string { return fmt.Sprintf("%s %q", name, text) }
