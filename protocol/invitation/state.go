package invitation

// State is a state of either form, spelled as apps see it.
type State string

// The states of a LocalInvitation.
const (
	Idle             State = "idle"
	SentToRemote     State = "sent_to_remote"
	ReceivedByRemote State = "received_by_remote"
	AcceptedByRemote State = "accepted_by_remote"
	RefusedByRemote  State = "refused_by_remote"
)

// The states of a RemoteInvitation. Held is journalled and not visible as a
// form; Missed is how one ends that never rang.
const (
	Held               State = "held"
	InvitationReceived State = "invitation_received"
	AcceptSentToLocal  State = "accept_sent_to_local"
	Refused            State = "refused"
	Accepted           State = "accepted"
	Missed             State = "missed"
)

// The terminal states that both forms share.
const (
	Canceled State = "canceled"
	Failed   State = "failure"
)

// Terminal reports whether s is never left.
func (s State) Terminal() bool {
	switch s {
	case AcceptedByRemote, RefusedByRemote, Refused, Accepted, Missed, Canceled, Failed:
		return true
	}
	return false
}

// Number is the reference's number of the state in the form of that kind, and
// -1 for the states that it does not have.
func (s State) Number(k Kind) int {
	local := map[State]int{Idle: 0, SentToRemote: 1, ReceivedByRemote: 2, AcceptedByRemote: 3, RefusedByRemote: 4, Canceled: 5, Failed: 6}
	remote := map[State]int{InvitationReceived: 1, AcceptSentToLocal: 2, Refused: 3, Accepted: 4, Canceled: 5, Failed: 6}
	table := remote
	if k == KindLocal {
		table = local
	}
	if n, ok := table[s]; ok {
		return n
	}
	return -1
}
