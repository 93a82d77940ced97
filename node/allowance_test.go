package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// pair is what a hostile peer sends: an Invite, and its Cancel.
func (w *workbench) pair(from protocol.PeerID) protocol.ID {
	id := protocol.NewID()
	w.sb.frame(from, w.session, protocol.Invite{ID: id, App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute})
	w.sb.frame(from, w.session, protocol.Cancel{ID: id, Reason: protocol.ReasonCanceled})
	return id
}

// rows is how many invitations of a peer the history has.
func (w *workbench) rows(t *testing.T, from protocol.PeerID) (n int) {
	t.Helper()
	if err := w.do(func(*turn) {}); err != nil {
		t.Fatal(err)
	}
	before := ""
	for {
		page, next, err := w.List(t.Context(), query(from, before))
		if err != nil {
			t.Fatal(err)
		}
		if n += len(page); next == "" {
			return n
		}
		before = next
	}
}

func (w *workbench) connect(p protocol.PeerID) {
	w.sb.sessionUp(p, w.session)
	w.sb.current(p, w.session, invitation.PathLAN)
}

// TestUnansweredFillNothing: a peer that invites and cancels without end fills
// its allowance and no more; then it is turned away as busy, without a row, an
// event, or anything in memory. Others are not affected, and time lets it in
// again, one at a time.
func TestUnansweredFillNothing(t *testing.T) {
	w := newWorkbench(t)
	w.connect(them)
	const stranger = protocol.PeerID("12D3KooWstranger")
	for range 2 * protocol.MaxUnanswered {
		w.pair(them)
	}
	if n := w.rows(t, them); n != protocol.MaxUnanswered {
		t.Errorf("%d rows, the bound is %d", n, protocol.MaxUnanswered)
	}
	head := w.journal.Head()
	for len(w.session.sent) > 0 {
		<-w.session.sent
	}
	w.pair(them)
	if m, ok := w.sent(t).(protocol.Refuse); !ok || m.Reason != protocol.ReasonBusy {
		t.Errorf("over the bound: %#v", m)
	}
	if n := w.rows(t, them); n != protocol.MaxUnanswered || w.journal.Head() != head {
		t.Errorf("turned away, and yet %d rows and the head %s", n, w.journal.Head())
	}
	var entries int
	if err := w.do(func(t *turn) { entries = len(t.sb.entries) }); err != nil || entries != 0 {
		t.Errorf("%d entries in memory (%v)", entries, err)
	}
	w.connect(stranger)
	w.pair(stranger)
	if n := w.rows(t, stranger); n != 1 {
		t.Errorf("another peer has %d rows", n)
	}
	if err := w.do(func(t *turn) {
		a := t.sb.allowances[them]
		a.at = a.at.Add(-2 * protocol.UnansweredEvery)
		t.sb.allowances[them] = a
	}); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		w.pair(them)
	}
	if n := w.rows(t, them); n != protocol.MaxUnanswered+2 {
		t.Errorf("after the time of two more, %d rows", n)
	}
}

// TestAnsweredCostNothing: who is answered can ring as often as it likes, and
// is not turned away for what went unanswered before.
func TestAnsweredCostNothing(t *testing.T) {
	for _, v := range []VerbName{VerbAccept, VerbRefuse} {
		t.Run(string(v), func(t *testing.T) {
			w := newWorkbench(t)
			w.connect(them)
			if err := w.do(func(t *turn) { t.sb.apps[DefaultApp]++ }); err != nil {
				t.Fatal(err)
			}
			for range protocol.MaxUnanswered - 1 {
				w.pair(them)
			}
			answer := func() {
				t.Helper()
				id := protocol.NewID()
				w.sb.frame(them, w.session, protocol.Invite{ID: id, App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute})
				if _, err := w.Do(t.Context(), id, Verb{Name: v}, Idempotency{}); err != nil {
					t.Fatal(err)
				}
				w.sb.frame(them, w.session, protocol.Done{ID: id, Outcome: protocol.OutcomeCanceled, Reason: protocol.ReasonCanceled})
			}
			for range 5 {
				answer()
			}
			for range 5 {
				w.pair(them)
			}
			// An accepted one fills the allowance, a refused one what it had cost.
			want := protocol.MaxUnanswered + 5
			if v == VerbAccept {
				want += 4
			}
			if n := w.rows(t, them); n != want {
				t.Errorf("%d rows, want %d", n, want)
			}
		})
	}
}

// TestFailedCommitSpendsNothing: what was not journalled was not let in.
func TestFailedCommitSpendsNothing(t *testing.T) {
	w := newWorkbench(t)
	w.connect(them)
	w.failing(t, func(turn *turn) {
		inv := protocol.Invite{ID: protocol.NewID(), App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute}
		if err := turn.receive(them, w.session, inv); err != nil {
			t.Error(err)
		}
	})
	var left int
	if err := w.do(func(t *turn) { left = len(t.sb.allowances) }); err != nil || left != 0 {
		t.Errorf("%d peers have spent something (%v)", left, err)
	}
}

// TestAllowancesAreBounded: identities cost nothing, and so must what is
// remembered of them.
func TestAllowancesAreBounded(t *testing.T) {
	as := allowances{}
	now := protocol.Instant(time.Hour)
	for i := range 3 * maxAllowances {
		if !as.spend(protocol.PeerID(fmt.Sprint(i)), now) {
			t.Fatal("a new peer is turned away")
		}
		if len(as) > maxAllowances {
			t.Fatalf("%d peers are remembered", len(as))
		}
	}
	now = now.Add(protocol.UnansweredEvery)
	as.spend("late", now)
	if len(as) != 1 {
		t.Errorf("%d peers are remembered that have nothing spent", len(as))
	}
}

// TestManyUnansweredAreTidied: the journal is pruned when much came in, not
// only each hour.
func TestManyUnansweredAreTidied(t *testing.T) {
	w := newWorkbench(t)
	w.connect(them)
	if err := w.do(func(t *turn) { t.sb.unanswered = tidyAfter - 2 }); err != nil {
		t.Fatal(err)
	}
	w.pair(them)
	w.rows(t, them)
	select {
	case <-w.sb.untidy:
		t.Error("too early")
	default:
	}
	w.pair(them)
	select {
	case <-w.sb.untidy:
	case <-time.After(patience):
		t.Error("nobody is told to prune")
	}
}

// TestCallsAreBounded: what goes out is bounded too, and says so.
func TestCallsAreBounded(t *testing.T) {
	w := newWorkbench(t)
	if err := w.do(func(t *turn) { t.sb.locals += maxLive }); err != nil {
		t.Fatal(err)
	}
	const callee = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	_, err := w.Create(t.Context(), CreateRequest{Callee: callee}, Idempotency{})
	if !isCode(err, protocol.CodeTooMany) {
		t.Errorf("over the bound: %v", err)
	}
}

func isCode(err error, code protocol.Code) bool { return errors.Is(err, &protocol.Error{Code: code}) }

func query(peer protocol.PeerID, before string) journal.Query {
	return journal.Query{Peer: peer, Limit: 500, Before: before}
}
