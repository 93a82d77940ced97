package node

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Clock is the time as the node sees it. The real one is NewClock's; tests
// bring their own.
type Clock interface {
	// Stamp reads all clocks.
	Stamp() invitation.Stamp
	// Now reads the clock that counts suspend.
	Now() protocol.Instant
	// Alarm returns a new alarm that is not set.
	Alarm() Alarm
}

// Alarm rings once when its moment has come, also if the machine slept through
// it. One goroutine may use it.
type Alarm interface {
	// Set moves the alarm; 0 silences it.
	Set(at protocol.Instant)
	// C is where it rings.
	C() <-chan struct{}
	// Close frees it.
	Close()
}
