package protocol

import (
	"fmt"
	"time"

	"github.com/beckon-p2p/beckon/protocol/wirepb"
)

// Missed tells a callee of the invitations of one app that never rang there:
// ID is the last of them, Earlier are those before, as far as they are listed,
// the newest first, and zero where there are no more. ChannelID and Why are the
// last one's. LastAgo and FirstAgo are how long ago the last and the first one
// were sent. Nothing rings because of it.
type Missed struct {
	ID        ID
	App       string
	ChannelID string
	Why       Why
	Count     int
	LastAgo   time.Duration
	FirstAgo  time.Duration
	Earlier   [MaxEarlier]ID
}

// MissedTaken says that the callee keeps what the Missed of that ID told.
type MissedTaken struct{ ID ID }

// Invitation returns the id of the last invitation that was missed.
func (m Missed) Invitation() ID      { return m.ID }
func (m MissedTaken) Invitation() ID { return m.ID }

func (Missed) frame()      {}
func (MissedTaken) frame() {}

// IDs returns the ids that are listed, the newest first.
func (m Missed) IDs() []ID {
	ids := []ID{m.ID}
	for _, id := range m.Earlier {
		if id.IsZero() {
			break
		}
		ids = append(ids, id)
	}
	return ids
}

// Why is the word for why an invitation never rang. One from a newer peer is
// carried as it is.
type Why string

// The words of a caller's Missed, then those of a callee that had the
// invitation and no app to hand it to. Canceled is a word of both.
const (
	WhyPeerOffline    Why = "peer_offline"
	WhyPeerNoResponse Why = "peer_no_response"
	WhyCanceled       Why = "canceled"

	WhyNoApp             Why = "no_app"
	WhyLoggedOut         Why = "logged_out"
	WhyAnsweredElsewhere Why = "answered_elsewhere"
	WhyRefusedElsewhere  Why = "refused_elsewhere"
)

func (m Missed) toWire() *wirepb.Frame {
	w := &wirepb.Missed{
		Id: m.ID[:], App: m.App, ChannelId: m.ChannelID, Why: string(m.Why), Count: uint32(m.Count),
		LastAgoMs: toMillis(m.LastAgo), FirstAgoMs: toMillis(m.FirstAgo),
	}
	for _, id := range m.IDs()[1:] {
		w.Earlier = append(w.Earlier, id[:])
	}
	return &wirepb.Frame{Body: &wirepb.Frame_Missed{Missed: w}}
}

func (r *idReader) missed(w *wirepb.Missed) Missed {
	m := Missed{
		ID: r.read("missed.id", w.Id), App: w.App, ChannelID: w.ChannelId, Why: Why(w.Why), Count: int(w.Count),
		LastAgo: fromMillis(w.LastAgoMs), FirstAgo: fromMillis(w.FirstAgoMs),
	}
	if n := len(w.Earlier); n > MaxEarlier && r.err == nil {
		r.err = &FrameError{"missed.earlier", fmt.Sprintf("has %d ids; at most %d are allowed", n, MaxEarlier)}
		return m
	}
	for i, b := range w.Earlier {
		m.Earlier[i] = r.read("missed.earlier", b)
	}
	return m
}

// missed checks what a Missed says.
func (c *checker) missed(m Missed) {
	c.problem("app", appProblem(m.App))
	c.problem("channel_id", textProblem(m.ChannelID, MaxChannelID))
	c.problem("why", wordProblem(string(m.Why)))
	ids := m.IDs()
	if m.Count < len(ids) || m.Count > MaxMissedCount {
		c.problem("count", fmt.Sprintf("is %d; %d to %d are allowed", m.Count, len(ids), MaxMissedCount))
	}
	c.problem("last_ago_ms", agoProblem(m.LastAgo, 0))
	c.problem("first_ago_ms", agoProblem(m.FirstAgo, m.LastAgo.Truncate(time.Millisecond)))
	seen := map[ID]bool{}
	for _, id := range ids {
		if seen[id] {
			c.problem("earlier", "has an id twice")
		}
		seen[id] = true
	}
	for _, id := range m.Earlier[len(ids)-1:] {
		if !id.IsZero() {
			c.problem("earlier", "has a gap")
		}
	}
}

func agoProblem(d, least time.Duration) string {
	if d < least || d > MaxKeepMissed {
		return fmt.Sprintf("is %d ms; %d to %d are allowed", d.Milliseconds(), least.Milliseconds(), MaxKeepMissed.Milliseconds())
	}
	return ""
}
