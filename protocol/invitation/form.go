package invitation

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// Kind is which of its two forms an invitation has on this device.
type Kind string

// The kinds: the caller's LocalInvitation, the callee's RemoteInvitation.
const (
	KindLocal  Kind = "local"
	KindRemote Kind = "remote"
)

// Progress is how far a live LocalInvitation has come. It never goes back and
// may skip.
type Progress string

// The stages of progress, in order.
const (
	ProgressNone       Progress = ""
	ProgressLocating   Progress = "locating"
	ProgressConnecting Progress = "connecting"
	ProgressDelivered  Progress = "delivered"
	ProgressRinging    Progress = "ringing"
)

// Path is the way that the session to the other peer takes.
type Path string

// The paths.
const (
	PathNone    Path = ""
	PathLAN     Path = "lan"
	PathDirect  Path = "direct"
	PathRelayed Path = "relayed"
)

// Form is everything that is journalled of one invitation on this device. It
// is a value: a copy is a snapshot.
type Form struct {
	Kind      Kind
	ID        protocol.ID
	Caller    protocol.PeerID
	Callee    protocol.PeerID
	App       string
	ChannelID string
	Content   string
	Response  string
	Reach     time.Duration // what the caller asked for; at the callee what was left of it on arrival
	Ring      time.Duration // what the caller asked for; at the callee at most its cap
	Glare     protocol.Glare

	State     State
	Canceling bool // local: canceled by its app, the callee's word is awaited
	Reason    protocol.Reason
	Failure   protocol.Failure
	Progress  Progress
	Path      Path

	HandedOver bool // remote: an app has it, the ring clock runs
	Heard      bool // local: something was read from the callee since send
	Known      bool // local: the callee has the content
	Owes       bool // ended, and the other side has not acknowledged it
	Told       bool // local: accept_unconfirmed was told

	// GlareWith is the other's invitation, if both called each other at once.
	// Pair is the one that this live form is tied to: a LocalInvitation that
	// is parked waits for the end of that RemoteInvitation, for which a bid is
	// out; a bid supersedes that LocalInvitation. MergedWith is what the pair
	// came to: the one that gave way, or that was given way to.
	GlareWith, Pair, MergedWith protocol.ID

	// Deadline is the running clock of the state: idle time, reach, ring
	// (accept_sent keeps the ring's end), the wait for the answer to a Cancel,
	// and after the end the time until which something is owed. 0: none.
	Deadline protocol.Instant

	// Times by the wall clock, for people only; zero when absent.
	CreatedAt, SentAt, ReceivedAt, AnsweredAt, EndedAt time.Time

	// Of a missed one: how many it stands for, why the last of them did not
	// ring, and when the first and the last of them were sent, for people only.
	MissedCount           int
	MissedWhy             protocol.Why
	MissedFirst, MissedAt time.Time
}

// Peer returns the other side of the invitation.
func (f *Form) Peer() protocol.PeerID {
	if f.Kind == KindLocal {
		return f.Callee
	}
	return f.Caller
}

// Ended reports whether the form is in a terminal state.
func (f *Form) Ended() bool { return f.State.Terminal() }

// Visible reports whether apps may know the form: a held one is not told, and
// one that ended without ever ringing shows in the history as missed.
func (f *Form) Visible() bool { return f.State != Held }

// Stamp is a moment on all clocks of this machine.
type Stamp struct {
	BootID string           // the boot in which Clock means something
	Clock  protocol.Instant // never set, counts suspend
	Wall   time.Time        // may be wrong and may jump
}

// Rebase moves the form's deadline, journalled at saved, to the clocks of now.
// In the same boot nothing changes; in another the time left shrinks by the
// wall time that has passed and never grows.
func (f *Form) Rebase(saved, now Stamp) {
	if f.Deadline == 0 || saved.BootID == now.BootID {
		return
	}
	more := time.Duration(0)
	if f.State == AcceptSentToLocal {
		more = protocol.ConfirmTime // a bid may outlive the ring's end
	}
	left := max(f.Deadline.Sub(saved.Clock)+more, 0)
	passed := max(now.Wall.Sub(saved.Wall), 0)
	f.Deadline = now.Clock.Add(max(left-passed, 0) - more)
	if f.Deadline == 0 {
		f.Deadline = 1
	}
}

// View is a form as apps see it at one moment, with its running clock. It is
// what an event keeps for ever.
type View struct {
	Form
	ExpiresAt time.Time     // when the running clock ends by the wall clock; zero when none runs
	Left      time.Duration // what is left of it
}

// View returns the form as apps see it at now.
func (f Form) View(now Stamp) View {
	v := View{Form: f}
	switch f.State {
	case SentToRemote, ReceivedByRemote, InvitationReceived, AcceptSentToLocal:
		if !f.Canceling && f.Deadline != 0 {
			v.Left = max(f.Deadline.Sub(now.Clock), 0)
			v.ExpiresAt = now.Wall.Add(v.Left)
		}
	}
	return v
}
