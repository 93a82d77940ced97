package invitation

// Callback is what a local app is told. The first ten are the reference's.
type Callback string

// The callbacks.
const (
	LocalReceivedByPeer Callback = "local_invitation_received_by_peer"
	LocalAccepted       Callback = "local_invitation_accepted"
	LocalRefused        Callback = "local_invitation_refused"
	LocalCanceled       Callback = "local_invitation_canceled"
	LocalFailure        Callback = "local_invitation_failure"
	RemoteReceived      Callback = "remote_invitation_received"
	RemoteAccepted      Callback = "remote_invitation_accepted"
	RemoteRefused       Callback = "remote_invitation_refused"
	RemoteCanceled      Callback = "remote_invitation_canceled"
	RemoteFailure       Callback = "remote_invitation_failure"

	LocalProgress          Callback = "local_invitation_progress"
	RemoteProgress         Callback = "remote_invitation_progress" // a bid to accept was made
	RemoteMissed           Callback = "remote_invitation_missed"   // it never rang here, and is over
	LocalAcceptUnconfirmed Callback = "local_invitation_accept_unconfirmed"
)
