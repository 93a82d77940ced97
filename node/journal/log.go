package journal

import (
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// Epoch returns the word in which the sequence numbers of the log are counted.
func (j *Journal) Epoch() string { return j.epoch }

// Head returns the cursor of the last event, or of sequence number 0.
func (j *Journal) Head() string {
	j.mu.RLock()
	defer j.mu.RUnlock()
	return j.cursor(j.head)
}

// ParseCursor returns the sequence number after which a reader with cursor s
// goes on. A cursor that cannot be resumed without a gap is a *protocol.Error
// with code cursor_expired and the head as its cursor.
func (j *Journal) ParseCursor(s string) (seq int64, err error) {
	j.mu.RLock()
	head, pruned := j.head, j.pruned
	j.mu.RUnlock()
	expired := func(why string) error { return j.expired(head, why) }
	epoch, number, ok := strings.Cut(s, ":")
	seq, err = strconv.ParseInt(number, 10, 64)
	switch {
	case !ok || err != nil || seq < 0 || number != strconv.FormatInt(seq, 10):
		return 0, expired("the cursor is not one that this daemon gives out")
	case epoch != j.epoch:
		return 0, expired("the cursor is from another event log, or from before this machine went down")
	case seq > head:
		return 0, expired("the cursor is ahead of the event log")
	case seq < max(pruned, head-j.keep):
		return 0, expired(notKept)
	}
	return seq, nil
}

const notKept = "the events after the cursor are no longer kept"

func (j *Journal) expired(head int64, why string) error {
	e := protocol.Errorf(protocol.CodeCursorExpired, "%s; open the stream without a cursor and go by the invitations in hello", why)
	e.Cursor = j.cursor(head)
	return e
}

// Filter chooses events. Events of the node itself pass every filter.
type Filter struct {
	Apps []string // none: all
}

func (f Filter) passes(e *Event) bool { return e.App == "" || f.Has(e.App) }

// Read returns at most limit events that pass f, strictly after the given
// sequence number and in order. last is how far the log was looked through, so
// that a reader whose filter is quiet gets on too; it is the head if fewer
// than limit came. Over, content and response are those of the invitation's
// present. Reading after what retention has removed is cursor_expired.
func (j *Journal) Read(after int64, f Filter, limit int) (events []Event, last int64, err error) {
	if limit < 1 {
		return nil, after, nil
	}
	j.mu.RLock()
	head := max(j.head, after)
	tail, ok := j.tail.after(after)
	now := make(map[protocol.ID]*present)
	for i := range tail {
		if len(events) == limit {
			break
		}
		if e := &tail[i]; f.passes(e) {
			events = append(events, *e)
			now[e.View.ID] = j.recent.byID[e.View.ID]
		}
	}
	j.mu.RUnlock()
	if ok {
		err = j.complete(events, now)
	} else {
		events, err = j.readStored(after, head, f, limit)
	}
	if err != nil {
		return nil, after, explain(j.path, err)
	}
	if err := j.stillKept(after); err != nil {
		return nil, after, err
	}
	if len(events) == limit {
		return events, events[limit-1].Seq, nil
	}
	return events, head, nil
}

// stillKept is asked after reading, so that a Prune at the same time cannot
// make a gap unseen.
func (j *Journal) stillKept(after int64) error {
	j.mu.RLock()
	head, pruned := j.head, j.pruned
	j.mu.RUnlock()
	if after < pruned {
		return j.expired(head, notKept)
	}
	return nil
}

// complete fills in the present of the events' invitations. What memory does
// not have of it is looked up.
func (j *Journal) complete(events []Event, now map[protocol.ID]*present) error {
	for i := range events {
		id := events[i].View.ID
		if id.IsZero() {
			continue
		}
		p := now[id]
		if p == nil {
			p = &present{}
			err := j.queries.present.QueryRow(id[:]).Scan(&p.content, &p.response, &p.over)
			if found, err := j.found(err); err != nil {
				return err
			} else if !found {
				p.over = true
			}
			now[id] = p
		}
		events[i].fill(p)
	}
	return nil
}

func (e *Event) fill(p *present) {
	e.View.Content, e.View.Response = p.content, p.response
	e.Over = p.over && !e.View.Ended()
}

func (j *Journal) readStored(after, head int64, f Filter, limit int) ([]Event, error) {
	var rows *sql.Rows
	var err error
	if len(f.Apps) == 0 {
		rows, err = j.queries.events.Query(after, head, limit)
	} else {
		rows, err = j.queries.eventsOf.Query(after, head, jsonList(f.Apps), limit)
	}
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var events []Event
	for rows.Next() {
		var e Event
		var at int64
		var view string
		var p present
		if err := rows.Scan(&e.Seq, &at, &e.Type, &e.App, &view, &e.State, &e.Cause, &p.content, &p.response, &p.over); err != nil {
			return nil, err
		}
		if e.View, err = decodeView(view); err != nil {
			return nil, err
		}
		e.Time, e.Cursor = fromNanos(at), j.cursor(e.Seq)
		if e.View != (invitation.View{}) {
			e.fill(&p)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// jsonList is how a list of words is bound to one parameter.
func jsonList(words []string) string {
	b, _ := json.Marshal(words) // strings always marshal
	return string(b)
}
