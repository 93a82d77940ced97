package invitation_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var outcomeWords = map[protocol.Outcome]string{
	protocol.OutcomeUnknown: "unknown", protocol.OutcomeAccepted: "accepted", protocol.OutcomeRefused: "refused",
	protocol.OutcomeCanceled: "canceled", protocol.OutcomeFailure: "failure",
}

// describe is a message for people.
func describe(msg protocol.Message) string {
	with := func(name string, parts ...string) string {
		parts = append([]string{fmt.Sprint(msg.Invitation()[15])}, parts...)
		return name + "(" + strings.Join(strings.Fields(strings.Join(parts, " ")), " ") + ")"
	}
	switch m := msg.(type) {
	case protocol.Invite:
		known := ""
		if m.Known {
			known = "known"
		}
		return with("Invite", known, "reach "+round(m.ReachLeft), "ring "+round(m.Ring))
	case protocol.Delivered:
		return with("Delivered")
	case protocol.Received:
		return with("Received", "ring left "+round(m.RingLeft))
	case protocol.Accept:
		if !m.Supersedes.IsZero() {
			return with("Accept", m.Response, fmt.Sprint("supersedes ", m.Supersedes[15]))
		}
		return with("Accept", m.Response)
	case protocol.Confirm:
		return with("Confirm")
	case protocol.Refuse:
		return with("Refuse", string(m.Reason), m.Response)
	case protocol.Cancel:
		return with("Cancel", string(m.Reason))
	case protocol.Done:
		return with("Done", outcomeWords[m.Outcome], string(m.Reason), string(m.Failure), m.Response)
	}
	return fmt.Sprintf("%T", msg)
}

func round(d time.Duration) string { return d.Round(time.Millisecond).String() }

func describeInput(in invitation.Input) string {
	switch in := in.(type) {
	case invitation.Cancel:
		return "cancel " + string(in.Reason)
	case invitation.Accept:
		return "accept " + in.Response
	case invitation.Refuse:
		return "refuse " + string(in.Reason)
	case invitation.Recv:
		return describe(in.Message)
	}
	return strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", in), "invitation."))
}

// outcome is what a form's end says beyond its state.
func outcome(f *invitation.Form) string {
	s := ""
	if f.Canceling {
		s += " canceling"
	}
	if f.Ended() && f.Failure != "" {
		s += " " + string(f.Failure)
	}
	if f.Ended() && f.Reason != "" {
		s += " " + string(f.Reason)
	}
	return s
}
