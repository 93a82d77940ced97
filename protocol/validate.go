package protocol

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const notUTF8 = "is not UTF-8"

// CheckApp checks the app of an invitation: 1 to MaxApp bytes of a-z 0-9 . _ -
// An error is an *Error with the code invalid_argument; so it is for all checks
// below. They check what is there: put in the default for what is absent first.
func CheckApp(s string) error {
	return localError("app", fmt.Sprintf("1 to %d bytes of a-z 0-9 . _ -", MaxApp), appProblem(s),
		"give a short name like call or com.example.whiteboard")
}

// CheckChannelID checks a channel_id: at most MaxChannelID bytes of UTF-8.
func CheckChannelID(s string) error {
	return localError("channel_id", fmt.Sprintf("%d bytes of UTF-8", MaxChannelID), textProblem(s, MaxChannelID),
		"give a shorter name, as UTF-8")
}

// CheckContent checks a content: at most MaxContent bytes of UTF-8.
func CheckContent(s string) error {
	return localError("content", fmt.Sprintf("%d bytes of UTF-8", MaxContent), textProblem(s, MaxContent),
		"send less, as UTF-8, or say in it where the rest is")
}

// CheckResponse checks a response: at most MaxResponse bytes of UTF-8.
func CheckResponse(s string) error {
	return localError("response", fmt.Sprintf("%d bytes of UTF-8", MaxResponse), textProblem(s, MaxResponse),
		"send less, as UTF-8, or say in it where the rest is")
}

// CheckReach checks a reach time: MinTime to MaxTime.
func CheckReach(d time.Duration) error { return checkTime("reach_ms", d, DefaultReach) }

// CheckRing checks a ring time: MinTime to MaxTime.
func CheckRing(d time.Duration) error { return checkTime("ring_ms", d, DefaultRing) }

func checkTime(field string, d, usual time.Duration) error {
	return localError(field, fmt.Sprintf("%d to %d", MinTime.Milliseconds(), MaxTime.Milliseconds()),
		timeProblem(d, MinTime), fmt.Sprintf("give milliseconds, or nothing for %d", usual.Milliseconds()))
}

// CheckRefuseReason checks that r is one of RefuseReasons.
func CheckRefuseReason(r Reason) error { return checkReason(r, RefuseReasons) }

// CheckCancelReason checks that r is one of CancelReasons.
func CheckCancelReason(r Reason) error { return checkReason(r, CancelReasons) }

func checkReason(r Reason, allowed []Reason) error {
	if slices.Contains(allowed, r) {
		return nil
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	limit := "one of " + strings.Join(words, ", ")
	return localError("reason", limit, fmt.Sprintf("is a word of %d bytes that is not in the list", len(r)),
		"give "+limit+", or nothing for "+words[0])
}

// ParseGlare reads the word for a wish for glare; "" is independent.
func ParseGlare(s string) (Glare, error) {
	switch s {
	case "", "independent":
		return GlareIndependent, nil
	case "merge":
		return GlareMerge, nil
	}
	return GlareIndependent, localError("glare", "independent or merge",
		fmt.Sprintf("is a word of %d bytes that is neither independent nor merge", len(s)), "give one of the two, or nothing for independent")
}

func localError(field, limit, problem, advice string) error {
	if problem == "" {
		return nil
	}
	return Invalid(field, limit, "%s %s; %s", field, problem, advice)
}

// checkFrame holds f to the limits, the same for what is sent and what is read.
// The length of an id is a matter of the wire and was checked there.
func checkFrame(f Frame) error {
	var c checker
	if m, ok := f.(Message); ok && m.Invitation().IsZero() {
		c.problem("id", "is all zero")
	}
	switch f := f.(type) {
	case Invite:
		c.message = "invite"
		c.problem("app", appProblem(f.App))
		c.problem("channel_id", textProblem(f.ChannelID, MaxChannelID))
		c.problem("content", textProblem(f.Content, MaxContent))
		if f.Known {
			c.absent("content", f.Content, "when known is set")
		}
		c.problem("reach_left_ms", timeProblem(f.ReachLeft, 0))
		c.problem("ring_ms", timeProblem(f.Ring, MinTime))
	case Delivered:
		c.message = "delivered"
	case Received:
		c.message = "received"
		c.problem("ring_left_ms", timeProblem(f.RingLeft, 0))
	case Accept:
		c.message = "accept"
		c.problem("response", textProblem(f.Response, MaxResponse))
	case Confirm:
		c.message = "confirm"
	case Refuse:
		c.message = "refuse"
		c.problem("reason", wordProblem(string(f.Reason)))
		c.problem("response", textProblem(f.Response, MaxResponse))
	case Cancel:
		c.message = "cancel"
		c.problem("reason", wordProblem(string(f.Reason)))
	case Done:
		c.message = "done"
		c.done(f)
	case Missed:
		c.message = "missed"
		c.missed(f)
	case MissedTaken:
		c.message = "missed_taken"
	}
	if c.wrong != "" {
		return &FrameError{c.message + "." + c.field, c.wrong}
	}
	return nil
}

// checker keeps the first problem of a message.
type checker struct{ message, field, wrong string }

func (c *checker) problem(field, wrong string) {
	if c.wrong == "" && wrong != "" {
		c.field, c.wrong = field, wrong
	}
}

func (c *checker) absent(field, value, when string) {
	if value != "" {
		c.problem(field, "must be absent "+when)
	}
}

// word checks a word that the outcome requires, may have, or forbids.
func (c *checker) word(field, value string, required bool, when string) {
	if !required {
		c.absent(field, value, when)
		return
	}
	c.problem(field, wordProblem(value))
}

// done checks that what goes with an outcome is there, and nothing else.
func (c *checker) done(f Done) {
	c.problem("response", textProblem(f.Response, MaxResponse))
	const when = "with this outcome"
	switch f.Outcome {
	case 0:
		c.problem("outcome", "is absent or 0")
	case OutcomeUnknown, OutcomeAccepted, OutcomeRefused, OutcomeCanceled, OutcomeFailure:
		c.word("reason", string(f.Reason), f.Outcome == OutcomeRefused || f.Outcome == OutcomeCanceled, when)
		c.word("failure", string(f.Failure), f.Outcome == OutcomeFailure, when)
		if f.Outcome != OutcomeAccepted && f.Outcome != OutcomeRefused {
			c.absent("response", f.Response, when)
		}
	default: // a newer peer's: it knows what goes with it
		if f.Reason != "" {
			c.problem("reason", wordProblem(string(f.Reason)))
		}
		if f.Failure != "" {
			c.problem("failure", wordProblem(string(f.Failure)))
		}
	}
}

func textProblem(s string, limit int) string {
	if len(s) > limit {
		return fmt.Sprintf("is %d bytes long; at most %d are allowed", len(s), limit)
	}
	if !utf8.ValidString(s) {
		return notUTF8
	}
	return ""
}

func appProblem(s string) string { return nameProblem(s, MaxApp, "._-", "a-z 0-9 . _ -") }

func wordProblem(s string) string { return nameProblem(s, MaxWord, "_", "a-z 0-9 _") }

func nameProblem(s string, limit int, marks, alphabet string) string {
	if s == "" || len(s) > limit {
		return fmt.Sprintf("is %d bytes long; 1 to %d are allowed", len(s), limit)
	}
	for i := range len(s) {
		b := s[i]
		if (b < 'a' || b > 'z') && (b < '0' || b > '9') && strings.IndexByte(marks, b) < 0 {
			return fmt.Sprintf("has a character at byte %d that is not one of %s", i, alphabet)
		}
	}
	return ""
}

func timeProblem(d, least time.Duration) string {
	if d < least || d > MaxTime {
		return fmt.Sprintf("is %d ms; %d to %d are allowed", d.Milliseconds(), least.Milliseconds(), MaxTime.Milliseconds())
	}
	return ""
}
