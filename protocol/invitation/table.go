package invitation

// Sub says whether a row needs one of the persisted sub-states: canceling, or
// parked, which for a bid means that an own invitation is parked behind it.
type Sub string

// The needs of a row.
const (
	AnySub       Sub = ""
	Canceling    Sub = "canceling"
	NotCanceling Sub = "not canceling"
	Parked       Sub = "parked"
)

// Row is one row of a life cycle's table. The machines move only by rows.
type Row struct {
	Name     string
	From     []State // none: before the form exists
	Sub      Sub
	On       string
	To       State // empty: the same state
	Callback Callback
}

// from reports whether the row may be taken by f.
func (r *Row) from(f *Form) bool {
	switch r.Sub {
	case Canceling:
		if !f.Canceling {
			return false
		}
	case NotCanceling:
		if f.Canceling {
			return false
		}
	case Parked:
		if f.Pair.IsZero() {
			return false
		}
	}
	if len(r.From) == 0 {
		return f.State == ""
	}
	for _, s := range r.From {
		if s == f.State {
			return true
		}
	}
	return false
}

var ringing = []State{SentToRemote, ReceivedByRemote}

// The rows of the LocalInvitation.
var (
	rowCreate         = Row{"create", nil, AnySub, "create", Idle, ""}
	rowIdleOver       = Row{"idle_over", []State{Idle}, AnySub, "24 h after create", Failed, LocalFailure}
	rowSendLoggedOut  = Row{"send_logged_out", []State{Idle}, AnySub, "send, daemon logged out", Failed, LocalFailure}
	rowSend           = Row{"send", []State{Idle}, AnySub, "send", SentToRemote, ""}
	rowStage          = Row{"stage", []State{SentToRemote}, NotCanceling, "looking for the callee, dialing it, Delivered", "", LocalProgress}
	rowReceived       = Row{"received", []State{SentToRemote}, NotCanceling, "Received", ReceivedByRemote, LocalReceivedByPeer}
	rowReachUnheard   = Row{"reach_over_unheard", []State{SentToRemote}, NotCanceling, "reach time over, nothing read from the callee since send", Failed, LocalFailure}
	rowReachHeard     = Row{"reach_over_heard", []State{SentToRemote}, NotCanceling, "reach time over, something read but no Received", Failed, LocalFailure}
	rowLocalAccept    = Row{"accept", ringing, NotCanceling, "Accept", AcceptedByRemote, LocalAccepted}
	rowLocalRefuse    = Row{"refuse", ringing, NotCanceling, "Refuse", RefusedByRemote, LocalRefused}
	rowDoneRefused    = Row{"done_refused", ringing, NotCanceling, "Done(refused)", RefusedByRemote, LocalRefused}
	rowCancel         = Row{"cancel", ringing, NotCanceling, "cancel", "", ""}
	rowCancelUnsent   = Row{"cancel_unwritten", ringing, NotCanceling, "cancel, the Invite was never written to a session", Canceled, LocalCanceled}
	rowCancelDone     = Row{"canceling_done", ringing, Canceling, "Done", Canceled, LocalCanceled}
	rowCancelOver     = Row{"canceling_over", ringing, Canceling, "5 s", Canceled, LocalCanceled}
	rowCancelRefuse   = Row{"canceling_refuse", ringing, Canceling, "Refuse (too late: the caller decided first)", Canceled, LocalCanceled}
	rowLocalRingOver  = Row{"ring_over", []State{ReceivedByRemote}, NotCanceling, "ring time over", Failed, LocalFailure}
	rowDoneFailure    = Row{"done_failure", ringing, NotCanceling, "Done(failure)", Failed, LocalFailure}
	rowDoneCanceled   = Row{"done_canceled", ringing, NotCanceling, "Done(canceled) (after a power cut)", Canceled, LocalCanceled}
	rowDoneAccepted   = Row{"done_accepted", ringing, NotCanceling, "Done(accepted) (after a power cut)", AcceptedByRemote, LocalAccepted}
	rowLocalLogout    = Row{"logout", ringing, AnySub, "daemon logs out", Canceled, LocalCanceled}
	rowUnconfirmed    = Row{"unconfirmed", []State{AcceptedByRemote}, AnySub, "Refuse, or a Done other than accepted", "", LocalAcceptUnconfirmed}
	rowPark           = Row{"park", ringing, NotCanceling, "glare: it gives way to one of the callee's, and a bid for that goes out", "", ""}
	rowUnpark         = Row{"unpark", ringing, Parked, "glare: that one ended unaccepted", "", ""}
	rowLocalMerged    = Row{"superseded", ringing, Parked, "glare: Confirm of that one", Canceled, LocalCanceled}
	rowUnconfirmedOld = Row{"unconfirmed_by_time", []State{AcceptedByRemote}, AnySub, "24 h without any Done", "", LocalAcceptUnconfirmed}
)

var answering = []State{InvitationReceived, AcceptSentToLocal}

// The rows of the RemoteInvitation.
var (
	rowInvite       = Row{"invite", nil, AnySub, "Invite", Held, ""}
	rowRing         = Row{"ring", []State{Held}, AnySub, "a counting app is there, and the caller was heard in the last 10 s", InvitationReceived, RemoteReceived}
	rowHandedOver   = Row{"handed_over", []State{InvitationReceived}, AnySub, "handed over", "", ""}
	rowHeldCancel   = Row{"held_cancel", []State{Held}, AnySub, "Cancel", Missed, RemoteMissed}
	rowHeldDone     = Row{"held_done", []State{Held}, AnySub, "Done", Missed, RemoteMissed}
	rowHeldOver     = Row{"held_reach_over", []State{Held}, AnySub, "reach time over", Missed, RemoteMissed}
	rowHeldLogout   = Row{"held_logout", []State{Held}, AnySub, "daemon logs out", Missed, RemoteMissed}
	rowAccept       = Row{"accept", []State{InvitationReceived}, AnySub, "accept", AcceptSentToLocal, RemoteProgress}
	rowConfirm      = Row{"confirm", []State{AcceptSentToLocal}, AnySub, "Confirm", Accepted, RemoteAccepted}
	rowConfirmOver  = Row{"confirm_over", []State{AcceptSentToLocal}, AnySub, "5 s without Confirm while a session is open", Failed, RemoteFailure}
	rowBidLost      = Row{"accept_caller_lost", []State{AcceptSentToLocal}, AnySub, "caller lost for 10 s", Failed, RemoteFailure}
	rowBidOver      = Row{"accept_ring_over", []State{AcceptSentToLocal}, AnySub, "ring end + 5 s", Failed, RemoteFailure}
	rowRefuse       = Row{"refuse", []State{InvitationReceived}, AnySub, "refuse", Refused, RemoteRefused}
	rowRemoteCancel = Row{"cancel", answering, AnySub, "Cancel", Canceled, RemoteCanceled}
	rowElsewhere    = Row{"done_decided", answering, AnySub, "Done(canceled, accepted or refused)", Canceled, RemoteCanceled}
	rowCallerFailed = Row{"done_failure", answering, AnySub, "Done(failure or unknown)", Failed, RemoteFailure}
	rowRingOver     = Row{"ring_over", []State{InvitationReceived}, AnySub, "ring time over", Failed, RemoteFailure}
	rowUnhandedOver = Row{"reach_over", []State{InvitationReceived}, AnySub, "reach time over, not yet handed over", Failed, RemoteFailure}
	rowCallerLost   = Row{"caller_lost", []State{InvitationReceived}, AnySub, "caller lost for 10 s", Failed, RemoteFailure}
	rowRemoteLogout = Row{"logout", []State{InvitationReceived}, AnySub, "daemon logs out", Failed, RemoteFailure}
	rowBidHeld      = Row{"glare_bid_held", []State{Held}, AnySub, "glare: an own invitation gives way to it", AcceptSentToLocal, ""}
	rowBidRinging   = Row{"glare_bid_ringing", []State{InvitationReceived}, AnySub, "glare: an own invitation gives way to it", AcceptSentToLocal, RemoteProgress}
	rowBidJoined    = Row{"glare_bid_joined", []State{AcceptSentToLocal}, AnySub, "glare: an own invitation gives way to it", "", ""}
	rowWithdraw     = Row{"glare_withdraw", []State{AcceptSentToLocal}, Parked, "glare: the own invitation behind the bid is canceled", Refused, RemoteRefused}
	rowAlone        = Row{"glare_alone", []State{AcceptSentToLocal}, Parked, "glare: the own invitation behind the bid ended by itself", Failed, RemoteFailure}
	rowHeldMerged   = Row{"superseded_held", []State{Held}, AnySub, "glare: the own invitation that it gives way to is accepted", Missed, ""}
	rowRemoteMerged = Row{"superseded", answering, AnySub, "glare: the own invitation that it gives way to is accepted", Canceled, RemoteCanceled}
	rowBidLogout    = Row{"accept_logout", []State{AcceptSentToLocal}, AnySub, "daemon logs out, 5 s without Confirm", Failed, RemoteFailure}
)

// LocalTable is the life cycle of a LocalInvitation, RemoteTable that of a
// RemoteInvitation. SPEC.md's tables are generated from them.
var (
	LocalTable = []*Row{
		&rowCreate, &rowIdleOver, &rowSendLoggedOut, &rowSend, &rowStage, &rowReceived, &rowReachUnheard, &rowReachHeard,
		&rowLocalAccept, &rowLocalRefuse, &rowDoneRefused, &rowCancel, &rowCancelUnsent, &rowCancelDone, &rowCancelOver,
		&rowCancelRefuse, &rowLocalRingOver, &rowDoneFailure, &rowDoneCanceled, &rowDoneAccepted, &rowLocalLogout,
		&rowPark, &rowUnpark, &rowLocalMerged, &rowUnconfirmed, &rowUnconfirmedOld,
	}
	RemoteTable = []*Row{
		&rowInvite, &rowRing, &rowHandedOver, &rowHeldCancel, &rowHeldDone, &rowHeldOver, &rowHeldLogout, &rowAccept,
		&rowConfirm, &rowConfirmOver, &rowBidLost, &rowBidOver, &rowRefuse, &rowRemoteCancel, &rowElsewhere,
		&rowCallerFailed, &rowRingOver, &rowUnhandedOver, &rowCallerLost, &rowRemoteLogout, &rowBidLogout,
		&rowBidHeld, &rowBidRinging, &rowBidJoined, &rowWithdraw, &rowAlone, &rowHeldMerged, &rowRemoteMerged,
	}
)
