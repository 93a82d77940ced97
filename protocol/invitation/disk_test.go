package invitation_test

import (
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// record is what a journal has of one invitation.
type record struct {
	form   invitation.Form
	saved  invitation.Stamp
	age    time.Duration // of the form, at saved
	events []invitation.Callback
	tomb   bool // a Cancel came for an invitation that never did
}

// disk is a journal that survives a kill, and a power cut but for its last second.
type disk struct {
	rec  [4]record
	undo []undone
}

type undone struct {
	at   time.Duration
	n    int
	prev record
}

func (k *disk) save(at time.Duration, n int, r record) {
	for len(k.undo) > 0 && k.undo[0].at < at-time.Second {
		k.undo = k.undo[1:]
	}
	k.undo = append(k.undo, undone{at, n, k.rec[n]})
	k.rec[n] = r
}

// lose forgets what was committed after a moment.
func (k *disk) lose(after time.Duration) {
	for i := len(k.undo) - 1; i >= 0 && k.undo[i].at > after; i-- {
		k.rec[k.undo[i].n] = k.undo[i].prev
	}
	k.undo = nil
}
