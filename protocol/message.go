package protocol

import "time"

// Frame is one unit on a session: a Message, a Beat, a BeatAnswer, or an
// Unknown frame of a newer peer.
type Frame interface{ frame() }

// Message is a frame about one invitation. Invite, Confirm, Cancel and Missed
// come from the caller, Delivered, Received, Accept, Refuse and MissedTaken
// from the callee, Done from either.
type Message interface {
	Frame
	// Invitation returns the id of the invitation that the message is about.
	Invitation() ID
}

// Invite asks for an answer. ReachLeft is what remains of the time in which an
// app must have it, Ring is the time that it may ring after that. Known says
// that the callee has had the content already, which is then left out.
type Invite struct {
	ID        ID
	App       string
	ChannelID string
	Content   string
	Known     bool
	ReachLeft time.Duration
	Ring      time.Duration
	Glare     Glare
}

// Delivered says that the callee's daemon has the invitation and no app yet.
type Delivered struct{ ID ID }

// Received says that an app was handed the invitation: it rings, and will for
// RingLeft more at the most.
type Received struct {
	ID       ID
	RingLeft time.Duration
}

// Accept is the callee's bid; only the caller's Confirm makes it an outcome.
// Supersedes names the callee's own invitation that gives way, or is zero.
type Accept struct {
	ID         ID
	Response   string
	Supersedes ID
}

// Confirm says that the caller has accepted the callee's bid.
type Confirm struct{ ID ID }

// Refuse says that the callee has refused.
type Refuse struct {
	ID       ID
	Reason   Reason
	Response string
}

// Cancel says that the caller has withdrawn the invitation.
type Cancel struct {
	ID     ID
	Reason Reason
}

// Done tells the sender's outcome. Response goes with accepted and refused,
// Reason with refused and canceled, Failure with failure.
type Done struct {
	ID       ID
	Outcome  Outcome
	Reason   Reason
	Response string
	Failure  Failure
}

// Beat asks for a BeatAnswer with the same number. It shows that the peer is
// there, and its answer that everything written before it was read.
type Beat struct{ Number uint64 }

// BeatAnswer answers the Beat of that number.
type BeatAnswer struct{ Number uint64 }

// Unknown is a well-formed frame of a kind that this version does not know.
// It is ignored.
type Unknown struct{}

func (m Invite) Invitation() ID    { return m.ID }
func (m Delivered) Invitation() ID { return m.ID }
func (m Received) Invitation() ID  { return m.ID }
func (m Accept) Invitation() ID    { return m.ID }
func (m Confirm) Invitation() ID   { return m.ID }
func (m Refuse) Invitation() ID    { return m.ID }
func (m Cancel) Invitation() ID    { return m.ID }
func (m Done) Invitation() ID      { return m.ID }

func (Invite) frame()     {}
func (Delivered) frame()  {}
func (Received) frame()   {}
func (Accept) frame()     {}
func (Confirm) frame()    {}
func (Refuse) frame()     {}
func (Cancel) frame()     {}
func (Done) frame()       {}
func (Beat) frame()       {}
func (BeatAnswer) frame() {}
func (Unknown) frame()    {}

// Outcome is the end of an invitation as Done tells it. The numbers are those
// of the wire. A number from a newer peer is carried as it is.
type Outcome int32

// The outcomes.
const (
	OutcomeUnknown  Outcome = 1 // the sender does not know the invitation
	OutcomeAccepted Outcome = 2
	OutcomeRefused  Outcome = 3
	OutcomeCanceled Outcome = 4
	OutcomeFailure  Outcome = 5
)

// Glare says what the caller wants if both call each other at once. The
// numbers are those of the wire. A number from a newer peer is carried as it
// is and means independent.
type Glare int32

// The wishes for glare.
const (
	GlareIndependent Glare = 0
	GlareMerge       Glare = 1
)

// Reason says why an invitation was refused or canceled. A word from a newer
// peer is carried as it is.
type Reason string

// The reasons for a refusal, then those for a cancellation.
const (
	ReasonDeclined     Reason = "declined"
	ReasonBusy         Reason = "busy"
	ReasonDoNotDisturb Reason = "do_not_disturb"
	ReasonNotAllowed   Reason = "not_allowed"
	ReasonUnsupported  Reason = "unsupported"

	ReasonCanceled          Reason = "canceled"
	ReasonAnsweredElsewhere Reason = "answered_elsewhere"
	ReasonRefusedElsewhere  Reason = "refused_elsewhere"
	ReasonSuperseded        Reason = "superseded"
	ReasonShutdown          Reason = "shutdown"
)

// RefuseReasons and CancelReasons are the closed lists that a local app may
// choose from.
var (
	RefuseReasons = []Reason{ReasonDeclined, ReasonBusy, ReasonDoNotDisturb, ReasonNotAllowed, ReasonUnsupported}
	CancelReasons = []Reason{ReasonCanceled, ReasonAnsweredElsewhere, ReasonRefusedElsewhere, ReasonSuperseded, ReasonShutdown}
)

// Failure is the error of an invitation that ended in failure. A word from a
// newer peer is carried as it is.
type Failure string

// The failures: the first four are a LocalInvitation's, AcceptFailure,
// PeerOffline and InvitationExpire a RemoteInvitation's.
const (
	PeerOffline      Failure = "peer_offline"
	PeerNoResponse   Failure = "peer_no_response"
	InvitationExpire Failure = "invitation_expire"
	NotLoggedIn      Failure = "not_logged_in"
	AcceptFailure    Failure = "accept_failure"
)
