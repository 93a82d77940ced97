package api

// Node is what the daemon says about itself. Answer to GET /v1/node and
// PUT /v1/node/online.
type Node struct {
	PeerID         string   `json:"peer_id" doc:"This device's libp2p peer ID: what others invite."`
	Version        string   `json:"version" doc:"The daemon's version."`
	Instance       string   `json:"instance" doc:"New at each start of the daemon."`
	Network        string   `json:"network" doc:"Name of the network: public, main, lan, or a private one's."`
	Online         bool     `json:"online" doc:"The wish: log in, and stay so across restarts."`
	State          string   `json:"state" doc:"The fact: offline, joining or online."`
	Addresses      []string `json:"addresses" doc:"Full multiaddrs ending in /p2p/PEER-ID."`
	Reachability   string   `json:"reachability" doc:"public, private or unknown."`
	Relays         []string `json:"relays" doc:"Peer IDs of the relays at which a place is held, so that others come through them."`
	ConnectedPeers int      `json:"connected_peers" doc:"Number of connected peers."`
	DHT            DHT      `json:"dht"`
	StartedAt      Time     `json:"started_at" doc:"When the daemon started."`
}

// DHT is how the node takes part in the distributed hash table.
type DHT struct {
	Mode         string `json:"mode" doc:"server, client or off."`
	RoutingTable int    `json:"routing_table" doc:"Number of peers in the routing table."`
	AnnouncedAt  Time   `json:"announced_at" doc:"When the public DHT was last told where this peer is; null: not yet, or on another network."`
}

// Doctor is the answer to GET /v1/doctor: what is well and what is not.
type Doctor struct {
	Outcome string  `json:"outcome" doc:"The worst of all checks: ok, warn or fail."`
	Checks  []Check `json:"checks" doc:"In the order of this machine, then its network from near to far. Those of the network are left out while logged out."`
}

// Check is one thing that the doctor looked at.
type Check struct {
	Name    string `json:"name" doc:"key, disk, clock, online, addresses, mdns, dht, found, reachable, relay, nat, udp, second_instance. There may be more."`
	Outcome string `json:"outcome" doc:"ok; warn: it works, but not as well as it could, or not for all; fail: others cannot ring this device, or it is about to break."`
	Found   string `json:"found" doc:"What was found, in a sentence for people."`
	Advice  string `json:"advice" doc:"What to do about it; empty if nothing."`
	TookMS  int64  `json:"took_ms" doc:"How long it took, in milliseconds."`
}

// SetOnline is the body of PUT /v1/node/online: log in or log out.
type SetOnline struct {
	Online bool `json:"online" doc:"true logs in, false logs out; kept across restarts."`
}

// Invitation is one attempt to start something together, in the form that it
// has on this device. Absent times are null, absent text is "".
type Invitation struct {
	ID         string `json:"id" doc:"UUID made by the caller's daemon; the same on both sides."`
	Kind       string `json:"kind" doc:"local: sent from here. remote: received here."`
	State      string `json:"state" doc:"local: idle, sent_to_remote, received_by_remote, accepted_by_remote, refused_by_remote, canceled, failure. remote: invitation_received, accept_sent_to_local, refused, accepted, canceled, failure, missed."`
	App        string `json:"app" doc:"The namespace that it belongs to."`
	CallerID   string `json:"caller_id" doc:"Peer ID of the caller."`
	CalleeID   string `json:"callee_id" doc:"Peer ID of the callee."`
	ChannelID  string `json:"channel_id" doc:"The room that the two will meet in; opaque."`
	Content    string `json:"content" doc:"The caller's payload; opaque. Kept 30 days after the end."`
	Response   string `json:"response" doc:"The callee's payload; opaque. Kept 30 days after the end."`
	Reason     string `json:"reason" doc:"Why it was refused or canceled."`
	Error      string `json:"error" doc:"Why it failed: peer_offline, peer_no_response, invitation_expire, not_logged_in or accept_failure."`
	Canceling  bool   `json:"canceling" doc:"Canceled here, and the callee's word is awaited."`
	Progress   string `json:"progress" doc:"Of a live local invitation: locating, connecting, delivered, ringing. It never goes back and may skip."`
	Path       string `json:"path" doc:"The way to the other peer, present or last: lan, direct or relayed."`
	GlareWith  string `json:"glare_with" doc:"Id of the other's invitation, if both call each other at once."`
	MergedWith string `json:"merged_with" doc:"Id of the invitation that gave way to this one, or that this one gave way to."`
	CreatedAt  Time   `json:"created_at" doc:"When it was created, or arrived here."`
	SentAt     Time   `json:"sent_at" doc:"When it was sent."`
	ReceivedAt Time   `json:"received_at" doc:"When an app of the callee was handed it."`
	AnsweredAt Time   `json:"answered_at" doc:"When the callee answered."`
	EndedAt    Time   `json:"ended_at" doc:"When it ended; null while it is live. This is the only test for its end."`
	ExpiresAt  Time   `json:"expires_at" doc:"When the running clock (reach, then ring) ends; null when none runs."`
	LeftMS     *int64 `json:"left_ms" minimum:"0" doc:"What is left of the running clock, in milliseconds; null when none runs."`
	// Missed is nil unless the state is missed.
	Missed *MissedCalls `json:"missed,omitempty" doc:"Only with state missed: how often, when and why."`
}

// MissedCalls is what is known of invitations that never rang here, of which
// one is told for all. The times are by this machine's clock.
type MissedCalls struct {
	Count   int    `json:"count" minimum:"1" doc:"How many invitations of this caller and app it stands for."`
	FirstAt Time   `json:"first_at" doc:"When the first of them was sent, or came."`
	LastAt  Time   `json:"last_at" doc:"When the last of them was sent, or came."`
	Why     string `json:"why" doc:"Why the last did not ring: peer_offline (this device was not reached), peer_no_response, no_app (the daemon had it and no app came), canceled, answered_elsewhere, refused_elsewhere, logged_out."`
}

// Ended reports whether the invitation is over.
func (i *Invitation) Ended() bool { return !i.EndedAt.IsZero() }

// CreateInvitation is the body of POST /v1/invitations: create and send.
type CreateInvitation struct {
	CalleeID  string   `json:"callee_id" doc:"Peer ID of the callee; not one's own."`
	App       string   `json:"app,omitempty" minLength:"1" default:"call" doc:"The namespace, 1 to 64 bytes of a-z 0-9 . _ -"`
	ChannelID string   `json:"channel_id,omitempty" doc:"The room to meet in, at most 64 bytes of UTF-8."`
	Content   string   `json:"content,omitempty" doc:"Payload for the callee's app, at most 16 KiB of UTF-8."`
	ReachMS   int64    `json:"reach_ms,omitempty" minimum:"1000" maximum:"600000" default:"30000" doc:"Milliseconds in which an app of the callee must have it."`
	RingMS    int64    `json:"ring_ms,omitempty" minimum:"1000" maximum:"600000" default:"60000" doc:"Milliseconds that it may ring after that; the callee may cap it."`
	Glare     string   `json:"glare,omitempty" enum:"independent,merge" default:"independent" doc:"What to do if the callee invites this peer at the same time; merge needs both to say so."`
	Hold      bool     `json:"hold,omitempty" doc:"Only create it (state idle); POST …/send sends it."`
	Addresses []string `json:"addresses,omitempty" doc:"Where the callee may be, from an invite link for example: at most 16 multiaddrs of at most 256 bytes, which end in no other peer's ID. They are tried beside what is found, until the daemon ends."`
}

// PatchInvitation is the body of PATCH /v1/invitations/{id}. It changes an
// idle invitation; nil fields stay as they are.
type PatchInvitation struct {
	Content   *string `json:"content,omitempty" doc:"Payload for the callee's app, at most 16 KiB of UTF-8."`
	ChannelID *string `json:"channel_id,omitempty" doc:"The room to meet in, at most 64 bytes of UTF-8."`
}

// Cancel is the body of POST /v1/invitations/{id}/cancel. An empty reason is
// canceled.
type Cancel struct {
	Reason string `json:"reason,omitempty" enum:"canceled,answered_elsewhere,refused_elsewhere,superseded,shutdown" default:"canceled" doc:"Why it is withdrawn."`
}

// Accept is the body of POST /v1/invitations/{id}/accept.
type Accept struct {
	Response string `json:"response,omitempty" doc:"Payload for the caller's app, at most 16 KiB of UTF-8."`
}

// Refuse is the body of POST /v1/invitations/{id}/refuse. An empty reason is
// declined.
type Refuse struct {
	Reason   string `json:"reason,omitempty" enum:"declined,busy,do_not_disturb,not_allowed,unsupported" default:"declined" doc:"Why it is refused."`
	Response string `json:"response,omitempty" doc:"Payload for the caller's app, at most 16 KiB of UTF-8."`
}

// InvitationList is a page of GET /v1/invitations, newest first.
type InvitationList struct {
	Invitations []Invitation `json:"invitations"`
	Next        string       `json:"next,omitempty" doc:"Opaque; hand it back as before to get the next page. Absent on the last page."`
}

// Peer is a peer and how it can be reached. Answer to GET /v1/peers/{id}.
type Peer struct {
	PeerID        string   `json:"peer_id"`
	Addresses     []string `json:"addresses" doc:"Multiaddrs."`
	Connectedness string   `json:"connectedness" doc:"connected, limited, not_connected or unreachable."`
	Path          string   `json:"path" doc:"The way to it: lan, direct, relayed, or empty when not connected."`
	Source        string   `json:"source" doc:"Where it was found: connected, link (an address given with the request), cache, lan, dht or static."`
	Agent         string   `json:"agent,omitempty" doc:"What the peer says it runs."`
	TookMS        int64    `json:"took_ms" doc:"How long the lookup took, in milliseconds."`
	// Stages is nil in a list of peers.
	Stages []Stage `json:"stages,omitempty" doc:"How the lookup went, in the order in which it happened."`
}

// Stage is a step of a lookup.
type Stage struct {
	Source    string `json:"source" doc:"Who was asked, or whose address led to the peer: connected, cache, lan, dht or static."`
	Event     string `json:"event" doc:"asked; answered (with 0 addresses: it knows none); failed; gave_up: the lookup ended before it answered; connected: a dial of an address of this source succeeded."`
	TookMS    int64  `json:"took_ms" doc:"Since the lookup began, in milliseconds."`
	Addresses int    `json:"addresses" doc:"How many new addresses the answer brought."`
}

// PeerList is the answer to GET /v1/peers: the connected peers.
type PeerList struct {
	Peers []Peer `json:"peers"`
}

// PingPeer is the body of POST /v1/peers/{id}/ping.
type PingPeer struct {
	Addresses []string `json:"addresses,omitempty" doc:"Where the peer may be: at most 16 multiaddrs of at most 256 bytes."`
}

// Ping is the answer to POST /v1/peers/{id}/ping.
type Ping struct {
	RTTMS float64 `json:"rtt_ms" doc:"Round-trip time in milliseconds, to the microsecond."`
	Path  string  `json:"path" doc:"The way it took: lan, direct or relayed."`
}
