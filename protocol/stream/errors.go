package stream

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	libp2p "github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"github.com/beckon-p2p/beckon/protocol"
)

// Why a session ended, as SessionDown tells it. A session that either side
// closed in peace ends with a nil error; any other error is the network's.
var (
	// ErrSilent: nothing was read for protocol.SessionSilence while live. The
	// connection is closed; dial the peer again.
	ErrSilent = errors.New("the peer went silent: dial it again")
	// ErrNotSpoken: the peer runs libp2p but not this protocol. Dialling again
	// does not help until it is updated or starts beckond.
	ErrNotSpoken = errors.New("the peer does not speak the invitation protocol: ask its owner to run a current beckond")
	// ErrNonsense: the peer sent what is no frame. Only this session suffers.
	ErrNonsense = errors.New("the peer sent a malformed frame: open a new session")
	// ErrFlood: the peer sent more beats than MaxBeats in a second.
	ErrFlood = errors.New("the peer sent too many beats: open a new session later")
	// ErrUnread: the peer did not read what was written for it.
	ErrUnread = errors.New("the peer does not read what it is sent: open a new session")
	// ErrCrowded: the peer opened more than MaxInbound sessions, and this one
	// was the oldest.
	ErrCrowded = errors.New("the peer opened too many sessions: use its newer ones")
)

// errClosed is what Open says after Close.
var errClosed = protocol.Errorf(protocol.CodeShuttingDown, "no session can be opened any more: try again when beckond runs again")

// readError turns what a read from the stream gave into the code that the
// peer is told and the reason for the session's end.
func readError(err error, heard bool) (network.StreamErrorCode, error) {
	var na msmux.ErrNotSupported[libp2p.ID]
	if errors.As(err, &na) {
		return network.StreamNoError, ErrNotSpoken
	}
	// A peer that does not know the protocol may reset the stream so fast that
	// its refusal is not read.
	refused := &network.StreamError{Remote: true, ErrorCode: network.StreamProtocolNegotiationFailed}
	if !heard && errors.Is(err, refused) {
		return network.StreamNoError, ErrNotSpoken
	}
	if errors.Is(err, ErrNonsense) {
		return network.StreamProtocolViolation, err
	}
	return network.StreamNoError, fmt.Errorf("the session broke: %w", err)
}

func nonsense(err error) error { return fmt.Errorf("%w (%w)", ErrNonsense, err) }
