package node

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
)

// tidy is Node.tidy: it prunes the journal now, and now and then.
func (d *simDevice) tidy() {
	if err := d.journal.Prune(d.stamp().Wall); err != nil {
		d.w.fail("%s: the journal cannot be pruned: %v", d, err)
	}
	d.book.tidied()
	every := d.w.story.tidy
	if d.w.healed > 0 {
		every = tidyEvery
	}
	d.after(every, d.tidy)
}

// tidied checks what retention has removed: what is beyond the bounds, from the
// beginning of the log on, and nothing else.
func (b *simBook) tidied() {
	b.clockSet = false // it was noted
	keep, keepFor := b.d.w.story.keep, b.d.w.story.keepFor
	if keep == 0 && keepFor == 0 {
		return
	}
	head := int64(len(b.log))
	for b.expired(b.gone) {
		b.gone++
		if b.gone > head {
			b.fail("event log: not even its head, %d, can be read after", head)
		}
	}
	many, old, may := int64(0), b.was, b.was
	if keep > 0 {
		many = max(0, head-keep)
	}
	aged := func(seq int64) bool {
		return keepFor > 0 && b.log[seq].Time.Before(b.d.stamp().Wall.Add(-keepFor))
	}
	for old < head && aged(old) {
		old++
	}
	for may < head && (may < many || aged(may)) {
		may++
	}
	if b.gone < max(many, old) || b.gone > max(may, many) {
		b.fail("event log: pruned up to %d of %d, where %d are too many and %d too old", b.gone, head, many, old)
	}
	if b.gone > b.was {
		b.d.w.fault("pruned")
		b.d.w.tracef("%s: its log is pruned up to %d", b.d, b.gone)
	}
	b.was = b.gone
	b.checkLog("after it was pruned")
}

// expired reports whether what follows a place in the log is no longer there.
func (b *simBook) expired(seq int64) bool {
	_, _, err := b.d.journal.Read(seq, journal.Filter{}, 1)
	if err != nil && !errors.Is(err, &protocol.Error{Code: protocol.CodeCursorExpired}) {
		b.fail("the event log cannot be read after %d: %v", seq, err)
	}
	return err != nil
}

// kept is the first place in the log that a reader can go on from.
func (b *simBook) kept() int64 {
	if keep := b.d.w.story.keep; keep > 0 {
		return max(b.gone, int64(len(b.log))-keep)
	}
	return b.gone
}

// checkLog reads all that is left of the log: it is what was written.
func (b *simBook) checkLog(when string) {
	events, _, err := b.d.journal.Read(b.gone, journal.Filter{}, 10_000)
	if err != nil {
		b.fail("the event log cannot be read %s: %v", when, err)
	}
	if int64(len(events)) != int64(len(b.log))-b.gone {
		b.fail("event log: %d events %s, and %d were written after %d", len(events), when, len(b.log), b.gone)
	}
	for i, e := range events {
		if was := b.log[b.gone+int64(i)]; !simSame(&was, &e) {
			b.fail("event log: event %d was %s and is %s %s", was.Seq, was.Type, e.Type, when)
		}
	}
	if b.gone > 0 && !b.expired(b.gone-1) {
		b.fail("event log: what follows %d is pruned, and was told again %s", b.gone-1, when)
	}
}

// ends is the end of a stream that cannot go on: the app comes back with the
// cursor that it has.
func (a *simApp) ends(from int64, err error) {
	w, b := a.d.w, &a.d.book
	if errors.Is(err, context.Canceled) {
		return // there is nothing more
	}
	if at := simSeq(a.sub.Cursor()); at != from {
		w.fail("%s: its stream ends after %d, and its cursor is %d", a, from, at)
	}
	switch {
	case errors.Is(err, ErrLagged):
		if behind := int64(len(b.log)) - from; behind <= a.d.sb.lagLimit {
			w.fail("%s: is told to lag behind by %d events", a, behind)
		}
		w.fault("lagged")
	case errors.Is(err, &protocol.Error{Code: protocol.CodeCursorExpired}):
		if from >= b.gone {
			w.fail("%s: cannot read on after %d: %v", a, from, err)
		}
		w.fault("pruned before it was read")
	default:
		w.fail("%s: cannot read on: %v", a, err)
	}
	w.tracef("%s: its stream ends at %d: %v", a, from, err)
	a.leave(w.between(0, 100*time.Millisecond))
}

// stall lets the app not read for a while; its stream stays open.
func (a *simApp) stall(long time.Duration) {
	if a.sub == nil || a.reading {
		return
	}
	a.d.w.tracef("%s: does not read for %v", a, long)
	a.readSoon(long, nil)
}
