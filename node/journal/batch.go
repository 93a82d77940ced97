package journal

import (
	"context"
	"strconv"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Batch is what one transaction writes. The zero value is empty. Forms are
// written first and discards last, whatever the order of the calls. Content
// and response are kept with the form, never with the event.
type Batch struct {
	// Events are what Emit was given, in order. A successful Commit fills in
	// Seq and Cursor.
	Events []Event

	forms      []invitation.Form
	keys       []keyRow
	tombstones []tombstoneRow
	settings   [][2]string
	discards   []protocol.ID
	notices    []noticeRow
	steps      []stepsRow
}

type keyRow struct {
	key, fingerprint string
	id               protocol.ID
	status           int
}

type stepsRow struct {
	id    protocol.ID
	piece string
}

type tombstoneRow struct {
	peer protocol.PeerID
	id   protocol.ID
}

// Put inserts the form, or replaces what is stored under its id.
func (b *Batch) Put(f invitation.Form) {
	for i := range b.forms {
		if b.forms[i].ID == f.ID {
			b.forms[i] = f
			return
		}
	}
	b.forms = append(b.forms, f)
}

// Emit appends an event to the log and returns its index in b.Events.
func (b *Batch) Emit(e Event) int {
	b.Events = append(b.Events, e)
	return len(b.Events) - 1
}

// Key remembers for 24 h how the request with that idempotency key was answered.
func (b *Batch) Key(key, fingerprint string, id protocol.ID, status int) {
	b.keys = append(b.keys, keyRow{key, fingerprint, id, status})
}

// Tombstone remembers that peer canceled an invitation that never came. Of
// each peer the last protocol.MaxTombstones are kept.
func (b *Batch) Tombstone(peer protocol.PeerID, id protocol.ID) {
	b.tombstones = append(b.tombstones, tombstoneRow{peer, id})
}

// Discard takes the invitation out of Get and List and forgets its content and
// response, in its events too. Load still finds it, so that its id goes on
// answering for it.
func (b *Batch) Discard(id protocol.ID) { b.discards = append(b.discards, id) }

// Steps adds a piece to what is kept of the way of an invitation, whose form is
// stored. It is forgotten with content and response.
func (b *Batch) Steps(id protocol.ID, piece string) {
	b.steps = append(b.steps, stepsRow{id, piece})
}

// Setting stores a value under a name.
func (b *Batch) Setting(name, value string) {
	b.settings = append(b.settings, [2]string{name, value})
}

// Empty reports whether a Commit of b would write nothing.
func (b *Batch) Empty() bool {
	return len(b.Events)+len(b.forms)+len(b.keys)+len(b.tombstones)+len(b.settings)+len(b.discards)+len(b.notices)+len(b.steps) == 0
}

// Commit writes b in one transaction: when it returns nil, all of it survives
// the death of the process from now on and a power cut from a second later. On
// an error nothing has changed, and b may be committed again.
func (j *Journal) Commit(b *Batch) error {
	if b.Empty() {
		return nil
	}
	w, err := j.take()
	if err != nil {
		return err
	}
	defer func() { j.writer <- w }()
	now := j.stamp()
	j.mu.RLock()
	head := j.head
	known := j.recent.of(b.forms)
	j.mu.RUnlock()

	events := make([]Event, len(b.Events))
	for i, e := range b.Events {
		events[i] = plainEvent(e)
		events[i].Seq = head + int64(i) + 1
		events[i].Cursor = j.cursor(events[i].Seq)
	}
	ctx := context.Background()
	ahead, note := j.noteAhead(now)
	err = w.transact(ctx, func() error {
		if note {
			if _, err := w.setting.ExecContext(ctx, settingAhead, ahead.String()); err != nil {
				return err
			}
		}
		return w.write(ctx, b, events, known, now, j.steady(now))
	})
	if err != nil {
		return explain(j.path, err)
	}
	if note {
		j.ahead = ahead
	}
	j.buried.Add(int64(len(b.tombstones)))
	j.publish(b, events, known)
	j.syncer.mark()
	return nil
}

// publish shows readers what was committed.
func (j *Journal) publish(b *Batch, events []Event, known []*present) {
	for i := range events {
		b.Events[i].Seq, b.Events[i].Cursor = events[i].Seq, events[i].Cursor
		events[i].View.Content, events[i].View.Response = "", ""
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.head += int64(len(events))
	j.tail.append(events)
	for i := range b.forms {
		j.recent.put(&b.forms[i], known[i] != nil && known[i].forgotten)
	}
	for _, id := range b.discards {
		j.recent.forget(id)
	}
}

func (j *Journal) cursor(seq int64) string {
	return j.epoch + ":" + strconv.FormatInt(seq, 10)
}
