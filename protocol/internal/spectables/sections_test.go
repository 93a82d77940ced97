package spectables_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
)

// sections returns the generated parts of the page by their names.
func sections(t *testing.T) map[string]string {
	t.Helper()
	proto, err := os.ReadFile("../../wirepb/wire.proto")
	if err != nil {
		t.Fatal(err)
	}
	_, schema, ok := strings.Cut(string(proto), "\nsyntax ")
	if !ok {
		t.Fatal("wire.proto has no syntax line")
	}
	other, err := os.ReadFile("../../wirepb/explain.proto")
	if err != nil {
		t.Fatal(err)
	}
	_, explain, ok := strings.Cut(string(other), "\nsyntax ")
	if !ok {
		t.Fatal("explain.proto has no syntax line")
	}
	return map[string]string{
		"explain":  "```protobuf\nsyntax " + explain + "```",
		"wire":     "```protobuf\nsyntax " + schema + "```",
		"bytes":    bytesOnTheStream(t),
		"sizes":    sizes().markdown("limit", "value"),
		"times":    times().markdown("time", "value"),
		"sessions": sessionLimits().markdown("limit", "value"),
		"words":    words().markdown("word of", "words"),
		"local":    invitation.Markdown(invitation.LocalTable),
		"remote":   invitation.Markdown(invitation.RemoteTable),
	}
}

// bytesOnTheStream shows some frames behind their lengths.
func bytesOnTheStream(t *testing.T) string {
	t.Helper()
	id, err := protocol.ParseID("01890a5d-ac96-774b-bcce-b302099a8057")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("```\n")
	for _, f := range []struct {
		text  string
		frame protocol.Frame
	}{
		{"Beat 7", protocol.Beat{Number: 7}},
		{"Confirm of " + id.String(), protocol.Confirm{ID: id}},
		{`Invite to "call" with the content "hi", reach_left 30 s, ring 60 s`, protocol.Invite{
			ID: id, App: "call", Content: "hi", ReachLeft: protocol.DefaultReach, Ring: protocol.DefaultRing,
		}},
	} {
		bytes, err := protocol.AppendFrame(nil, f.frame)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n  % x\n", f.text, bytes)
	}
	return b.String() + "```"
}

// table is rows of a name, a value taken from the code, and what it is for.
type table []struct {
	name  string
	value any
	text  string
}

func (rows table) markdown(name, value string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %s | %s | |\n|---|---|---|\n", name, value)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.name, plain(r.value), r.text)
	}
	return b.String()
}

// plain writes a value as people do.
func plain(v any) string {
	switch v := v.(type) {
	case time.Duration:
		switch {
		case v >= time.Hour:
			return fmt.Sprintf("%g h", v.Hours())
		case v > 2*time.Minute:
			return fmt.Sprintf("%g min", v.Minutes())
		}
		return fmt.Sprintf("%g s", v.Seconds())
	case []protocol.Reason:
		return list(v)
	case []protocol.Failure:
		return list(v)
	case []protocol.Why:
		return list(v)
	}
	return fmt.Sprint(v)
}

func list[W ~string](words []W) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = "`" + string(w) + "`"
	}
	return strings.Join(quoted, " ")
}

func words() table {
	return table{
		{"Refuse.reason", protocol.RefuseReasons, "what the callee's app may say"},
		{"Cancel.reason", protocol.CancelReasons, "what the caller's app may say; `shutdown` is also the daemon's own word when it logs out"},
		{"Done.failure from a caller", []protocol.Failure{protocol.PeerOffline, protocol.PeerNoResponse, protocol.InvitationExpire},
			"`" + string(protocol.NotLoggedIn) + "` is told only to the caller's own app"},
		{"Done.failure from a callee", []protocol.Failure{protocol.AcceptFailure, protocol.PeerOffline, protocol.InvitationExpire, protocol.PeerNoResponse},
			"the last for an invitation that never rang"},
		{"Missed.why", []protocol.Why{protocol.WhyPeerOffline, protocol.WhyPeerNoResponse, protocol.WhyCanceled}, "how the last of the calls ended at the caller"},
	}
}

func sizes() table {
	return table{
		{"frame body", protocol.MaxFrame, "bytes, the length in front of it not counted: the largest message of this revision and room for the fields of newer ones"},
		{"content", protocol.MaxContent, "bytes of UTF-8: an SDP offer with many candidates, twice over"},
		{"response", protocol.MaxResponse, "bytes of UTF-8, for the same reason"},
		{"channel_id", protocol.MaxChannelID, "bytes of UTF-8; may be empty"},
		{"app", protocol.MaxApp, "bytes of `a-z 0-9 . _ -`, at least 1"},
		{"reason, failure, why", protocol.MaxWord, "bytes of `a-z 0-9 _`, at least 1 where the message has one at all"},
		{"id", len(protocol.ID{}), "bytes exactly, not all of them zero"},
		{"reach_left_ms, ring_left_ms", fmt.Sprintf("0 to %d", protocol.MaxTime.Milliseconds()), "milliseconds"},
		{"count", fmt.Sprintf("1 to %d", protocol.MaxMissedCount), "of missed calls, and not less than the ids"},
		{"earlier", protocol.MaxEarlier, "ids at most"},
		{"last_ago_ms, first_ago_ms", fmt.Sprintf("0 to %d", protocol.MaxKeepMissed.Milliseconds()), "milliseconds: the longest that a notice is kept"},
		{"ring_ms", fmt.Sprintf("%d to %d", protocol.MinTime.Milliseconds(), protocol.MaxTime.Milliseconds()), "milliseconds: nobody answers in less, and what rings longer is no call"},
	}
}

func times() table {
	return table{
		{"reach", protocol.DefaultReach, fmt.Sprintf("default; %s to %s may be asked for. From send until an app of the callee has it", plain(protocol.MinTime), plain(protocol.MaxTime))},
		{"ring", protocol.DefaultRing, fmt.Sprintf("default; %s to %s may be asked for. From the hand-over at the callee", plain(protocol.MinTime), plain(protocol.MaxTime))},
		{"ring cap", protocol.RingCap, "the longest a callee lets itself be rung, unless its own policy says otherwise"},
		{"confirm", protocol.ConfirmTime, "a callee's wait for Confirm, counted while the caller is heard"},
		{"cancel", protocol.CancelTime, "a caller's wait for the callee's word on a Cancel"},
		{"caller lost", protocol.CallerLost, "how long a callee rings on without hearing its caller: two tries to reconnect"},
		{"stand-still", protocol.StandStill, "the silence at which the confirm clock stops: a little more than the distance of two beats"},
		{"idle", protocol.IdleTime, "how long a created invitation waits for send"},
		{"end margin", protocol.EndMargin, "slack in the bound on an invitation's life"},
		{"say again", protocol.SayEvery, "between two repeats of an unanswered message, while live and for " + plain(protocol.SayEveryFor) + " after the end"},
		{"say sparingly", protocol.SparinglyOver, "bytes: a message whose content or response is longer is repeated at doubling distances"},
		{"say at least", protocol.SayAtLeast, "where doubling stops, for repeats and for dials"},
		{"decision owed", protocol.OweDecision, "how long Cancel and Confirm are owed: a laptop sleeps a night"},
		{"tombstone", protocol.KeepTombstone, "how long, at the least, an ended invitation answers for itself"},
		{"tombstones", protocol.MaxTombstones, "Cancels remembered, for each peer, of invitations that never came"},
		{"live invitations", protocol.MaxLivePerPeer, "from one peer at once"},
		{"keep missed", protocol.KeepMissed, "how long a notice of a missed call is kept, unless set; at most " + plain(protocol.MaxKeepMissed)},
		{"tell missed", protocol.TellMissedFirst, "until a caller looks for a callee to tell it; doubling up to " + plain(protocol.TellMissedLast)},
		{"notices", protocol.MaxNotices, "of missed calls that a caller keeps"},
		{"missed a day", protocol.MaxMissedADay, fmt.Sprintf("calls that one peer may tell of; %d all peers together", protocol.MaxMissedADayAll)},
		{"unanswered", protocol.MaxUnanswered, "invitations of one peer that came to nothing without an answer, before more are turned away"},
		{"unanswered again", protocol.UnansweredEvery, "until one more of them is let in"},
	}
}

func sessionLimits() table {
	return table{
		{"beat", protocol.BeatEvery, "between two Beats while the session is needed"},
		{"silence", protocol.SessionSilence, "without a frame while the session is needed: the session and its connection end"},
		{"first frame", stream.FirstFrameTime, "an accepted stream without one is reset"},
		{"idle", stream.IdleTime, "without a frame either way while nobody needs the session: it is closed"},
		{"linger", stream.LingerTime, "how long a closed session is still read"},
		{"superseded", stream.SupersededTime, "how long the opener keeps an older session beside a newer one"},
		{"opened at once", stream.BothOpenTime, "two sessions opened from either side within this time count as a tie"},
		{"tie margin", stream.BothOpenMargin, "by which a closer must be sure that it was no tie"},
		{"write", stream.WriteTime, "one write may take; then the peer does not read"},
		{"unread", stream.MaxQueue, "bytes waiting to be written; above, the session ends"},
		{"chatter", stream.MaxBeats, "frames in a second that are no messages; above, the session ends"},
		{"inbound", stream.MaxInbound, "sessions that one peer may have opened here; a further one ends the oldest"},
	}
}
