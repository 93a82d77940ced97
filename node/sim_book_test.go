package node

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simBook is what is known of a device by its journal, by what its apps were
// told and by what it wrote to others: what a user or a peer can see. It holds
// all of it to the rules after every turn.
type simBook struct {
	d                   *simDevice
	epochs              []string // in the order of their beginning
	log                 []journal.Event
	gone, was           int64 // seq of the last of them that retention has removed; and at the time before
	unclean             bool  // the machine went down since
	forms               map[protocol.ID]*simForm
	dirty               []protocol.ID
	heard               map[*simDevice]time.Duration // when something was last read from a peer
	clockSet, clockLost bool                         // the wall clock was set and nothing written since; and then the machine booted
	powers              int                          // power cuts
	cut                 time.Duration                // awake time of the last one
	stable              time.Duration                // since when nothing went wrong with the device
	cancel              []protocol.ID                // Cancels that were read and wait for their turn
}

// simForm is one form.
type simForm struct {
	form     invitation.Form // as the journal last had it
	age      simAge
	versions []simVersion
	ends     int // terminal callbacks in the log
	asks     int
	everEnds int           // in all epochs
	canceled bool          // a Cancel about it was obeyed
	handed   bool          // to a counting app
	missed   int           // how often it was told to be missed
	free     time.Duration // when it was parked no more
	parked   time.Duration // when it was tied to another
	rang     int64         // seq of its remote_invitation_received in this epoch
}

// simVersion is what the journal had of a form from a moment on.
type simVersion struct {
	awake   time.Duration
	what    string
	saved   invitation.Stamp
	atSaved time.Duration
}

// simAge counts the time of one side's form as its machine does.
type simAge struct {
	running bool
	base    time.Duration
	from    protocol.Instant
	saved   invitation.Stamp // when the form was last journalled
	atSaved time.Duration
}

func (a *simAge) now(s invitation.Stamp) time.Duration { return a.base + s.Clock.Sub(a.from) }

func (b *simBook) begin(d *simDevice) {
	*b = simBook{d: d, forms: map[protocol.ID]*simForm{}, heard: map[*simDevice]time.Duration{}}
}

func (b *simBook) fail(format string, args ...any) {
	b.d.w.fail("%s: %s", b.d, fmt.Sprintf(format, args...))
}

func (b *simBook) form(id protocol.ID) *simForm {
	f := b.forms[id]
	if f == nil {
		f = &simForm{}
		b.forms[id] = f
	}
	return f
}

// changed notes that a form was committed.
func (b *simBook) changed(f invitation.Form) {
	b.dirty = append(b.dirty, f.ID)
	if f.Kind == invitation.KindLocal && b.d.w.byID[f.ID] == nil {
		b.d.w.made(b.d, f)
	}
}

// turned reads what a turn has changed.
func (b *simBook) turned() {
	j := b.d.journal
	events, _, err := j.Read(int64(len(b.log)), journal.Filter{}, 1000)
	if err != nil {
		b.fail("the event log cannot be read: %v", err)
	}
	for _, e := range events {
		if e.Seq != int64(len(b.log))+1 {
			b.fail("event log: %d follows %d", e.Seq, len(b.log))
		}
		b.log = append(b.log, e)
		b.event(e)
	}
	b.checkRings(events)
	dirty := b.dirty
	b.dirty = b.dirty[:0]
	for i, id := range dirty {
		if !slices.Contains(dirty[:i], id) {
			b.reload(id)
		}
	}
	if len(dirty) > 0 {
		b.clockSet = false // it was noted
		b.checkPairs()
	}
	if len(b.d.sb.inbox) == 0 {
		b.obeyed()
	}
}

// reload reads a form that a turn has changed.
func (b *simBook) reload(id protocol.ID) {
	now, found, err := b.d.journal.Load(id)
	if err != nil || !found {
		b.fail("a form that was committed cannot be read: %v", err)
	}
	f := b.form(id)
	was := f.form
	f.form = now
	if f.form.State != was.State || f.form.Canceling != was.Canceling {
		b.d.w.tracef("%s: %s is %s", b.d, b.d.w.call(id), simState(&now))
	}
	b.checkForm(id, f, &was)
	if f.form.Pair.IsZero() && !was.Pair.IsZero() {
		f.free = b.d.w.now
	} else if !f.form.Pair.IsZero() && f.form.Pair != was.Pair {
		f.parked = b.d.w.now
		b.tied(&f.form)
	}
	b.checkBuried(id, &f.form, &was)
	stamp := b.d.stamp()
	if !f.age.running && now.State != invitation.Idle {
		f.age = simAge{running: true, from: stamp.Clock}
	}
	f.age.saved, f.age.atSaved = stamp, f.age.now(stamp)
	f.versions = append(f.versions, simVersion{b.d.awake(), simKey(&now), f.age.saved, f.age.atSaved})
}

// simKey is what of a form must not be lost.
func simKey(f *invitation.Form) string {
	return fmt.Sprint(f.State, f.Canceling, f.HandedOver, f.Owes, f.Told, f.Progress, f.Reason, f.Failure, f.Response, f.Pair, f.MergedWith, f.GlareWith, f.Path, f.Heard, f.Known)
}

func simState(f *invitation.Form) string {
	s := string(f.State)
	switch {
	case f.Canceling:
		s = "canceling"
	case f.State == invitation.InvitationReceived && f.HandedOver:
		s += ", handed over"
	case f.Failure != "":
		s += " " + string(f.Failure)
	case f.Reason != "":
		s += " " + string(f.Reason)
	}
	if f.Owes {
		s += ", owes"
	}
	if !f.Pair.IsZero() {
		s += ", tied"
	}
	return s
}

// event looks at an event that was journalled.
func (b *simBook) event(e journal.Event) {
	w := b.d.w
	if e.View.ID.IsZero() {
		w.tracef("%s: event %d %s, %s", b.d, e.Seq, e.Type, e.Cause)
		return
	}
	w.tracef("%s: event %d %s of %s", b.d, e.Seq, e.Type, w.call(e.View.ID))
	f := b.form(e.View.ID)
	typ := invitation.Callback(e.Type)
	switch {
	case slices.Contains(simTerminal, typ):
		f.everEnds++
		if f.ends++; f.ends > 1 {
			b.fail("invariant 1: %s has a second terminal callback, %s", w.call(e.View.ID), e.Type)
		}
	case typ == invitation.LocalAcceptUnconfirmed:
		if f.asks++; f.asks > 1 {
			b.fail("invariant 1: %s is told twice of %s", e.Type, w.call(e.View.ID))
		}
	case typ == invitation.RemoteMissed:
		if f.missed++; f.missed > 1 && b.powers == 0 {
			b.fail("invariant 8: %s is told twice to be missed", w.call(e.View.ID))
		}
	case f.ends > 0:
		b.fail("invariant 1: %s of %s comes after its end", e.Type, w.call(e.View.ID))
	}
	switch typ {
	case invitation.RemoteReceived:
		f.rang = e.Seq
		b.checkRing(e, f)
	case invitation.LocalReceivedByPeer:
		b.checkReceived(e.View.Form)
	}
}

var simTerminal = []invitation.Callback{
	invitation.LocalAccepted, invitation.LocalRefused, invitation.LocalCanceled, invitation.LocalFailure,
	invitation.RemoteAccepted, invitation.RemoteRefused, invitation.RemoteCanceled, invitation.RemoteFailure,
}

// hears notes what is about to be read.
func (d *simDevice) hears(from *simDevice, s *simStream, bytes []byte) {
	d.book.heard[from] = d.w.now
	for _, f := range simFrames(bytes) {
		if m, ok := f.(protocol.Message); ok {
			d.w.tracef("%s: reads %s from %s on %s", d, simMessage(d.w, m), from, s)
			if c, ok := m.(protocol.Cancel); ok && d.w.byID[c.ID] != nil && d.w.byID[c.ID].caller == from {
				d.book.cancel = append(d.book.cancel, c.ID)
			}
		}
	}
}

// obeyed is called when all that was read was dealt with.
func (b *simBook) obeyed() {
	for _, id := range b.cancel {
		if b.d.w.now-b.stable < 2*time.Second || b.d.w.now < b.d.diskBad+2*time.Second {
			continue // the commit may have failed
		}
		f := b.form(id)
		if f.form.State != "" && !f.form.Ended() {
			b.fail("invariant 3: %s is %s after a Cancel was read", b.d.w.call(id), f.form.State)
		}
		buried, err := b.d.journal.Tombstone(b.d.w.byID[id].caller.name, id)
		if err != nil {
			b.fail("tombstone: %v", err)
		}
		if f.form.State == "" && !buried && b.d.sb.online {
			b.fail("invariant 3: a Cancel of %s was read and is not remembered", b.d.w.call(id))
		}
		f.canceled = f.canceled || f.form.State != "" || buried
	}
	b.cancel = b.cancel[:0]
}

// simFrames cuts bytes into frames.
func simFrames(b []byte) (frames []protocol.Frame) {
	in := bufio.NewReader(bytes.NewReader(b))
	for {
		n, err := binary.ReadUvarint(in)
		if err == io.EOF {
			return frames
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			panic(err)
		}
		f, err := protocol.DecodeFrame(body)
		if err != nil {
			panic(err)
		}
		frames = append(frames, f)
	}
}

func simMessage(w *simWorld, m protocol.Message) string {
	name := strings.TrimPrefix(fmt.Sprintf("%T", m), "protocol.")
	if d, ok := m.(protocol.Done); ok {
		name += fmt.Sprintf("(%v %s%s)", d.Outcome, d.Reason, d.Failure)
	}
	if i, ok := m.(protocol.Invite); ok && i.Known {
		name += "(known)"
	}
	return fmt.Sprintf("%s of %s", name, w.call(m.Invitation()))
}

// opened checks the epoch of a journal that was opened.
func (b *simBook) opened() {
	name, count := b.d.journal.Epoch(), len(b.epochs)
	switch {
	case count > 0 && b.epochs[count-1] == name:
		if b.unclean {
			b.fail("event log: the epoch is the same after an unclean boot")
		}
	case slices.Contains(b.epochs, name):
		b.fail("event log: an old epoch is back")
	case count > 0 && !b.unclean:
		b.fail("event log: a new epoch, and the machine did not go down")
	default:
		b.epochs = append(b.epochs, name)
		b.log, b.gone, b.was = nil, 0, 0
		for _, f := range b.forms {
			f.ends, f.asks = 0, 0
		}
	}
}

// started checks what an earlier process left.
func (b *simBook) started() {
	b.checkLog("after a start")
	b.reloadAll()
	b.checkPairs()
	b.unclean = false
	b.trouble()
}

// simSame reports whether two readings of an event are the same.
func simSame(a, b *journal.Event) bool {
	return a.Seq == b.Seq && a.Cursor == b.Cursor && a.Type == b.Type && a.App == b.App && a.Cause == b.Cause &&
		a.Time.Equal(b.Time) && a.View.ID == b.View.ID && a.View.State == b.View.State && a.View.Left == b.View.Left
}
