package explain

import "strings"

// Side is the device that a step happened on.
type Side string

// The sides: this device, the other party's.
const (
	Here  Side = "here"
	There Side = "there"
)

// Step is one thing that happened to an invitation on one device. Only Code
// and the times ever leave the device.
type Step struct {
	Code  Code  `json:"code"`
	At    int64 `json:"at"`              // by the wall clock, milliseconds since 1970, for people
	Since int64 `json:"since"`           // microseconds since the first step, by a clock that nobody sets
	Count int   `json:"count,omitempty"` // how often it happened, if more than once
	Last  int64 `json:"last,omitempty"`  // when it last did, as Since

	Source    string `json:"source,omitempty"`    // where an address came from; of asked: all, with commas
	Addresses int    `json:"addresses,omitempty"` // how many
	Address   string `json:"address,omitempty"`   // a multiaddr
	Transport string `json:"transport,omitempty"` // quic, tcp or relay; of dialing: all, with commas
	Path      string `json:"path,omitempty"`      // lan, direct or relayed
	Error     string `json:"error,omitempty"`     // a word of errors.go
	Reason    string `json:"reason,omitempty"`    // of a refusal or a cancel
	Message   string `json:"message,omitempty"`   // of a repeat: its name

	Side Side `json:"-"`
}

// same reports whether s is a repeat of t.
func (s Step) same(t Step) bool {
	s.At, s.Since, s.Count, s.Last = t.At, t.Since, t.Count, t.Last
	return s == t
}

// times is how often the step happened.
func (s Step) times() int { return max(s.Count, 1) }

// last is when it last happened.
func (s Step) last() int64 { return max(s.Last, s.Since) }

// absorb counts a repeat.
func (s *Step) absorb(t Step) {
	s.Count, s.Last = s.times()+t.times(), max(s.last(), t.last())
	if t.Since < s.Since {
		s.Since, s.At = t.Since, t.At
	}
}

// size is at least what the step takes in the journal.
func (s Step) size() int {
	const bare, field = 80, 20 // names, numbers and marks
	n := bare + len(s.Code) + 2*field
	for _, text := range []string{s.Source, s.Address, s.Transport, s.Path, s.Error, s.Reason, s.Message} {
		if text != "" {
			n += field + len(text)
		}
	}
	if s.Addresses != 0 {
		n += field
	}
	return n
}

// clip makes text from elsewhere short and plain, so that it takes in the
// journal what it has bytes.
func clip(text string) string {
	text = text[:min(len(text), maxText)]
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || strings.ContainsRune(`"\<>&`, r) {
			return '?'
		}
		return r
	}, text)
}

// tidy holds the step's text to what it may be.
func (s Step) tidy() Step {
	for _, text := range []*string{&s.Source, &s.Address, &s.Transport, &s.Path, &s.Error, &s.Reason, &s.Message} {
		*text = clip(*text)
	}
	return s
}
