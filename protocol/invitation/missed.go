package invitation

import "github.com/beckon-p2p/beckon/protocol"

// missed notes what an app is told of an invitation that was held and never
// rang, when it has ended by r.
func (f *Form) missed(r *Row) {
	f.MissedCount, f.MissedFirst, f.MissedAt = 1, f.CreatedAt, f.CreatedAt
	switch {
	case r == &rowHeldLogout:
		f.MissedWhy = protocol.WhyLoggedOut
	case f.Reason == "":
		f.MissedWhy = protocol.WhyNoApp
	case f.Reason == protocol.ReasonAnsweredElsewhere:
		f.MissedWhy = protocol.WhyAnsweredElsewhere
	case f.Reason == protocol.ReasonRefusedElsewhere:
		f.MissedWhy = protocol.WhyRefusedElsewhere
	default:
		f.MissedWhy = protocol.WhyCanceled
	}
}

// NewMissed makes the callee's form of what a Missed tells: it has ended, and
// rang never. It stands for count invitations, the last of which has the id.
func NewMissed(now Stamp, caller, callee protocol.PeerID, id protocol.ID, msg protocol.Missed, count int) *Machine {
	f := Form{
		Kind: KindRemote, ID: id, Caller: caller, Callee: callee, App: msg.App, ChannelID: msg.ChannelID,
		State: Missed, CreatedAt: now.Wall, EndedAt: now.Wall,
		MissedCount: count, MissedWhy: msg.Why, MissedAt: now.Wall.Add(-msg.LastAgo), MissedFirst: now.Wall.Add(-msg.FirstAgo),
	}
	if count == 1 {
		f.MissedFirst = f.MissedAt
	}
	return Restore(now, f)
}

// NeverRang reports whether a LocalInvitation ended without having rung at the
// callee, as far as is known here, and with the word for it: the callee is to
// hear of it. What somebody else has taken, or what gave way to another
// invitation, was not missed.
func (f *Form) NeverRang() (why protocol.Why, is bool) {
	if f.Kind != KindLocal || f.SentAt.IsZero() || !f.ReceivedAt.IsZero() {
		return "", false
	}
	switch f.State {
	case Canceled:
		switch f.Reason {
		case protocol.ReasonAnsweredElsewhere, protocol.ReasonRefusedElsewhere, protocol.ReasonSuperseded:
			return "", false
		}
		return protocol.WhyCanceled, true
	case Failed:
		switch f.Failure {
		case protocol.PeerOffline:
			return protocol.WhyPeerOffline, true
		case protocol.PeerNoResponse:
			return protocol.WhyPeerNoResponse, true
		}
	}
	return "", false
}
