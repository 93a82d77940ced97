package journal

import (
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const (
	// tailLength is how many of the last events are also in memory, about 3 MB.
	// Every subscriber that keeps up reads there.
	tailLength = 4096
	// recentLength and recentBytes bound the invitations whose payload is also
	// in memory: those of the calls of the hour.
	recentLength = 1024
	recentBytes  = 2 << 20
)

// tail is the end of the event log in memory: contiguous, oldest first,
// without content and response.
type tail struct{ events []Event }

func (t *tail) append(events []Event) {
	t.events = append(t.events, events...)
	if n := len(t.events); n > tailLength+tailLength/4 {
		t.events = append(make([]Event, 0, tailLength+tailLength/2), t.events[n-tailLength:]...)
	}
}

// after returns what follows seq, and whether that is all of it.
func (t *tail) after(seq int64) ([]Event, bool) {
	if len(t.events) == 0 || seq < t.events[0].Seq-1 {
		return nil, false
	}
	return t.events[min(seq-t.events[0].Seq+1, int64(len(t.events))):], true
}

// present is what the event log needs to know of an invitation as it is now.
type present struct {
	content, response string
	over              bool
	forgotten         bool // content and response are gone for good
}

// recent keeps the present of the invitations that were put last. It is
// written only with what was committed.
type recent struct {
	byID  map[protocol.ID]*present
	queue []protocol.ID // in order of arrival
	bytes int
}

// of returns the present of each form's invitation, nil where it is not in
// memory.
func (r *recent) of(forms []invitation.Form) []*present {
	known := make([]*present, len(forms))
	for i := range forms {
		known[i] = r.byID[forms[i].ID]
	}
	return known
}

// put takes in a form that was committed; forgotten says that its payload was
// not stored and is not to be had any more.
func (r *recent) put(f *invitation.Form, forgotten bool) {
	now := &present{content: f.Content, response: f.Response, over: f.Ended()}
	if forgotten {
		now = &present{over: true, forgotten: true}
	}
	old, ok := r.byID[f.ID]
	if !ok {
		if r.byID == nil {
			r.byID = make(map[protocol.ID]*present)
		}
		r.queue = append(r.queue, f.ID)
		old = &present{}
	}
	r.bytes += len(now.content) + len(now.response) - len(old.content) - len(old.response)
	r.byID[f.ID] = now
	for len(r.queue) > 1 && (len(r.queue) > recentLength || r.bytes > recentBytes) {
		first := r.byID[r.queue[0]]
		r.bytes -= len(first.content) + len(first.response)
		delete(r.byID, r.queue[0])
		r.queue = r.queue[1:]
	}
}

// forget empties what is in memory of an invitation whose payload is gone.
func (r *recent) forget(id protocol.ID) {
	if old, ok := r.byID[id]; ok {
		r.bytes -= len(old.content) + len(old.response)
		r.byID[id] = &present{over: true, forgotten: true}
	}
}
