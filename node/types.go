package node

import (
	"time"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Info is what the node knows about itself.
type Info struct {
	PeerID       protocol.PeerID
	Version      string
	Instance     string // new at each start
	Network      string
	Online       bool      // the wish, kept across restarts
	State        NodeState // the fact
	Addresses    []string  // full multiaddrs ending in /p2p/PEER-ID
	Reachability string    // public, private or unknown
	Relays       []string  // peer IDs of those at which a place is held
	Connected    int       // connected peers
	DHTMode      string    // server, client or off
	DHTPeers     int       // size of the routing table
	AnnouncedAt  time.Time // when the public DHT was last told where the node is; zero: not yet, or another network
	StartedAt    time.Time
}

// NodeState is how far the node is on its network.
type NodeState string

// The node's states.
const (
	StateOffline NodeState = "offline"
	StateJoining NodeState = "joining"
	StateOnline  NodeState = "online"
)

// Idempotency makes a repeated request harmless. The zero value asks for nothing.
type Idempotency struct {
	Key         string // 1 to 128 ASCII characters, chosen by the app
	Fingerprint string // of method, path and body; the same key with another one is a conflict
	Status      int    // what to answer, now and when repeated
}

// Result is the answer to a request that may have been made before.
type Result struct {
	View     invitation.View
	Status   int
	Replayed bool
}

// CreateRequest are the fields of a new LocalInvitation. Zero Reach and Ring
// mean the defaults.
type CreateRequest struct {
	Callee    string
	App       string
	ChannelID string
	Content   string
	Reach     time.Duration
	Ring      time.Duration
	Glare     string   // "", independent or merge
	Hold      bool     // create only; send comes later
	Addresses []string // multiaddrs at which the callee may be, beside those that are found
}

// Patch changes an idle LocalInvitation; nil fields stay.
type Patch struct {
	Content   *string
	ChannelID *string
}

// Verb is what a local app may do to an invitation that exists.
type Verb struct {
	Name     VerbName
	Response string          // accept, refuse
	Reason   protocol.Reason // refuse, cancel; empty for the default
}

// VerbName is the word for a verb.
type VerbName string

// The verbs.
const (
	VerbSend   VerbName = "send"
	VerbCancel VerbName = "cancel"
	VerbAccept VerbName = "accept"
	VerbRefuse VerbName = "refuse"
)

// Stream says which events a subscriber wants and from where.
type Stream struct {
	Apps    []string // none: all apps
	Observe bool     // does not count as an app that has it
	After   string   // cursor; empty for a fresh start
}

// Counts reports whether the subscriber is an app that invitations can be
// handed to.
func (s Stream) Counts() bool { return len(s.Apps) > 0 && !s.Observe }

// Hello opens a subscription: a snapshot and the point in the event log that
// it was taken at.
type Hello struct {
	Cursor   string
	PeerID   protocol.PeerID
	Instance string
	State    NodeState
	Live     []invitation.View
}

// Event is one entry of the event log.
type Event = journal.Event

// Peer is a peer and how it can be reached.
type Peer struct {
	ID            protocol.PeerID
	Addresses     []string
	Connectedness string // connected, limited, not_connected or unreachable
	Path          invitation.Path
	Source        string // connected, link, cache, lan, dht or static
	Agent         string
	Took          time.Duration
	Stages        []discovery.Stage // of the lookup; nil: it was not looked up
}
