package api

// Places of the API. ID stands for an invitation's id or a peer ID.
const (
	RouteNode        = "/v1/node"
	RouteOnline      = "/v1/node/online"
	RouteDoctor      = "/v1/doctor"
	RouteInvitations = "/v1/invitations" // and /v1/invitations/ID, /v1/invitations/ID/VERB
	RouteEvents      = "/v1/events"
	RoutePeers       = "/v1/peers" // and /v1/peers/ID, /v1/peers/ID/ping
	RouteOpenAPI     = "/openapi.json"
	RouteMetrics     = "/metrics"
)

// Headers and media types beyond the usual.
const (
	HeaderIdempotencyKey      = "Idempotency-Key"      // on POST; 1 to 128 printable ASCII characters
	HeaderIdempotencyReplayed = "Idempotency-Replayed" // "true" on an answer to a repeated key
	HeaderLastEventID         = "Last-Event-ID"        // a cursor; wins over ?after=

	TypeJSON        = "application/json"
	TypeProblem     = "application/problem+json"
	TypeEventStream = "text/event-stream"
)

// Limits of requests.
const (
	MaxBody       = 128 << 10 // bytes
	MaxWaitMS     = 60_000    // of wait_ms
	DefaultLimit  = 50        // of limit
	MaxLimit      = 500
	DefaultApp    = "call"
	MaxKey        = 128 // characters of an Idempotency-Key
	HeartbeatSecs = 15  // between two lines of a quiet stream
)

// Kinds of invitations.
const (
	KindLocal  = "local"
	KindRemote = "remote"
)

// States of a local invitation. The last four are terminal.
const (
	Idle             = "idle"
	SentToRemote     = "sent_to_remote"
	ReceivedByRemote = "received_by_remote"
	AcceptedByRemote = "accepted_by_remote"
	RefusedByRemote  = "refused_by_remote"
	Canceled         = "canceled"
	Failure          = "failure"
)

// States of a remote invitation; Canceled and Failure are shared. Missed is
// one that ended before an app came.
const (
	InvitationReceived = "invitation_received"
	AcceptSentToLocal  = "accept_sent_to_local"
	Refused            = "refused"
	Accepted           = "accepted"
	Missed             = "missed"
)

// Errors of an invitation whose state is Failure.
const (
	PeerOffline      = "peer_offline"
	PeerNoResponse   = "peer_no_response"
	InvitationExpire = "invitation_expire"
	NotLoggedIn      = "not_logged_in"
	AcceptFailure    = "accept_failure"
)

// Why an invitation was missed, beside PeerOffline, PeerNoResponse,
// ReasonCanceled, ReasonAnsweredElsewhere and ReasonRefusedElsewhere.
const (
	WhyNoApp     = "no_app"
	WhyLoggedOut = "logged_out"
)

// Reasons of a refusal, then of a cancellation.
const (
	ReasonDeclined     = "declined"
	ReasonBusy         = "busy"
	ReasonDoNotDisturb = "do_not_disturb"
	ReasonNotAllowed   = "not_allowed"
	ReasonUnsupported  = "unsupported"

	ReasonCanceled          = "canceled"
	ReasonAnsweredElsewhere = "answered_elsewhere"
	ReasonRefusedElsewhere  = "refused_elsewhere"
	ReasonSuperseded        = "superseded"
	ReasonShutdown          = "shutdown"
)

// Progress of a live local invitation, in order.
const (
	ProgressLocating   = "locating"
	ProgressConnecting = "connecting"
	ProgressDelivered  = "delivered"
	ProgressRinging    = "ringing"
)

// Paths to a peer.
const (
	PathLAN     = "lan"
	PathDirect  = "direct"
	PathRelayed = "relayed"
)

// States of the node.
const (
	StateOffline = "offline"
	StateJoining = "joining"
	StateOnline  = "online"
)

// Outcomes of the doctor's checks, from good to bad.
const (
	CheckOK   = "ok"
	CheckWarn = "warn"
	CheckFail = "fail"
)

// Events of a stage of a lookup.
const (
	StageAsked     = "asked"
	StageAnswered  = "answered"
	StageFailed    = "failed"
	StageGaveUp    = "gave_up"
	StageConnected = "connected"
)

// Glare: what to do when both sides call each other at once.
const (
	GlareIndependent = "independent"
	GlareMerge       = "merge"
)

// Verbs, as the last part of /v1/invitations/ID/VERB.
const (
	VerbSend   = "send"
	VerbCancel = "cancel"
	VerbAccept = "accept"
	VerbRefuse = "refuse"
)
