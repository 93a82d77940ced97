package explain

import (
	"fmt"
	"strings"
	"time"
)

// Text says a step in a sentence that reads the same on both devices.
func (s Step) Text() string {
	text := words[s.Code]
	if text == nil {
		return "Something happened that this version has no words for (" + string(s.Code) + ")."
	}
	said := text(s)
	if s.Count > 1 && s.Code != LeftOut {
		said = fmt.Sprintf("%s, %d times, the last at %s", strings.TrimSuffix(said, "."), s.Count, Span(micros(s.Last)))
		return said + "."
	}
	return said
}

func plain(text string) func(Step) string { return func(Step) string { return text } }

// words are the sentences of the steps.
var words = map[Code]func(s Step) string{
	Created:       plain("The caller's app created it."),
	Sent:          plain("The caller sent it."),
	NotLoggedIn:   plain("The caller could not send it: its device was logged out."),
	Cancel:        func(s Step) string { return "The caller withdrew it" + why(s.Reason) + "." },
	Accept:        plain("An app of the callee accepted: a bid, which the caller decides on."),
	Refuse:        func(s Step) string { return "An app of the callee refused" + why(s.Reason) + "." },
	NoApp:         plain("No app was listening at the callee; its daemon kept the invitation until one would come."),
	CallerUnheard: plain("The caller had not been heard for a while, so nothing rang yet."),
	AppCame:       plain("An app came at the callee and was told."),
	AppTold:       plain("The callee's app was told."),
	HandedOver:    plain("The callee's app has it: it rings."),
	LoggedOut:     plain("The device was logged out."),
	Restarted:     plain("The daemon was started again and went on with it."),
	IdleOver:      plain("It was not sent for 24 hours."),
	ReachOver:     plain("The reach time was over."),
	RingOver:      plain("The ring time was over."),
	UnhandedOver:  plain("The reach time was over, and the app had not read it."),
	CancelOver:    plain("The callee had not acknowledged the cancel for 5 s; it stands all the same."),
	ConfirmOver:   plain("The caller had not confirmed the bid for 5 s."),
	BidOver:       plain("The ring time was over, and the bid was not confirmed."),
	CallerLost:    plain("The caller had not been heard for 10 s."),
	Unconfirmed:   plain("The callee did not come to know that the caller took its accept."),
	JournalFailed: plain("The journal could not be written; what was to happen then was put off."),
	Parked:        plain("Both called each other: this one waits for the other."),
	Unparked:      plain("The other one came to nothing: this one goes on."),
	GlareBid:      plain("Both called each other: the daemon bids to accept this one for its own."),
	Superseded:    plain("Both called each other, and the other one took the place of this one."),
	LeftOut:       func(s Step) string { return fmt.Sprintf("%d further steps were not kept.", s.times()) },
	Other:         func(s Step) string { return "It went on (" + s.Reason + ")." },

	NoNetwork:     plain("This device was not on its network, so that nobody could be dialed."),
	Asked:         func(s Step) string { return "Asked where the other peer is: " + list(s.Source) + "." },
	Answered:      answeredText,
	SourceFailed:  func(s Step) string { return or(s.Source, "A source") + " could not be asked." },
	SourceSilent:  func(s Step) string { return or(s.Source, "A source") + " had not answered by the end of the attempt." },
	Dialing:       dialingText,
	DialFailed:    dialFailedText,
	AttemptFailed: func(s Step) string { return "The attempt failed" + colon(errorWords[s.Error]) + "." },
	Connected: func(s Step) string {
		return "Connected" + over(s.Transport) + to(s.Address) + path(s.Path) + "."
	},
	SessionUp:   func(s Step) string { return "A session with the other peer stood" + path(s.Path) + "." },
	SessionDown: func(s Step) string { return "The session ended" + colon(errorWords[s.Error]) + "." },

	InviteWritten:    plain("Wrote the Invite to the callee."),
	InviteRead:       plain("The Invite arrived at the callee."),
	DeliveredWritten: plain("Told the caller that the callee's daemon has it."),
	DeliveredRead:    plain("The callee's daemon said that it has it, and no app yet."),
	ReceivedWritten:  plain("Told the caller that it rings."),
	ReceivedRead:     plain("The callee said that it rings."),
	AcceptWritten:    plain("Wrote the Accept to the caller."),
	AcceptRead:       plain("The callee's Accept arrived; the caller took it."),
	ConfirmWritten:   plain("Wrote the Confirm to the callee."),
	ConfirmRead:      plain("The caller's Confirm arrived."),
	RefuseWritten:    plain("Wrote the refusal to the caller."),
	RefuseRead:       func(s Step) string { return "The callee's refusal arrived" + why(s.Reason) + "." },
	CancelWritten:    plain("Wrote the Cancel to the callee."),
	CancelRead:       func(s Step) string { return "The caller's Cancel arrived" + why(s.Reason) + "." },
	DoneWritten:      plain("Told the other side how it ended."),
	DoneRead:         func(s Step) string { return "The other side said how it ended there" + why(s.Reason+s.Error) + "." },
	RepeatWritten:    func(s Step) string { return "Said again, for want of an answer: " + or(s.Message, "a message") + "." },
	RepeatRead:       func(s Step) string { return "Came again and changed nothing: " + or(s.Message, "a message") + "." },
}

func answeredText(s Step) string {
	source := or(s.Source, "A source")
	switch s.Addresses {
	case 0:
		if s.Source == "" {
			return "A source answered." // of the other side only the code is known
		}
		return source + " knew no address."
	case 1:
		return source + " knew an address."
	}
	return fmt.Sprintf("%s knew %d addresses.", source, s.Addresses)
}

func dialingText(s Step) string {
	switch s.Addresses {
	case 0:
		return "Dialed."
	case 1:
		return "Dialed an address" + over(s.Transport) + "."
	}
	return fmt.Sprintf("Dialed %d addresses%s.", s.Addresses, over(s.Transport))
}

func dialFailedText(s Step) string {
	switch {
	case s.Address != "":
		return s.Address + colon(or(errorWords[s.Error], "failed")) + "."
	case s.Addresses > 1:
		return fmt.Sprintf("%d addresses%s%s.", s.Addresses, over(s.Transport), colon(errorWords[s.Error]))
	}
	return "A dial" + over(s.Transport) + " failed" + colon(errorWords[s.Error]) + "."
}

// errorWords are the words of errors as people read them.
var errorWords = map[string]string{
	ErrRefused:     "refused, nothing listens there",
	ErrTimeout:     "no answer in time",
	ErrNoRoute:     "the network does not lead there",
	ErrWrongPeer:   "another peer answered",
	ErrHandshake:   "the handshake failed",
	ErrNoTransport: "an address that this device cannot use",
	ErrLimited:     "too many connections",
	ErrNoAddress:   "nobody knew an address",
	ErrNotSpoken:   "the peer does not speak beckon's protocol",
	ErrSilent:      "the peer went silent",
	ErrBroken:      "the connection broke",
	ErrOther:       "for another reason",
}

var transportWords = strings.NewReplacer("quic", "QUIC", "tcp", "TCP", "relay", "a relay", ",", " and ")

func over(transport string) string {
	if transport == "" {
		return ""
	}
	return " over " + transportWords.Replace(transport)
}

func to(address string) string {
	if address == "" {
		return ""
	}
	return " to " + address
}

func path(p string) string {
	if p == "" {
		return ""
	}
	return ", path " + p
}

func why(reason string) string {
	if reason == "" {
		return ""
	}
	return " (" + reason + ")"
}

func colon(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func list(commas string) string {
	if commas == "" {
		return "several sources"
	}
	return strings.ReplaceAll(commas, ",", ", ")
}

func or(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// Span is a duration for people.
func Span(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}
