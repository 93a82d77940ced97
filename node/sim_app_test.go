package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simApp is an app of a device: it follows the events, keeps its cursor, and
// shows its person what rings. It can be slow, and it can crash.
type simApp struct {
	d       *simDevice
	name    string
	apps    []string
	observe bool
	slow    time.Duration // until it reads what there is
	gone    bool          // it does not come back by itself

	sub     *Subscription // nil: not connected
	life    int
	coming  bool // it is going to connect
	reading bool // it is going to read

	cursor string // saved; empty: none
	epoch  int    // the device's epoch of the cursor
	seq    int64  // of the last event that was dealt with
	handed []protocol.ID
}

// simNow is a context that is over: nobody waits in a simulation.
var simNow = func() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}()

func (a *simApp) counts() bool { return len(a.apps) > 0 && !a.observe }

func (a *simApp) String() string { return fmt.Sprintf("%s's %s", a.d, a.name) }

// after does something later, unless the app or its daemon dies before.
func (a *simApp) after(wait time.Duration, do func()) {
	life := a.life
	a.d.w.after(wait, func() {
		if a.life != life {
			return
		}
		if a.d.w.now < a.d.asleep {
			a.after(a.d.asleep-a.d.w.now+time.Millisecond, do)
			return
		}
		do()
	})
}

// daemonDied ends the app's stream; the app comes back by itself.
func (a *simApp) daemonDied() {
	a.sub, a.coming, a.reading = nil, false, false
	a.life++
	a.comeBack(a.d.w.between(10*time.Millisecond, time.Second))
}

// crash ends the app, which may not have saved how far it was.
func (a *simApp) crash(away time.Duration) {
	a.d.w.tracef("%s: crashes for %v", a, away)
	a.leave(away)
}

// leave ends the app's stream; it comes back after a while.
func (a *simApp) leave(away time.Duration) {
	a.life++
	a.coming, a.reading = false, false
	if sub := a.sub; sub != nil {
		a.sub = nil
		a.d.after(a.d.w.between(0, 100*time.Millisecond), sub.Close) // when the daemon notices
	}
	a.comeBack(away)
}

func (a *simApp) comeBack(wait time.Duration) {
	if a.coming || a.gone {
		return
	}
	a.coming = true
	a.after(wait, func() {
		a.coming = false
		if !a.d.up {
			a.comeBack(a.d.w.between(50*time.Millisecond, 500*time.Millisecond))
			return
		}
		a.connect()
	})
}

// connect opens the stream, with the saved cursor if there is one.
func (a *simApp) connect() {
	w := a.d.w
	if w.chance(5) {
		a.cursor = "" // it lost its files
	}
	after := a.cursor
	kept := a.d.book.kept() // what happens meanwhile makes it more
	sub, err := a.d.node.Subscribe(context.Background(), a.stream())
	switch {
	case errors.Is(err, &protocol.Error{Code: protocol.CodeCursorExpired}):
		switch {
		case a.epoch != len(a.d.book.epochs):
			w.fault("cursor expired")
		case a.seq >= a.d.book.kept():
			w.fail("%s: the cursor is refused: %v", a, err)
		default:
			w.fault("cursor pruned")
		}
		w.tracef("%s: its cursor, %d, is no longer good", a, a.seq)
		a.cursor = ""
		a.comeBack(0)
		return
	case err != nil: // a commit failed
		w.tracef("%s: cannot connect: %v", a, err)
		a.comeBack(w.between(100*time.Millisecond, time.Second))
		return
	case after != "" && a.epoch != len(a.d.book.epochs):
		w.fail("%s: a cursor of epoch %d is taken in epoch %d", a, a.epoch, len(a.d.book.epochs))
	case after != "" && a.seq < kept:
		w.fail("%s: the cursor %d is taken, and what follows it is pruned up to %d", a, a.seq, kept)
	}
	a.sub = sub
	h := sub.Hello()
	w.tracef("%s: connects at %s, %d live", a, simCursor(a, after), len(h.Live))
	a.checkHello(h, after)
	if after == "" {
		a.cursor, a.epoch, a.handed = h.Cursor, len(a.d.book.epochs), nil
		a.seq = simSeq(h.Cursor)
	} else if a.counts() {
		for _, id := range a.handed {
			f := a.d.book.form(id) // its cursor may be after the event
			if f.handed = true; f.form.State == invitation.InvitationReceived && !f.form.HandedOver && f.rang <= a.seq {
				w.fail("%s: %s was handed to it, and the daemon does not know", a, w.call(id))
			}
		}
	}
	a.readSoon(a.d.w.between(0, 2*time.Millisecond), func() { a.readHello(h) })
}

// checkHello: the snapshot is what the journal has as live at its cursor.
func (a *simApp) checkHello(h Hello, after string) {
	if after != "" && h.Cursor != after {
		a.d.w.fail("%s: hello's cursor is %s", a, h.Cursor)
	}
	for _, e := range a.d.book.log[simSeq(h.Cursor):] {
		if after == "" && e.Type != string(invitation.RemoteReceived) { // what was held rings for the new app
			a.d.w.fail("%s: hello's cursor is before event %d, %s", a, e.Seq, e.Type)
		}
	}
	live := map[protocol.ID]invitation.State{}
	for _, v := range h.Live {
		live[v.ID] = v.State
	}
	b := &a.d.book
	for _, id := range b.ids() {
		f := &b.forms[id].form
		if f.State == "" || f.Ended() || f.State == invitation.Held || len(a.apps) > 0 && !slices.Contains(a.apps, f.App) {
			continue
		}
		discarded := a.d.w.byID[id] != nil && a.d.w.byID[id].discarded
		// What the subscription itself made ring comes as an event.
		if live[id] != f.State && !discarded && f.State != invitation.InvitationReceived {
			a.d.w.fail("%s: hello has %s as %q, the journal as %s", a, a.d.w.call(id), live[id], f.State)
		}
	}
}

// look is called after every turn: a stream that was woken reads.
func (a *simApp) look() {
	if a.sub != nil && !a.reading && len(a.sub.wake) > 0 {
		a.readSoon(a.slow, nil)
	}
}

func (a *simApp) readSoon(wait time.Duration, first func()) {
	a.reading = true
	a.after(wait, func() {
		a.reading = false
		if first != nil {
			first()
		}
		if a.sub != nil {
			a.read()
		}
	})
}

// readHello is the app being written its hello.
func (a *simApp) readHello(h Hello) {
	var ringing []protocol.ID
	for _, v := range h.Live {
		if v.Kind == invitation.KindRemote {
			ringing = append(ringing, v.ID)
		}
	}
	a.given(ringing)
	for _, v := range h.Live {
		a.d.user.sees(v)
	}
}

// given notes what a counting app was written, as the API does.
func (a *simApp) given(ids []protocol.ID) {
	if !a.stream().Counts() {
		return
	}
	for _, id := range ids {
		if a.counts() {
			a.d.book.form(id).handed = true
		}
		a.handed = append(a.handed, id)
	}
	a.sub.HandedOver(ids...)
}

func (a *simApp) stream() Stream { return Stream{Apps: a.apps, Observe: a.observe, After: a.cursor} }

// missing returns an event that the app was not woken for; nil: none.
func (a *simApp) missing() *journal.Event {
	if a.sub == nil || a.reading || len(a.sub.wake) > 0 {
		return nil
	}
	for i := a.seq; i < int64(len(a.d.book.log)); i++ {
		if e := &a.d.book.log[i]; a.passes(e) {
			return e
		}
	}
	return nil
}

// read reads all that there is.
func (a *simApp) read() {
	select {
	case <-a.sub.wake:
	default:
	}
	from := simSeq(a.sub.Cursor())
	events, err := a.sub.Next(simNow)
	if err != nil {
		a.ends(from, err)
		return
	}
	if from < a.d.book.gone {
		a.d.w.fail("%s: reads on after %d, and what follows is pruned up to %d", a, from, a.d.book.gone)
	}
	a.checkOrder(events)
	var given []protocol.ID
	for _, e := range events {
		if e.Type == string(invitation.RemoteReceived) && !e.Over {
			given = append(given, e.View.ID)
		}
	}
	a.given(given)
	a.deal(events)
}

// checkOrder: the events are those of the log, none left out, none again.
func (a *simApp) checkOrder(events []Event) {
	b, seq := &a.d.book, a.seq
	for _, e := range events {
		for seq++; seq < e.Seq; seq++ {
			if was := &b.log[seq-1]; a.passes(was) {
				a.d.w.fail("%s: event %d, %s, is left out", a, seq, was.Type)
			}
		}
		if e.Seq < seq {
			a.d.w.fail("%s: event %d comes again", a, e.Seq)
		}
		if !simSame(&b.log[seq-1], &e) || !a.passes(&e) {
			a.d.w.fail("%s: event %d is not as it is journalled", a, seq)
		}
	}
}

func (a *simApp) passes(e *journal.Event) bool {
	return e.App == "" || len(a.apps) == 0 || slices.Contains(a.apps, e.App)
}

// deal deals with events one by one; the app may crash in between.
func (a *simApp) deal(events []Event) {
	w, crash := a.d.w, -1
	if w.healed == 0 && w.chance(w.story.appCrash) {
		crash = w.rand.IntN(len(events) + 1)
	}
	for i, e := range events {
		if i == crash {
			break
		}
		if !e.Over {
			a.d.user.sees(e.View)
		}
		if w.chance(80) { // it saves its place now and then
			a.cursor, a.epoch, a.seq = e.Cursor, len(a.d.book.epochs), e.Seq
		}
	}
	if crash >= 0 {
		w.fault("app crash")
		a.crash(w.between(10*time.Millisecond, 8*time.Second))
		return
	}
	a.cursor, a.epoch, a.seq = a.sub.Cursor(), len(a.d.book.epochs), simSeq(a.sub.Cursor())
	if len(events) > 0 {
		a.readSoon(0, nil)
	}
}

func simSeq(cursor string) (seq int64) {
	for i := len(cursor) - 1; i >= 0; i-- {
		if cursor[i] == ':' {
			if _, err := fmt.Sscanf(cursor[i:], ":%d", &seq); err != nil {
				panic(err)
			}
		}
	}
	return seq
}

func simCursor(a *simApp, cursor string) string {
	if cursor == "" {
		return "the head"
	}
	return fmt.Sprintf("%d", a.seq)
}
