package explain

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const local, remote = invitation.KindLocal, invitation.KindRemote

// callerLive: it is not over.
var callerLive = []cause{
	{"not_sent", isState(local, invitation.Idle), says("It was not sent yet"), says("send it: POST …/send")},
	{"canceling", func(f *facts) bool { return f.local() && f.Canceling }, says("It was withdrawn, and the callee's word is awaited"), nil},
	{"ringing", isState(local, invitation.ReceivedByRemote), func(f *facts) string { return f.rangText() + ", and nobody has answered yet" }, nil},
	{"waiting_for_app", both(isState(local, invitation.SentToRemote), has(DeliveredRead, NoApp)),
		says("It does not ring yet: the callee's daemon has it, and no app there is listening"), listen},
	{"waiting", isState(local, invitation.SentToRemote), func(f *facts) string { return "It does not ring yet: " + f.unreached() + " so far" }, nil},
}

// callerAnswered: the callee or this side decided.
var callerAnswered = []cause{
	{"accepted_unconfirmed", both(isState(local, invitation.AcceptedByRemote), has(Unconfirmed)),
		func(f *facts) string {
			return f.rangText() + " and was accepted, but the callee did not come to know that"
		},
		says("ring again: the connection broke at the wrong moment")},
	{"merged_accepted", func(f *facts) bool {
		return !f.MergedWith.IsZero() && (f.State == invitation.AcceptedByRemote || f.State == invitation.Accepted)
	}, says("Both called each other at the same time, and the two invitations became this one"), nil},
	{"accepted", isState(local, invitation.AcceptedByRemote), func(f *facts) string { return f.rangText() + " and was accepted" }, nil},
	{"no_room", both(isState(local, invitation.RefusedByRemote), (*facts).noRoom),
		says("It did not ring: the callee's daemon had no room for another invitation (busy)"),
		says("end or cancel other invitations to that peer, and ring again")},
	{"do_not_disturb", refusedFor(protocol.ReasonDoNotDisturb), says("It was refused: the callee does not want to be disturbed now"), says("ring later")},
	{"not_allowed", refusedFor(protocol.ReasonNotAllowed), says("It was refused: the callee does not take invitations from here"), says("ask the callee to allow this peer")},
	{"unsupported", refusedFor(protocol.ReasonUnsupported), says("It was refused: the callee's app cannot do what was asked"), says("use apps that fit together on both sides")},
	{"busy", refusedFor(protocol.ReasonBusy), says("It rang and was refused: the callee is busy"), says("ring later")},
	{"refused", isState(local, invitation.RefusedByRemote), func(f *facts) string { return f.rangText() + " and was refused" + f.reasonText() }, nil},
	{"not_logged_in", func(f *facts) bool { return f.local() && f.failed(protocol.NotLoggedIn) },
		says("It did not ring: this device was logged out"), says("log in first: beckon online")},
	{"logged_out", func(f *facts) bool { return canceledHere(f) && f.Reason == protocol.ReasonShutdown },
		says("It ended because this device was logged out"), says("log in again: beckon online")},
	{"superseded", func(f *facts) bool { return canceledHere(f) && f.Reason == protocol.ReasonSuperseded },
		says("Both called each other at the same time, and the other invitation took the place of this one"), nil},
	{"canceled_while_ringing", func(f *facts) bool { return canceledHere(f) && f.rang() },
		func(f *facts) string {
			return f.rangText() + f.lateText() + ", and the caller withdrew it " + f.ended()
		}, nil},
	{"canceled_before_ring", func(f *facts) bool { return canceledHere(f) },
		func(f *facts) string {
			return "It did not ring: the caller withdrew it " + f.ended() + ", when " + f.unreached()
		},
		func(f *facts) string {
			if f.has(DeliveredRead, NoApp) {
				return listen(f)
			}
			return "give it more time; the reach time was " + Span(f.Reach)
		}},
}

func refusedFor(r protocol.Reason) func(*facts) bool {
	return func(f *facts) bool { return f.local() && f.State == invitation.RefusedByRemote && f.Reason == r }
}

func canceledHere(f *facts) bool { return f.local() && f.State == invitation.Canceled }

// offline: the reach time was over, and the callee was not heard.
func offline(f *facts) bool { return f.local() && f.failed(protocol.PeerOffline) && !f.rang() }

// unseen: and no session with it ever stood.
func unseen(f *facts) bool { return offline(f) && !f.has(SessionUp) }

// callerUnreached: it never rang.
var callerUnreached = []cause{
	{"never_sent", func(f *facts) bool { return f.local() && f.failed(protocol.InvitationExpire) && f.SentAt.IsZero() },
		says("It did not ring: it was created and never sent"), says("send it: POST …/send")},
	{"not_beckon", func(f *facts) bool { return offline(f) && f.downBy(ErrNotSpoken) },
		says("It did not ring: the peer was reached and does not speak beckon's protocol"), says("start a current beckond there")},
	{"callee_gone", func(f *facts) bool {
		return offline(f) && f.has(SessionUp) && (len(f.dials()) > 0 || f.downBy(ErrSilent) || f.downBy(ErrBroken))
	}, says("It did not ring: the callee was connected, went away, and was not found again in the reach time"),
		says("start beckond there again; is that device asleep or off the network?")},
	{"callee_silent", func(f *facts) bool { return offline(f) && f.has(SessionUp) },
		says("It did not ring: a connection to the callee stood, and its daemon said nothing on it"),
		says("is that device asleep or stuck? wake it, or start its beckond again")},
	{"no_network", func(f *facts) bool { return unseen(f) && f.has(NoNetwork) && !f.has(Asked) },
		says("It did not ring: this device was not on its network"), says("beckon status says what is wrong with it")},
	{"no_address", func(f *facts) bool { return unseen(f) && f.has(Asked) && !f.found() },
		func(f *facts) string { return "It did not ring: nobody knew an address of the callee" + f.asked() },
		says("start beckond on the callee's device, on the same network (--network); for a first meeting over the Internet both need a common --bootstrap")},
	{"wrong_peer", func(f *facts) bool { return unseen(f) && f.dials()[ErrWrongPeer] && !f.dials()[ErrTimeout] },
		says("It did not ring: at the known addresses another peer answered"), says("start beckond on the callee's device and let the two meet again; its address was taken over")},
	{"handshake_failed", func(f *facts) bool { return unseen(f) && f.dials()[ErrHandshake] },
		says("It did not ring: something answered at the callee's address, and the handshake failed"),
		says("does another program listen on that port, or a proxy or firewall on the way? beckon id on the callee's device prints its addresses")},
	{"refused_address", func(f *facts) bool { return unseen(f) && f.dials()[ErrRefused] && !others(f) },
		func(f *facts) string {
			if f.dials()[ErrTimeout] {
				return "It did not ring: the callee's device is there, and nothing listens at the known addresses (TCP was refused, QUIC did not answer)"
			}
			return "It did not ring: nothing listens at the callee's known addresses"
		},
		says("start beckond there; if it runs, its addresses have changed and nobody has told this device yet")},
	{"no_answer", func(f *facts) bool { return unseen(f) && f.found() && (len(f.dials()) == 0 || f.allDials(ErrTimeout)) },
		says("It did not ring: no known address of the callee answered"),
		says("is that device off or asleep, on another network, or behind a firewall or NAT? open its port there (--listen), or use a network that both share")},
	{"no_route", func(f *facts) bool { return unseen(f) && f.allDials(ErrNoRoute) },
		says("It did not ring: from here the network does not lead to the callee's addresses"), says("is this device on the Internet, or on the callee's local network?")},
	{"unreachable", func(f *facts) bool { return unseen(f) && f.found() },
		func(f *facts) string {
			return "It did not ring: no known address of the callee could be dialed" + f.dialedWords()
		},
		func(f *facts) string { return "beckon find " + string(f.Callee) + " shows where it was looked for" }},
	{"offline", offline, says("It did not ring: the callee was not heard in the reach time"), says("start beckond on the callee's device and ring again")},
	{"no_app", func(f *facts) bool {
		return f.local() && f.failed(protocol.PeerNoResponse) && (f.Known || f.has(DeliveredRead, NoApp))
	},
		func(f *facts) string {
			return "It did not ring: the callee's daemon had it for " + orTime(f) + ", and no app there was listening for " + f.App
		}, listen},
	{"no_response", func(f *facts) bool { return f.local() && f.failed(protocol.PeerNoResponse) },
		says("It did not ring: the callee's daemon was heard, and never said that it had the invitation"),
		says("the callee may not want to hear from this peer, or its daemon is not well: look at beckon status there")},
}

// others reports dials that failed otherwise than refused or without answer.
func others(f *facts) bool {
	for w := range f.dials() {
		if w != ErrRefused && w != ErrTimeout {
			return true
		}
	}
	return false
}

// orTime is how long the callee's daemon had it, or the reach time.
func orTime(f *facts) string {
	from, to := first(f.steps, DeliveredRead), first(f.steps, ReachOver)
	if from == nil || to == nil || to.Since <= from.Since {
		return "the reach time"
	}
	return Span(micros(to.Since - from.Since))
}

// callerRang: it rang, and nobody answered, or the callee ended it.
var callerRang = []cause{
	{"app_came_late", func(f *facts) bool {
		return f.local() && f.failed(protocol.InvitationExpire) && f.rang() && f.lateApp() > 0
	}, func(f *facts) string { return f.rangText() + f.lateText() + "; nobody answered" }, listen},
	{"nobody_answered", func(f *facts) bool { return f.local() && f.failed(protocol.InvitationExpire) },
		func(f *facts) string {
			return f.rangText() + ", and nobody answered within the ring time of " + Span(f.Ring)
		}, nil},
	{"callee_lost", func(f *facts) bool { return f.local() && f.failed(protocol.PeerOffline) },
		func(f *facts) string { return f.rangText() + ", and then the callee lost this device" },
		says("the connection broke while it rang; ring again")},
}
