package explain

import (
	"slices"
	"strings"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Verdict is what the steps of an invitation come to.
type Verdict struct {
	Rang     bool
	Code     string // the cause, a stable word; new ones may come
	Sentence string // why it did or did not ring
	Advice   string // what to change; empty: nothing
	Warnings []Warning
}

// Warning is something that did not keep it from ringing this time.
type Warning struct{ Code, Sentence string }

// A cause is one row of the table of causes.
type cause struct {
	code     string
	when     func(f *facts) bool
	sentence func(f *facts) string
	advice   func(f *facts) string // nil: none
}

// Judge says why the invitation did or did not ring. steps may be those of both
// devices (Merge), of one, or none at all: then the form alone decides.
func Judge(form invitation.Form, steps []Step) Verdict {
	f := &facts{Form: form, steps: steps}
	v := Verdict{Rang: f.rang()}
	i := slices.IndexFunc(causes, func(c cause) bool { return c.when(f) })
	c := causes[i] // the last one is always true
	v.Code, v.Sentence = c.code, c.sentence(f)
	if c.advice != nil {
		v.Advice = c.advice(f)
	}
	for _, w := range warnings {
		if w.when(f) {
			v.Warnings = append(v.Warnings, Warning{w.code, w.sentence(f)})
		}
	}
	return v
}

// Causes returns the words of all causes, in the order in which they are tried.
func Causes() []string {
	var all []string
	for _, c := range causes {
		all = append(all, c.code)
	}
	return all
}

func says(text string) func(*facts) string { return func(*facts) string { return text } }

// listen is what makes an app be there.
func listen(f *facts) string {
	return "keep an app listening at the callee; to try it: beckon listen --app " + f.App
}

func isState(kind invitation.Kind, states ...invitation.State) func(*facts) bool {
	return func(f *facts) bool { return f.Kind == kind && slices.Contains(states, f.State) }
}

// both is true where all are.
func both(conditions ...func(*facts) bool) func(*facts) bool {
	return func(f *facts) bool {
		for _, c := range conditions {
			if !c(f) {
				return false
			}
		}
		return true
	}
}

func has(codes ...Code) func(*facts) bool { return func(f *facts) bool { return f.has(codes...) } }

func not(c func(*facts) bool) func(*facts) bool { return func(f *facts) bool { return !c(f) } }

// causes are tried in this order; the first that fits is the verdict.
var causes = slices.Concat(callerLive, callerAnswered, callerUnreached, callerRang, calleeLive, calleeEnded, []cause{
	{"unclear", func(*facts) bool { return true }, func(f *facts) string {
		return "It ended as " + string(f.State) + ", and nothing more is known"
	}, nil},
})

// warnings go beside any verdict.
var warnings = []cause{
	{"udp_blocked", (*facts).udpBlocked, says("only TCP led to the other peer although QUIC was tried first: UDP seems to be blocked on the way, which makes calls slower to start; open the UDP port that the daemon listens on"), nil},
	{"relayed", func(f *facts) bool { return f.Path == invitation.PathRelayed },
		says("it went through a relay, which is slower and limited; it gets direct if one of the two can be reached, see --listen"), nil},
	{"app_came_late", func(f *facts) bool { return f.lateApp() > 0 && f.rang() }, func(f *facts) string {
		return "it rang late: no app was listening at the callee for the first " + Span(f.lateApp())
	}, nil},
	{"session_broke", func(f *facts) bool { return f.downBy(ErrSilent) || f.downBy(ErrBroken) },
		says("the connection between the two broke meanwhile"), nil},
	{"restarted", has(Restarted), says("the daemon was started again meanwhile"), nil},
	{"journal_failed", has(JournalFailed), says("the journal could not be written for a while; is the disk full?"), nil},
	{"steps_left_out", has(LeftOut), says("not all steps were kept"), nil},
}

// dialedWords are the failures of the dials, for people.
func (f *facts) dialedWords() string {
	var all []string
	for _, w := range []string{ErrRefused, ErrTimeout, ErrNoRoute, ErrWrongPeer, ErrHandshake, ErrNoTransport, ErrLimited, ErrOther} {
		if f.dials()[w] {
			all = append(all, errorWords[w])
		}
	}
	if len(all) == 0 {
		return ""
	}
	return ": " + strings.Join(all, "; ")
}
