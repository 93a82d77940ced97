package explain

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var calleeLive = []cause{
	{"rings_here", isState(remote, invitation.InvitationReceived), says("It rings here now"), nil},
	{"bid_waits", isState(remote, invitation.AcceptSentToLocal), says("It was accepted here, and the caller's word is awaited"), nil},
}

func failedHere(why protocol.Failure) func(*facts) bool {
	return func(f *facts) bool { return f.remote() && f.failed(why) }
}

func bid(f *facts) bool { return f.has(Accept) || !f.AnsweredAt.IsZero() }

func missed(f *facts) bool { return f.remote() && f.State == invitation.Missed }

// withdrawn: the caller canceled it, which a Done tells too.
func withdrawn(f *facts) bool {
	done := first(f.steps, DoneRead)
	return f.has(CancelRead) || done != nil && done.Reason != ""
}

// calleeEnded: the callee's ends.
var calleeEnded = []cause{
	{"accepted_here", isState(remote, invitation.Accepted), func(f *facts) string { return "It rang" + f.lateText() + " and was accepted" }, nil},
	{"refused_here", isState(remote, invitation.Refused), func(f *facts) string { return "It rang" + f.lateText() + " and was refused here" + f.reasonText() }, nil},
	{"merged_here", func(f *facts) bool { return missed(f) && f.Reason == protocol.ReasonSuperseded },
		says("It did not ring: both called each other at the same time, and the other invitation took the place of this one"), nil},
	{"late_arrival", func(f *facts) bool { return missed(f) && f.Reach == 0 },
		says("It did not ring: it arrived when the caller's reach time was over"), nil},
	{"logged_out_here", func(f *facts) bool { return missed(f) && f.has(LoggedOut) },
		says("It did not ring: this device was logged out before an app came"), says("stay logged in: beckon online")},
	{"caller_gave_up", func(f *facts) bool { return missed(f) && withdrawn(f) },
		func(f *facts) string {
			return "It did not ring: no app here was listening for " + f.App + ", and the caller gave up " + f.ended()
		}, listen},
	{"no_app_here", missed, func(f *facts) string {
		return "It did not ring: no app here was listening for " + f.App + " until the reach time was over"
	}, listen},
	{"answered_elsewhere", canceledThere(protocol.ReasonAnsweredElsewhere), says("It rang here, and was answered on another device"), nil},
	{"refused_elsewhere", canceledThere(protocol.ReasonRefusedElsewhere), says("It rang here, and was refused on another device"), nil},
	{"merged", canceledThere(protocol.ReasonSuperseded), says("Both called each other at the same time, and the other invitation took the place of this one"), nil},
	{"canceled_while_bid", func(f *facts) bool { return f.remote() && f.State == invitation.Canceled && bid(f) },
		says("It rang and was accepted here, but the caller had withdrawn it in the same moment"), says("nothing is wrong: ring back")},
	{"caller_canceled", isState(remote, invitation.Canceled), func(f *facts) string {
		return "It rang" + f.lateText() + ", and the caller withdrew it " + f.ended() + f.reasonText()
	}, nil},
	{"expired_while_bid", both(failedHere(protocol.InvitationExpire), bid),
		says("It rang and was accepted here too late: the caller's time was over"), says("ring back")},
	{"app_vanished", both(failedHere(protocol.InvitationExpire), not((*facts).rang)),
		says("It did not ring: an app was there, and did not read the invitation before the reach time was over"), says("an app must read its stream of events; start it again")},
	{"unanswered_here", failedHere(protocol.InvitationExpire), func(f *facts) string { return "It rang here" + f.lateText() + ", and nobody answered in time" }, nil},
	{"logged_out_ringing", both(failedHere(protocol.PeerOffline), has(LoggedOut)), says("It ended because this device was logged out"), nil},
	{"caller_lost_while_bid", both(failedHere(protocol.PeerOffline), bid),
		says("It rang and was accepted here, but the caller was lost before it could confirm"), says("the connection broke; ring back")},
	{"caller_lost", failedHere(protocol.PeerOffline), says("It rang here until the caller had not been heard for 10 s"), says("the caller's device went away or its connection broke; ring back")},
	{"accept_unconfirmed", failedHere(protocol.AcceptFailure), says("It rang and was accepted here, but the caller did not confirm it in 5 s"), says("ring back")},
}

func canceledThere(r protocol.Reason) func(*facts) bool {
	return func(f *facts) bool { return f.remote() && f.State == invitation.Canceled && f.Reason == r }
}
