package explain

import (
	"fmt"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// facts are a form and its steps as the causes ask about them.
type facts struct {
	invitation.Form
	steps []Step
}

// has reports whether a step of that code is there, on either side.
func (f *facts) has(codes ...Code) bool {
	for _, c := range codes {
		if first(f.steps, c) != nil {
			return true
		}
	}
	return false
}

// local reports whether it is the caller's form, with one of these failures if
// any are given.
func (f *facts) local() bool  { return f.Kind == invitation.KindLocal }
func (f *facts) remote() bool { return f.Kind == invitation.KindRemote }

func (f *facts) failed(why protocol.Failure) bool {
	return f.State == invitation.Failed && f.Failure == why
}

// rang reports whether an app of the callee had it.
func (f *facts) rang() bool {
	if f.local() {
		// A callee that refuses or accepts had an app, but for one without room.
		answered := f.State == invitation.AcceptedByRemote || f.State == invitation.RefusedByRemote && !f.noRoom()
		return !f.ReceivedAt.IsZero() || answered || f.has(ReceivedRead, HandedOver)
	}
	return f.HandedOver || f.has(HandedOver)
}

// noRoom: a refusal by the callee's daemon, which had not rung before.
func (f *facts) noRoom() bool {
	return f.Reason == protocol.ReasonBusy && f.ReceivedAt.IsZero() && !f.has(ReceivedRead, DeliveredRead, HandedOver, Refuse)
}

// rangAfter is how long it took to ring; 0: not known.
func (f *facts) rangAfter() time.Duration {
	for _, c := range []Code{ReceivedRead, HandedOver} {
		if s := first(f.steps, c); s != nil {
			return max(micros(s.Since)-f.sentAt(), 0)
		}
	}
	if f.local() && !f.ReceivedAt.IsZero() && !f.SentAt.IsZero() {
		return max(f.ReceivedAt.Sub(f.SentAt), 0)
	}
	return 0
}

func (f *facts) sentAt() time.Duration {
	if s := first(f.steps, Sent); s != nil {
		return micros(s.Since)
	}
	return 0
}

// lateApp is how long the invitation waited at the callee for an app; 0: it
// did not, or not long enough to matter.
func (f *facts) lateApp() time.Duration {
	const matters = time.Second
	waits := []struct{ from, to Code }{{DeliveredRead, ReceivedRead}, {NoApp, AppCame}}
	for _, w := range waits {
		from, to := first(f.steps, w.from), first(f.steps, w.to)
		if from != nil && to != nil {
			if d := micros(to.Since - from.Since); d >= matters {
				return d
			}
		}
	}
	return 0
}

// dials are the words of all dials that failed.
func (f *facts) dials() map[string]bool {
	words := map[string]bool{}
	for _, s := range f.steps {
		if s.Code == DialFailed && s.Side != There {
			words[s.Error] = true
		}
	}
	return words
}

// allDials reports whether dials failed, and all with that word.
func (f *facts) allDials(word string) bool {
	w := f.dials()
	return len(w) == 1 && w[word]
}

// found reports whether a source knew an address, here.
func (f *facts) found() bool {
	for _, s := range f.steps {
		if s.Side != There && (s.Code == Answered && s.Addresses > 0 || s.Code == Dialing) {
			return true
		}
	}
	return false
}

// asked are the sources that were asked, for people.
func (f *facts) asked() string {
	if s := first(f.steps, Asked); s != nil && s.Source != "" {
		return " (" + strings.ReplaceAll(s.Source, ",", ", ") + ")"
	}
	return ""
}

// downBy reports whether a session ended with that word.
func (f *facts) downBy(word string) bool {
	for _, s := range f.steps {
		if s.Code == SessionDown && s.Error == word {
			return true
		}
	}
	return false
}

// udpBlocked reports whether only TCP led to a peer that QUIC was tried for.
func (f *facts) udpBlocked() bool {
	quic, tcp := false, false
	for _, s := range f.steps {
		if s.Side == There {
			continue
		}
		switch s.Code {
		case Connected:
			tcp = tcp || s.Transport == "tcp"
			if s.Transport == "quic" {
				return false
			}
		case Dialing:
			quic = quic || strings.Contains(s.Transport, "quic")
		}
	}
	return quic && tcp
}

// words for sentences.

func (f *facts) rangText() string {
	if d := f.rangAfter(); d > 0 && f.local() {
		return "It rang after " + Span(d)
	}
	return "It rang"
}

// lateText says how long no app was there, with its connecting words.
func (f *facts) lateText() string {
	if d := f.lateApp(); d > 0 {
		return ", late, because no app was listening for the first " + Span(d)
	}
	return ""
}

func (f *facts) ended() string {
	from := f.SentAt
	if f.remote() {
		from = f.CreatedAt
	}
	if from.IsZero() || f.EndedAt.IsZero() {
		return "in the end"
	}
	return "after " + Span(max(f.EndedAt.Sub(from), 0))
}

// unreached says how far the way to the callee had come, for one that did not ring.
func (f *facts) unreached() string {
	switch {
	case f.has(DeliveredRead, DeliveredWritten, NoApp):
		return "the callee's daemon had it, and no app there was listening"
	case f.has(SessionUp):
		return "the callee was connected, and had not said that it rings"
	case f.found():
		return "no address of the callee had answered"
	case f.has(Asked):
		return "nobody had known an address of the callee" + f.asked()
	}
	return "it had not reached the callee"
}

func (f *facts) reasonText() string {
	if f.Reason == "" {
		return ""
	}
	return fmt.Sprintf(" (%s)", clip(string(f.Reason)))
}
