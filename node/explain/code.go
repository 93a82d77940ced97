package explain

// Code is the stable word of a step. New ones may come.
type Code string

// What apps and clocks did.
const (
	Created       Code = "created"
	Sent          Code = "sent"
	NotLoggedIn   Code = "not_logged_in"
	Cancel        Code = "cancel"
	Accept        Code = "accept"
	Refuse        Code = "refuse"
	NoApp         Code = "no_app"
	CallerUnheard Code = "caller_unheard"
	AppCame       Code = "app_came"
	AppTold       Code = "app_told"
	HandedOver    Code = "handed_over"
	LoggedOut     Code = "logged_out"
	Restarted     Code = "restarted"
	IdleOver      Code = "idle_over"
	ReachOver     Code = "reach_over"
	RingOver      Code = "ring_over"
	UnhandedOver  Code = "unhanded_over"
	CancelOver    Code = "cancel_over"
	ConfirmOver   Code = "confirm_over"
	BidOver       Code = "bid_over"
	CallerLost    Code = "caller_lost"
	Unconfirmed   Code = "unconfirmed"
	Parked        Code = "parked"
	Unparked      Code = "unparked"
	GlareBid      Code = "glare_bid"
	Superseded    Code = "superseded"
	JournalFailed Code = "journal_failed"
	LeftOut       Code = "left_out"
	Other         Code = "other"
)

// The way to the other peer.
const (
	NoNetwork     Code = "no_network"
	Asked         Code = "asked"
	Answered      Code = "answered"
	SourceFailed  Code = "source_failed"
	SourceSilent  Code = "source_silent"
	Dialing       Code = "dialing"
	DialFailed    Code = "dial_failed"
	AttemptFailed Code = "attempt_failed"
	Connected     Code = "connected"
	SessionUp     Code = "session_up"
	SessionDown   Code = "session_down"
)

// Messages: each pair happens first on one device and then on the other, which
// is how two timelines are aligned.
const (
	InviteWritten    Code = "invite_written"
	InviteRead       Code = "invite_read"
	DeliveredWritten Code = "delivered_written"
	DeliveredRead    Code = "delivered_read"
	ReceivedWritten  Code = "received_written"
	ReceivedRead     Code = "received_read"
	AcceptWritten    Code = "accept_written"
	AcceptRead       Code = "accept_read"
	ConfirmWritten   Code = "confirm_written"
	ConfirmRead      Code = "confirm_read"
	RefuseWritten    Code = "refuse_written"
	RefuseRead       Code = "refuse_read"
	CancelWritten    Code = "cancel_written"
	CancelRead       Code = "cancel_read"
	DoneWritten      Code = "done_written"
	DoneRead         Code = "done_read"
	RepeatWritten    Code = "repeat_written"
	RepeatRead       Code = "repeat_read"
)

// Words for what went wrong on the way.
const (
	ErrRefused     = "refused"      // nothing listens at that address
	ErrTimeout     = "timeout"      // no answer
	ErrNoRoute     = "no_route"     // the network cannot lead there
	ErrWrongPeer   = "wrong_peer"   // another peer listens there
	ErrHandshake   = "handshake"    // something answered that is no peer of ours
	ErrNoTransport = "no_transport" // this device cannot use such an address
	ErrLimited     = "limited"      // too many connections, here or there
	ErrNoAddress   = "no_address"   // nobody knew an address
	ErrNotSpoken   = "not_spoken"   // the peer runs no beckond
	ErrSilent      = "silent"       // the peer went silent
	ErrBroken      = "broken"       // any other end of a session
	ErrOther       = "other"
)

// Repeats reports whether a step is one of those that are counted when they come
// again.
func Repeats(c Code) bool { return repeats[c] }

// repeats are the codes of which one step with the same facts counts all.
var repeats = map[Code]bool{
	NoNetwork: true, Asked: true, Answered: true, SourceFailed: true, SourceSilent: true, Dialing: true, DialFailed: true,
	AttemptFailed: true, Connected: true, SessionUp: true, SessionDown: true, RepeatWritten: true, RepeatRead: true,
	Restarted: true, JournalFailed: true, LeftOut: true, Other: true,
}
