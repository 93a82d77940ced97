//go:build !linux

package node

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// processClock counts from the start of the process: where the platform gives
// no clock that counts suspend, every start counts as another boot, so that the
// wall clock decides what is left after a restart.
type processClock struct {
	id    string
	start time.Time
}

// NewClock returns the machine's clock.
func NewClock() Clock { return processClock{protocol.NewID().String(), time.Now()} }

func (c processClock) Now() protocol.Instant { return protocol.Instant(time.Since(c.start)) + 1 }

func (c processClock) Stamp() invitation.Stamp {
	return invitation.Stamp{BootID: c.id, Clock: c.Now(), Wall: time.Now()}
}

type processAlarm struct {
	clock processClock
	t     *time.Timer
	c     chan struct{}
}

func (c processClock) Alarm() Alarm { return &processAlarm{clock: c, c: make(chan struct{}, 1)} }

func (a *processAlarm) Set(at protocol.Instant) {
	if a.t != nil {
		a.t.Stop()
	}
	if at == 0 {
		return
	}
	a.t = time.AfterFunc(at.Sub(a.clock.Now()), func() {
		select {
		case a.c <- struct{}{}:
		default:
		}
	})
}

func (a *processAlarm) C() <-chan struct{} { return a.c }

func (a *processAlarm) Close() { a.Set(0) }
