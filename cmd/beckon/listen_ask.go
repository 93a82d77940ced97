package main

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/beckon-p2p/beckon/api"
)

// asker keeps the invitations that a person is to be asked about; the first
// is the one that the question on the terminal is about.
type asker struct {
	waiting []api.Invitation
	lines   chan string // nil where nobody is asked
}

// read begins to read what the person types. It ends with the program: a read
// from a terminal cannot be called off.
func (a *asker) read(in io.Reader) {
	lines := make(chan string)
	a.lines = lines
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
}

func (l *listener) askFor(inv api.Invitation) {
	l.asker.waiting = append(l.asker.waiting, inv)
	l.eraseQuestion()
	l.question()
}

// unask forgets to ask about an invitation that is over. The caller shows that,
// and with it the next question.
func (l *listener) unask(id string) {
	l.asker.waiting = slices.DeleteFunc(l.asker.waiting, func(inv api.Invitation) bool { return inv.ID == id })
}

// answered takes a line that was typed; at the end of input nobody is asked
// any more.
func (l *listener) answered(line string, ok bool) {
	if !ok {
		l.ask, l.asker = false, asker{}
		return
	}
	if len(l.asker.waiting) == 0 {
		return
	}
	var a answer
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		a.accept = true
	case "n", "no":
	default:
		l.question()
		return
	}
	a.response = l.response
	inv := l.asker.waiting[0]
	l.asker.waiting = l.asker.waiting[1:]
	l.wg.Go(func() { l.answer(inv.ID, a) })
	l.question()
}

func (l *listener) question() {
	if len(l.asker.waiting) > 0 {
		inv := l.asker.waiting[0]
		fmt.Fprintf(l.stderr, "accept %s from %s? [y/n] ", clean(inv.ID), shortPeer(clean(inv.CallerID)))
	}
}

func (l *listener) eraseQuestion() {
	if l.ask {
		fmt.Fprint(l.stderr, eraseLine)
	}
}
