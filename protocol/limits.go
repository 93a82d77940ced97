package protocol

import "time"

// Every limit of the protocol and every time of the life cycles, each with its
// reason. Sizes are bytes of UTF-8.
const (
	// MaxContent and MaxResponse hold an SDP offer or answer with many ICE
	// candidates (about 6 KiB) with room to spare; the reference allows 8 KB.
	MaxContent  = 16 << 10
	MaxResponse = 16 << 10
	// MaxChannelID is the reference's.
	MaxChannelID = 64
	// MaxApp holds a reverse domain name; apps are a-z 0-9 . _ -
	MaxApp = 64
	// MaxWord bounds a reason or a failure, known or from a newer peer.
	MaxWord = 32
	// MaxFrame bounds a frame on the wire: the largest message of this version
	// and 4 KiB for the fields of newer ones.
	MaxFrame = MaxContent + MaxChannelID + MaxApp + 4<<10
	// MaxAddresses and MaxAddress bound the multiaddrs that an app gives along
	// with a peer ID: a peer listens on a dozen, and a relayed one is long.
	MaxAddresses = 16
	MaxAddress   = 256
	// SparinglyOver is the size of a message that is repeated at growing
	// distances: a relay carries 128 KiB in 2 minutes.
	SparinglyOver = 1 << 10

	// MinTime and MaxTime bound reach and ring: below a second no person
	// answers, and what rings for more than ten minutes is not a call.
	MinTime = time.Second
	MaxTime = 10 * time.Minute
	// DefaultReach and DefaultRing are the reference's 30 s and 60 s.
	DefaultReach = 30 * time.Second
	DefaultRing  = 60 * time.Second
	// RingCap is how long a callee lets itself be rung, whatever the caller asks.
	RingCap = 2 * time.Minute
	// ConfirmTime is how long a callee waits for the Confirm of its Accept (the
	// reference's).
	ConfirmTime = 5 * time.Second
	// CancelTime is how long a caller waits for the callee's word on a Cancel.
	CancelTime = 5 * time.Second
	// CallerLost is how long a callee rings without hearing its caller: two
	// tries to reconnect, so that a short break does not end a ring.
	CallerLost = 10 * time.Second
	// StandStill is the silence after which the confirm clock stands: longer
	// than the distance of two beats.
	StandStill = 2500 * time.Millisecond
	// IdleTime is how long a created, unsent invitation is kept.
	IdleTime = 24 * time.Hour
	// EndMargin is the last second of the time after which every sent
	// invitation has ended.
	EndMargin = time.Second

	// BeatEvery is the distance of two beats while something is live; three
	// missed ones end a session.
	BeatEvery = 2 * time.Second
	// SessionSilence ends a session on which nothing was read while something
	// is live; libp2p alone takes 30 to 43 s.
	SessionSilence = 6 * time.Second
	// SayEvery is the distance at which an unanswered message is repeated
	// within a session while it is live and for SayEveryFor after.
	SayEvery    = 2 * time.Second
	SayEveryFor = time.Minute
	// SayAtLeast is the longest distance of two repeats, and of two dials for
	// what is only owed.
	SayAtLeast = 10 * time.Minute
	// OweDecision is how long Cancel and Confirm are owed: the other side acts
	// on them, and a laptop sleeps a night.
	OweDecision = 24 * time.Hour
	// MaxTombstones bounds, for each peer, the Cancels remembered for
	// invitations that never came.
	MaxTombstones = 256
	// KeepTombstone is how long an ended invitation answers for itself.
	KeepTombstone = 24 * time.Hour
	// KeepMissed is how long a notice of a missed call waits for its callee, and
	// MaxKeepMissed how long it may be told to: a holiday, and a month.
	KeepMissed    = 7 * 24 * time.Hour
	MaxKeepMissed = 30 * 24 * time.Hour
	// TellMissedFirst is when a caller first looks for a callee that missed its
	// call; it doubles to TellMissedLast. Nobody waits for it: some dials a day.
	TellMissedFirst = 10 * time.Minute
	TellMissedLast  = 6 * time.Hour
	// MaxMissedCount bounds the calls that one notice stands for, and MaxEarlier
	// the ids in it beside the last: enough to tell which are known already.
	MaxMissedCount = 1000
	MaxEarlier     = 15
	// MaxNotices bounds the notices that a caller keeps; the oldest goes first.
	MaxNotices = 256
	// MaxMissedADay bounds the missed calls that one peer may tell of in a day,
	// MaxMissedADayAll those of all peers: a history is not to be filled.
	MaxMissedADay    = 64
	MaxMissedADayAll = 1024
	// MaxLivePerPeer bounds the live invitations that one peer may have here.
	MaxLivePerPeer = 256
	// MaxUnanswered bounds the invitations of one peer that nobody here
	// answered: twice what it may have live at once, so that no burst of a friend
	// meets it. An accepted one makes good for all, a refused one for itself.
	MaxUnanswered = 512
	// UnansweredEvery is how long it takes until one more is let in: what rings
	// in vain each ten seconds can do so for ever, and leaves some MB a day.
	UnansweredEvery = 10 * time.Second

	// MaxExplainSteps and MaxExplain bound the steps that one invitation keeps
	// and that an answer about it carries, and the bytes of either: enough for
	// any honest one.
	MaxExplainSteps = 200
	MaxExplain      = 16 << 10
	// ExplainBurst and ExplainEvery bound how often one peer may ask: a person
	// looks at a few invitations, and then at one every few seconds.
	ExplainBurst = 8
	ExplainEvery = 2 * time.Second
	// MaxExplainSince bounds the times in an answer: 35 years.
	MaxExplainSince = (1 << 50) * time.Microsecond
)
