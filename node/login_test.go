package node

import (
	"context"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// later is a clock that is ahead of another.
type later struct {
	Clock
	by time.Duration
}

func (c later) Now() protocol.Instant { return c.Clock.Now().Add(c.by) }
func (c later) Stamp() invitation.Stamp {
	s := c.Clock.Stamp()
	s.Clock = s.Clock.Add(c.by)
	return s
}

// bid is an invitation from them that was accepted here and is not confirmed.
func (w *workbench) bid(t *testing.T) protocol.ID {
	t.Helper()
	w.connect(them)
	if err := w.do(func(t *turn) { t.sb.apps[DefaultApp]++ }); err != nil {
		t.Fatal(err)
	}
	id := protocol.NewID()
	w.sb.frame(them, w.session, protocol.Invite{ID: id, App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute})
	if _, err := w.Do(t.Context(), id, Verb{Name: VerbAccept}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestLoggedInAgainDuringABid: who logs out with a bid under way and in again
// has not left: the bid waits on for as long as any other, and nobody waits for
// it any more in order to leave.
func TestLoggedInAgainDuringABid(t *testing.T) {
	w := newWorkbench(t)
	id := w.bid(t)
	left := make(chan struct{})
	if err := w.do(func(t *turn) { t.logOut(func() { close(left) }) }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-left:
		t.Fatal("it left with a bid under way")
	default:
	}
	w.failing(t, func(t *turn) { t.logIn() })
	select {
	case <-left:
		t.Fatal("a login that failed ended the wait for the bid")
	default:
	}
	if err := w.do(func(t *turn) { t.logIn() }); err != nil {
		t.Fatal(err)
	}
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("it still waits to leave")
	}
	if err := w.do(func(t *turn) { t.sb.clock = later{t.sb.clock, protocol.ConfirmTime + 2*time.Second} }); err != nil {
		t.Fatal(err)
	}
	w.sb.frame(them, w.session, protocol.Confirm{ID: id})
	if err := w.do(func(*turn) {}); err != nil {
		t.Fatal(err)
	}
	if v, err := w.Get(context.Background(), id); err != nil || v.State != invitation.Accepted {
		t.Errorf("confirmed after the time of a logout: %s %s (%v)", v.State, v.Failure, err)
	}
}
