package main

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// stages shows on standard error how far an invitation has come: on a terminal
// in one line that is redrawn each second, elsewhere in a line a stage.
type stages struct {
	p       *program
	redraw  bool
	ticker  *time.Ticker // nil unless redraw
	inv     api.Invitation
	since   time.Time // when inv was heard of
	told    string    // the last stage that was told
	pending bool      // a drawn line is to be erased
}

func (p *program) newStages() *stages {
	s := &stages{p: p, redraw: !p.json && isTerminal(p.stderr)}
	if s.redraw {
		s.ticker = time.NewTicker(time.Second)
	}
	return s
}

// tick fires when it is time to draw; never where nothing is redrawn.
func (s *stages) tick() <-chan time.Time {
	if s.ticker == nil {
		return nil
	}
	return s.ticker.C
}

// show tells the stage of inv, if it is new.
func (s *stages) show(inv api.Invitation) {
	s.inv, s.since = inv, time.Now()
	if s.redraw {
		s.draw()
		return
	}
	if inv.Progress == "" || inv.Progress == s.told || inv.Ended() {
		return
	}
	s.told = inv.Progress
	s.p.note("%s", clean(inv.Progress))
}

func (s *stages) draw() {
	if s.inv.Ended() || s.inv.Progress == "" {
		return
	}
	text := stageWords[s.inv.Progress]
	if text == "" {
		text = clean(s.inv.Progress)
	}
	if s.inv.Path != "" {
		text += " (" + clean(s.inv.Path) + ")"
	}
	if s.inv.LeftMS != nil {
		left := time.Duration(*s.inv.LeftMS)*time.Millisecond - time.Since(s.since)
		text += fmt.Sprintf(", %d s left", max(0, int(left.Round(time.Second).Seconds())))
	}
	fmt.Fprint(s.p.stderr, eraseLine+text)
	s.pending = true
}

var stageWords = map[string]string{
	api.ProgressLocating:   "locating the peer",
	api.ProgressConnecting: "connecting to the peer",
	api.ProgressDelivered:  "delivered: waiting for an app there",
	api.ProgressRinging:    "ringing",
}

// end erases what was drawn. It may be called more than once.
func (s *stages) end() {
	if s.ticker != nil {
		s.ticker.Stop()
	}
	if s.pending {
		fmt.Fprint(s.p.stderr, eraseLine)
		s.pending = false
	}
}
