package node

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// maxAllowances bounds the peers that are remembered for what they have spent.
// Whoever has more identities than this needs no second allowance for one.
const maxAllowances = 4096

// tidyAfter is after how many unanswered invitations the journal is pruned
// before its hour has come.
const tidyAfter = 4096

// allowances bound the invitations of each peer that go unanswered: each of
// them leaves a row in the history, although nobody here wanted any of it. A
// peer that is not in it has all of its allowance.
type allowances map[protocol.PeerID]allowance

// allowance is what a peer has spent of protocol.MaxUnanswered, refilled up to
// a moment.
type allowance struct {
	spent int
	at    protocol.Instant
}

// refilled is the allowance at now.
func (a allowance) refilled(now protocol.Instant) allowance {
	if n := int(now.Sub(a.at) / protocol.UnansweredEvery); n >= a.spent {
		return allowance{at: now}
	} else if n > 0 {
		a.spent, a.at = a.spent-n, a.at.Add(time.Duration(n)*protocol.UnansweredEvery)
	}
	return a
}

// spend takes one from a peer's allowance and reports whether there was one.
func (as allowances) spend(p protocol.PeerID, now protocol.Instant) bool {
	a, known := as[p]
	if !known {
		as.makeRoom(now)
		a.at = now
	}
	if a = a.refilled(now); a.spent >= protocol.MaxUnanswered {
		as[p] = a
		return false
	}
	a.spent++
	as[p] = a
	return true
}

// answered gives back what an answered invitation had cost. One that was taken
// fills the allowance: this is no stranger.
func (as allowances) answered(p protocol.PeerID, s invitation.State) {
	a, known := as[p]
	if a.spent--; !known || a.spent <= 0 || s != invitation.Refused {
		delete(as, p)
		return
	}
	as[p] = a
}

// makeRoom keeps the number of peers within its bound.
func (as allowances) makeRoom(now protocol.Instant) {
	if len(as) < maxAllowances {
		return
	}
	for p, a := range as {
		if a.refilled(now).spent == 0 {
			delete(as, p)
		}
	}
	for p := range as {
		if len(as) < maxAllowances {
			return
		}
		delete(as, p)
	}
}

// weigh notes what has become of a RemoteInvitation in this turn.
func (sb *switchboard) weigh(before *invitation.Machine, now invitation.Form) {
	if now.Kind != invitation.KindRemote {
		return
	}
	var was invitation.Form
	if before != nil {
		was = before.Form()
	}
	if !now.AnsweredAt.IsZero() && was.AnsweredAt.IsZero() {
		sb.allowances.answered(now.Caller, now.State)
	}
	if !now.Ended() || was.Ended() || !now.AnsweredAt.IsZero() {
		return
	}
	if sb.unanswered++; sb.unanswered >= tidyAfter {
		sb.unanswered = 0
		select {
		case sb.untidy <- struct{}{}:
		default: // it is known already
		}
	}
}
