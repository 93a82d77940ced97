package invitation

import (
	"github.com/beckon-p2p/beckon/protocol"
)

// Env is what a step may know of the world around the form.
type Env struct {
	Now    Stamp
	Link   Link
	Online bool // the daemon is logged in
	App    bool // an app that counts is there for the form's app

	// What a Desk knows of the peer's other forms; see glare.go.
	GlareWith protocol.ID // the other's invitation that this one crosses; zero: none that is new
	Hush      bool        // remote: an own invitation goes before it, so it must not begin to ring
}

// Link is what is known of the connection to the other peer.
type Link struct {
	Writable bool // there is a session to write on
	Open     bool // a frame was read on a session that still stands
	Path     Path
	// LastHeard is when the last frame was read, HeardSince the start of the
	// stretch of frames that it belongs to, in which no two were more than
	// protocol.StandStill apart. 0: never since the daemon started.
	LastHeard, HeardSince protocol.Instant
}

// Input is what a Machine is stepped with.
type Input interface{ input() }

// The verbs of a local app, and the daemon's own logging out and in again.
type (
	Send   struct{ Behind protocol.ID } // Behind: the Desk's, parked from the start
	Cancel struct{ Reason protocol.Reason }
	Accept struct {
		Response   string
		Supersedes protocol.ID // the Desk's: the own invitation that gives way
	}
	Refuse struct {
		Reason   protocol.Reason
		Response string
	}
	Logout struct{}
	Login  struct{}
	// Edit changes an idle LocalInvitation; nil fields stay.
	Edit struct{ Content, ChannelID *string }
)

// The facts.
type (
	// Wake says that time has passed.
	Wake struct{}
	// SessionUp says that there is a new session to write on.
	SessionUp struct{}
	// Recv brings a message from the other peer.
	Recv struct{ Message protocol.Message }
	// DoneRead says that the other peer has read the Done that was sent.
	DoneRead struct{}
	// HandedOver says that an app was handed the invitation.
	HandedOver struct{}
	// AppCame says that an app that counts has come.
	AppCame struct{}
	// Stage says how far the way to the callee is: ProgressLocating or
	// ProgressConnecting.
	Stage struct{ Progress Progress }
)

// What a Desk steps the two forms of a pair with.
type (
	// Cross says that both have called each other at once.
	Cross struct{ With protocol.ID }
	// Park lets a LocalInvitation wait for the end of a RemoteInvitation, for
	// which a bid is out; Unpark lets it go on.
	Park   struct{ Behind protocol.ID }
	Unpark struct{}
	// Bid accepts a RemoteInvitation in the place of an own invitation, which
	// gives way to it.
	Bid struct {
		For      protocol.ID
		Response string
	}
	// Withdraw says that the own invitation behind a bid was canceled, Alone
	// that it ended by itself; Leaving: because the daemon logs out.
	Withdraw struct{}
	Alone    struct{ Leaving bool }
	// Superseded says that the other invitation of the pair was accepted.
	// Tell: the other side does not know it by itself.
	Superseded struct {
		By   protocol.ID
		Tell bool
	}
	// Unhush says that no own invitation goes before it any more.
	Unhush struct{}
)

func (Send) input()       {}
func (Cancel) input()     {}
func (Accept) input()     {}
func (Refuse) input()     {}
func (Logout) input()     {}
func (Login) input()      {}
func (Edit) input()       {}
func (Wake) input()       {}
func (SessionUp) input()  {}
func (Recv) input()       {}
func (DoneRead) input()   {}
func (HandedOver) input() {}
func (AppCame) input()    {}
func (Stage) input()      {}
func (Cross) input()      {}
func (Park) input()       {}
func (Unpark) input()     {}
func (Bid) input()        {}
func (Withdraw) input()   {}
func (Alone) input()      {}
func (Superseded) input() {}
func (Unhush) input()     {}

// Event is a callback and the form right after its change.
type Event struct {
	Callback Callback
	Form     Form
}

// Out is what the driver must do after a step, in this order: journal the form
// and the events in one transaction, send, tell the apps, set the timer.
type Out struct {
	Persist bool
	Send    []protocol.Message
	Emit    []Event
	Wake    protocol.Instant // step with Wake then at the latest; 0: never

	Rows  []*Row // the table's rows that were taken, in order
	Stray bool   // the message was ignored: the wrong role for its sender
	// Broken names an invariant that did not hold. The step was not made; the
	// form must be ended by hand and the fault reported.
	Broken string
}
