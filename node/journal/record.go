package journal

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// formRecord is invitation.Form as it is written. The fields must be the same
// in name, type and order, which the compiler checks at each conversion: a new
// field of Form needs a line here and no migration. Absent fields are zero.
// Content and response are kept in payloads.
type formRecord struct {
	Kind      invitation.Kind `json:"kind"`
	ID        protocol.ID     `json:"id"`
	Caller    protocol.PeerID `json:"caller"`
	Callee    protocol.PeerID `json:"callee"`
	App       string          `json:"app,omitempty"`
	ChannelID string          `json:"channel_id,omitempty"`
	Content   string          `json:"-"`
	Response  string          `json:"-"`
	Reach     time.Duration   `json:"reach_ns,omitempty"`
	Ring      time.Duration   `json:"ring_ns,omitempty"`
	Glare     protocol.Glare  `json:"glare,omitempty"`

	State     invitation.State    `json:"state"`
	Canceling bool                `json:"canceling,omitempty"`
	Reason    protocol.Reason     `json:"reason,omitempty"`
	Failure   protocol.Failure    `json:"failure,omitempty"`
	Progress  invitation.Progress `json:"progress,omitempty"`
	Path      invitation.Path     `json:"path,omitempty"`

	HandedOver bool `json:"handed_over,omitempty"`
	Heard      bool `json:"heard,omitempty"`
	Known      bool `json:"known,omitempty"`
	Owes       bool `json:"owes,omitempty"`
	Told       bool `json:"told,omitempty"`

	GlareWith  protocol.ID `json:"glare_with,omitzero"`
	Pair       protocol.ID `json:"pair,omitzero"`
	MergedWith protocol.ID `json:"merged_with,omitzero"`

	Deadline protocol.Instant `json:"deadline,omitempty"`

	CreatedAt  time.Time `json:"created_at,omitzero"`
	SentAt     time.Time `json:"sent_at,omitzero"`
	ReceivedAt time.Time `json:"received_at,omitzero"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	EndedAt    time.Time `json:"ended_at,omitzero"`

	MissedCount int          `json:"missed_count,omitempty"`
	MissedWhy   protocol.Why `json:"missed_why,omitempty"`
	MissedFirst time.Time    `json:"missed_first,omitzero"`
	MissedAt    time.Time    `json:"missed_at,omitzero"`
}

// row is what the record column of an invitation holds: the form, and the
// moment in which its deadline was written.
type row struct {
	Form  formRecord `json:"form"`
	Saved stamp      `json:"saved"`
}

type stamp struct {
	BootID string           `json:"boot_id"`
	Clock  protocol.Instant `json:"clock"`
	Wall   time.Time        `json:"wall"`
}

// viewRecord is what the view column of an event holds.
type viewRecord struct {
	Form      formRecord    `json:"form"`
	ExpiresAt time.Time     `json:"expires_at,omitzero"`
	Left      time.Duration `json:"left_ns,omitempty"`
}

func encodeForm(f invitation.Form, saved invitation.Stamp) (string, error) {
	saved.Wall = plain(saved.Wall)
	b, err := json.Marshal(row{Form: formRecord(f), Saved: stamp(saved)})
	return string(b), err
}

// decodeForm returns the form with its deadline on the clocks of now.
func decodeForm(record, content, response string, now invitation.Stamp) (invitation.Form, error) {
	var r row
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return invitation.Form{}, fmt.Errorf("a stored invitation cannot be read: %w", err)
	}
	f := invitation.Form(r.Form)
	f.Content, f.Response = content, response
	f.Rebase(invitation.Stamp(r.Saved), now)
	return f, nil
}

func encodeView(v invitation.View) (string, error) {
	if v.ID.IsZero() {
		return "", nil // a node event
	}
	b, err := json.Marshal(viewRecord{Form: formRecord(v.Form), ExpiresAt: v.ExpiresAt, Left: v.Left})
	return string(b), err
}

func decodeView(view string) (invitation.View, error) {
	if view == "" {
		return invitation.View{}, nil
	}
	var r viewRecord
	if err := json.Unmarshal([]byte(view), &r); err != nil {
		return invitation.View{}, fmt.Errorf("a stored event cannot be read: %w", err)
	}
	return invitation.View{Form: invitation.Form(r.Form), ExpiresAt: r.ExpiresAt, Left: r.Left}, nil
}

// plain is t as it comes back from the file, so that an event is the same from
// memory and from disk.
func plain(t time.Time) time.Time { return t.UTC().Round(0) }

func plainForm(f invitation.Form) invitation.Form {
	f.CreatedAt, f.SentAt, f.ReceivedAt = plain(f.CreatedAt), plain(f.SentAt), plain(f.ReceivedAt)
	f.AnsweredAt, f.EndedAt = plain(f.AnsweredAt), plain(f.EndedAt)
	f.MissedFirst, f.MissedAt = plain(f.MissedFirst), plain(f.MissedAt)
	return f
}

func plainEvent(e Event) Event {
	e.Time = plain(e.Time)
	e.View.Form = plainForm(e.View.Form)
	e.View.ExpiresAt = plain(e.View.ExpiresAt)
	return e
}

// millis is t for a column that orders or expires; 0 stands for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func fromNanos(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}
