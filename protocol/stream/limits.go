package stream

import "time"

// The limits of this package, each with its reason. Those that two daemons
// must agree on are in protocol/limits.go.
const (
	// FirstFrameTime is how long an accepted stream may stay without a frame:
	// its opener has something to say or it would not have opened it.
	FirstFrameTime = 10 * time.Second
	// IdleTime ends a session that nobody needs. Opening one again costs no
	// round trip.
	IdleTime = time.Minute
	// WriteTime bounds one write. A relay at its slowest passes a full batch of
	// large messages in less.
	WriteTime = 30 * time.Second
	// OpenTime bounds the opening of a stream on a connection that is there:
	// nothing is waited for but room.
	OpenTime = 4 * time.Second
	// LingerTime is how long a closed session is still read for what the peer
	// had written before it saw the end.
	LingerTime = 2 * time.Second
	// CloseTime is how long Transport.Close lets sessions flush.
	CloseTime = 500 * time.Millisecond
	// cutTime is how long the end of a silent session waits for its connection
	// to close. Closing can hang on the very silence that caused it.
	cutTime = 250 * time.Millisecond

	// SupersededTime is how long the opener of an older session keeps it when a
	// newer one is read from: what is under way on it arrives first.
	SupersededTime = 2 * time.Second
	// BothOpenTime is how near in time two sessions of a pair, one opened by
	// each side, count as opened at once.
	BothOpenTime = 5 * time.Second
	// BothOpenMargin covers that the two sides see such openings at slightly
	// different distances: without it, both might close their own.
	BothOpenMargin = time.Second

	// MaxQueue bounds the bytes waiting to be written on a session: fifty of
	// the largest frames. A peer that leaves more unread does not read at all.
	MaxQueue = 1 << 20
	// MaxUnanswered bounds the Dones whose reading is not confirmed yet: more
	// than any peer can have live here, several times over.
	MaxUnanswered = 4096
	// AskEvery is the least distance of two Beats that ask whether Dones were
	// read: a Done is in no hurry to be forgotten.
	AskEvery = 50 * time.Millisecond
	// MaxBeats bounds the frames other than messages that a peer may send in a
	// second. A busy one sends 21 Beats and as many answers.
	MaxBeats = 100
	// MaxInbound bounds the sessions that one peer may have opened here: two of
	// a reconnect, two of a race.
	MaxInbound = 4
	// MaxSessions is the number of sessions, at about 30 KiB each, at which no
	// more are accepted. We may open as many again: strangers must not be able
	// to keep us from calling.
	MaxSessions = 1024

	// readBuffer holds any frame but one with a large payload, which gets a
	// buffer of its own for as long as it takes.
	readBuffer = 4 << 10
	// keepBuffer is the largest write buffer that is kept for the next batch.
	keepBuffer = 8 << 10
	// sessionMemory is what a session reserves with libp2p's resource manager:
	// the read buffer, two write buffers.
	sessionMemory = readBuffer + 2*keepBuffer
	// busyCheck is how often silence is looked at again while the Receiver
	// holds up the reader, so that nothing can be read.
	busyCheck = time.Second
)

// Service is the name under which libp2p's resource manager accounts sessions.
const Service = "beckon.invitation"
