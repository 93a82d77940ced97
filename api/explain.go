package api

// Explanation is why an invitation did or did not ring. Answer to
// GET /v1/invitations/{id}/explain.
type Explanation struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" doc:"local: sent from here. remote: received here."`
	Steps     []Step     `json:"steps" doc:"What happened, in order; at most 200 of each device."`
	Verdict   Verdict    `json:"verdict"`
	Other     string     `json:"other" doc:"Whether the other device's steps are among them: merged; off (it does not share them, see --share-timeline), unreachable, unsupported (an older beckond), unknown (it knows no such invitation), busy (asked too often), not_asked."`
	Alignment *Alignment `json:"alignment,omitempty" doc:"With merged: how well the other device's times are known."`
}

// Step is one thing that happened to an invitation. Absent facts are left out.
type Step struct {
	At        Time     `json:"at" doc:"By this device's wall clock."`
	SinceMS   float64  `json:"since_ms" doc:"Milliseconds since the first step here, by a clock that nobody sets; to the microsecond."`
	Side      string   `json:"side" doc:"here: this device. there: the other party's."`
	Code      string   `json:"code" doc:"A stable word; new ones may come."`
	Text      string   `json:"text" doc:"The same for people."`
	Count     int      `json:"count,omitempty" doc:"How often it happened, if more than once."`
	LastMS    *float64 `json:"last_ms,omitempty" doc:"When it last did, as since_ms."`
	Source    string   `json:"source,omitempty" doc:"Where an address came from, or all sources that were asked, with commas."`
	Addresses int      `json:"addresses,omitempty" doc:"How many addresses."`
	Address   string   `json:"address,omitempty" doc:"A multiaddr. Never told to the other device."`
	Transport string   `json:"transport,omitempty" doc:"quic, tcp or relay; several with commas."`
	Path      string   `json:"path,omitempty" doc:"lan, direct or relayed."`
	Error     string   `json:"error,omitempty" doc:"refused, timeout, no_route, wrong_peer, handshake, no_transport, limited, no_address, not_spoken, silent, broken, other; or an invitation's error."`
	Reason    string   `json:"reason,omitempty" doc:"Of a refusal or a cancel."`
	Message   string   `json:"message,omitempty" doc:"Of a repeat: which message."`
}

// Verdict is what the steps come to.
type Verdict struct {
	Rang     bool      `json:"rang" doc:"An app of the callee had it."`
	Code     string    `json:"code" doc:"The cause, a stable word; new ones may come."`
	Sentence string    `json:"sentence" doc:"Why it did or did not ring."`
	Advice   string    `json:"advice" doc:"What to change; empty: nothing."`
	Warnings []Warning `json:"warnings" doc:"What did not decide, and is worth knowing."`
}

// Warning is something that did not keep an invitation from ringing this time.
type Warning struct {
	Code     string `json:"code"`
	Sentence string `json:"sentence"`
}

// Alignment says how the other device's times were put on this device's clock:
// by messages that one wrote and the other read, never by wall clocks.
type Alignment struct {
	Pairs    int      `json:"pairs" doc:"Messages seen by both."`
	WithinMS *float64 `json:"within_ms" doc:"By how much the other's times may be off; null: not known, because messages went one way only."`
}

// Words of Explanation.Other.
const (
	OtherMerged      = "merged"
	OtherOff         = "off"
	OtherUnreachable = "unreachable"
	OtherUnsupported = "unsupported"
	OtherUnknown     = "unknown"
	OtherBusy        = "busy"
	OtherNotAsked    = "not_asked"
)

// Sides of a Step.
const (
	SideHere  = "here"
	SideThere = "there"
)
