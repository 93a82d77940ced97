package api

// Event is one entry of the event log: a callback about an invitation, or a
// change of the node's own state. Order is by Seq.
type Event struct {
	Seq        int64       `json:"seq" doc:"Contiguous within an epoch."`
	Time       Time        `json:"time" doc:"By this machine's clock, for people; order is by seq."`
	Type       string      `json:"type" doc:"What happened; types that an app does not know are to be skipped."`
	App        string      `json:"app" doc:"The invitation's app; empty for events of the node."`
	Invitation *Invitation `json:"invitation,omitempty" doc:"The invitation right after this change, the same in every replay. Absent from events of the node."`
	Over       bool        `json:"over,omitempty" doc:"true when that invitation has ended since."`
	State      string      `json:"state,omitempty" doc:"Events of the node: its new state."`
	Cause      string      `json:"cause,omitempty" doc:"Events of the node: why it changed."`
}

// Hello opens a stream of events: a snapshot, and the cursor that it was taken
// at. On a resumed stream the cursor is the one given.
type Hello struct {
	Cursor   string       `json:"cursor" doc:"Opaque; the stream goes on strictly after it."`
	PeerID   string       `json:"peer_id" doc:"This device's peer ID."`
	Instance string       `json:"instance" doc:"New at each start of the daemon."`
	State    string       `json:"state" doc:"The node's state: offline, joining or online."`
	Live     []Invitation `json:"live" doc:"Every live invitation of these apps, as they are now."`
}

// Farewell is the data of the events lagged and bye, which end a stream.
type Farewell struct {
	Cursor string `json:"cursor" doc:"Where to resume: everything up to it was told."`
}

// EventList is the answer to GET /v1/events with Accept: application/json.
type EventList struct {
	Events []Event `json:"events"`
	Cursor string  `json:"cursor" doc:"Hand it back as after to get what follows."`
	// Live is nil when the request resumed from a cursor.
	Live []Invitation `json:"live,omitzero" doc:"Every live invitation of these apps; only when the request gave no cursor."`
}

// Names of the lines `event:` that are not entries of the event log.
const (
	EventHello  = "hello"  // first on every stream; data is a Hello
	EventLagged = "lagged" // the reader fell behind: resume; data is a Farewell
	EventBye    = "bye"    // the daemon stops in order; data is a Farewell
)

// Types of events.
const (
	LocalInvitationReceivedByPeer    = "local_invitation_received_by_peer"
	LocalInvitationAccepted          = "local_invitation_accepted"
	LocalInvitationRefused           = "local_invitation_refused"
	LocalInvitationCanceled          = "local_invitation_canceled"
	LocalInvitationFailure           = "local_invitation_failure"
	LocalInvitationProgress          = "local_invitation_progress"
	LocalInvitationAcceptUnconfirmed = "local_invitation_accept_unconfirmed"

	RemoteInvitationReceived = "remote_invitation_received"
	RemoteInvitationAccepted = "remote_invitation_accepted"
	RemoteInvitationRefused  = "remote_invitation_refused"
	RemoteInvitationCanceled = "remote_invitation_canceled"
	RemoteInvitationFailure  = "remote_invitation_failure"
	RemoteInvitationProgress = "remote_invitation_progress" // a bid to accept was made
	RemoteInvitationMissed   = "remote_invitation_missed"   // it never rang here, and is over; told afterwards

	NodeOnline  = "node_online"
	NodeOffline = "node_offline"
)
