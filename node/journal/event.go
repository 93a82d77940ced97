package journal

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Event is one entry of the event log. Either it is a callback about an
// invitation, or it tells of the node itself.
type Event struct {
	Seq    int64  // contiguous within an epoch, from 1
	Cursor string // EPOCH:SEQ
	Time   time.Time
	Type   string // an invitation.Callback, node_online or node_offline
	App    string // empty for node events
	// View is the form right after the change, the same in every replay;
	// content and response are empty once they were discarded.
	View invitation.View
	Over bool // that invitation has ended since
	// State and Cause go with node events.
	State string
	Cause string
}

// The types of the node's own events.
const (
	NodeOnline  = "node_online"
	NodeOffline = "node_offline"
)
