package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// newNoticeBench is a workbench that keeps notices, and whose clock a test moves.
func newNoticeBench(t *testing.T) *noticeBench {
	t.Helper()
	w := &noticeBench{workbench: newWorkbench(t), dials: make(chan protocol.PeerID, 64)}
	w.must(t, func(t *turn) { t.sb.notices.keep = protocol.KeepMissed })
	return w
}

type noticeBench struct {
	*workbench
	dials chan protocol.PeerID
	by    time.Duration
}

func (w *noticeBench) must(t *testing.T, f func(t *turn)) {
	t.Helper()
	if err := w.do(f); err != nil {
		t.Fatal(err)
	}
}

// Dial counts, and finds nobody.
func (w *noticeBench) Dial(_ context.Context, p protocol.PeerID, _ func(invitation.Progress)) error {
	w.dials <- p
	return errors.New("nobody there")
}

// pass moves the clock and lets what is due fire.
func (w *noticeBench) pass(t *testing.T, d time.Duration) {
	t.Helper()
	w.by += d
	w.must(t, func(t *turn) { t.sb.clock = ahead{NewClock(), w.by} })
	w.must(t, func(*turn) {})
}

// miss has a call to a peer end before it rang.
func (w *noticeBench) miss(t *testing.T, callee protocol.PeerID) protocol.ID {
	t.Helper()
	id := protocol.NewID()
	w.must(t, func(t *turn) { t.miss(id, callee) })
	return id
}

func (t *turn) miss(id protocol.ID, callee protocol.PeerID) {
	f := invitation.Form{ID: id, Caller: me, Callee: callee, App: DefaultApp, ChannelID: "room", Reach: 30 * time.Second, Ring: time.Minute}
	m, out := invitation.NewLocal(invitation.Env{Now: t.now, Online: true}, f)
	e := t.begin(m, out)
	t.step(e, invitation.Send{})
	t.step(e, invitation.Cancel{Reason: protocol.ReasonCanceled})
}

// kept are the notices in the journal, which must be those in memory.
func (w *noticeBench) kept(t *testing.T) []journal.Notice {
	t.Helper()
	w.must(t, func(*turn) {}) // what was posted is done
	all, err := w.journal.Notices()
	if err != nil {
		t.Fatal(err)
	}
	w.must(t, func(tt *turn) {
		n := 0
		for _, a := range tt.sb.notices.peers {
			for app, have := range a.byApp {
				i := slices.IndexFunc(all, func(n journal.Notice) bool { return n.Peer == a.id && n.App == app })
				if i < 0 || !slices.Equal(all[i].IDs, have.IDs) || all[i].Count != have.Count {
					t.Errorf("in memory %+v, in the journal %+v", have, all)
				}
				n++
			}
		}
		if n != len(all) || tt.sb.notices.any.Load() != (n > 0) {
			t.Errorf("%d in memory, %d in the journal", n, len(all))
		}
	})
	return all
}

func (w *noticeBench) connect() {
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
}

// TestNoticeIsToldUntilTaken: calls to one callee become one notice, which is
// said on every session until the callee has taken just that one.
func TestNoticeIsToldUntilTaken(t *testing.T) {
	w := newNoticeBench(t)
	first, second := w.miss(t, them), w.miss(t, them)
	w.connect()
	m, ok := w.sent(t).(protocol.Missed)
	if !ok || m.ID != second || m.Earlier[0] != first || m.Count != 2 || m.ChannelID != "room" || m.Why != protocol.WhyCanceled {
		t.Fatalf("said %+v", m)
	}
	w.sb.frame(them, w.session, protocol.MissedTaken{ID: first})
	w.sb.frame("12D3KooWother", w.session, protocol.MissedTaken{ID: second})
	if n := w.kept(t); len(n) != 1 {
		t.Fatalf("taken by the wrong word: %+v", n)
	}
	// A further call, and only what stands for all three is the word.
	third := protocol.NewID()
	w.must(t, func(t *turn) {
		t.sb.peer(them).session = nil
		t.miss(third, them)
	})
	w.sb.frame(them, w.session, protocol.MissedTaken{ID: second})
	if n := w.kept(t); len(n) != 1 || n[0].Count != 3 {
		t.Fatalf("after a late word: %+v", n)
	}
	w.connect()
	for m.ID != third {
		m, _ = w.sent(t).(protocol.Missed)
	}
	w.sb.frame(them, w.session, protocol.MissedTaken{ID: third})
	if n := w.kept(t); len(n) != 0 {
		t.Errorf("after the word: %+v", n)
	}
}

// TestNoticeIsLookedAfterSparingly: first after 10 minutes, then at doubling
// distances up to 6 h, until it has been kept long enough.
func TestNoticeIsLookedAfterSparingly(t *testing.T) {
	w := newNoticeBench(t)
	w.miss(t, them)
	w.must(t, func(t *turn) { t.sb.dialer = w })
	var passed time.Duration
	for gap := 10 * time.Minute; ; gap = min(2*gap, 6*time.Hour) {
		if passed+gap >= protocol.KeepMissed {
			break
		}
		passed += gap
		w.pass(t, gap-time.Second)
		if len(w.dials) > 0 {
			t.Fatalf("a dial %v before its time", time.Second)
		}
		w.pass(t, time.Second)
		select {
		case <-w.dials:
		case <-time.After(patience):
			t.Fatalf("no dial after %v", gap)
		}
		w.sb.dials.Wait() // the next attempt waits for this one's end
	}
	if n := w.kept(t); len(n) != 1 {
		t.Fatalf("dropped after %v", passed)
	}
	w.pass(t, protocol.KeepMissed-passed)
	if n := w.kept(t); len(n) != 0 || len(w.dials) > 0 {
		t.Errorf("kept too long: %+v, %d dials", n, len(w.dials))
	}
}

// TestContactTells: who comes by is told at once, and nothing is done for who
// has missed nothing.
func TestContactTells(t *testing.T) {
	w := newNoticeBench(t)
	w.must(t, func(t *turn) { t.sb.dialer = w })
	w.sb.peerConnected(them)
	w.must(t, func(t *turn) {
		t.sb.dialer = nil
		t.miss(protocol.NewID(), them)
	})
	if len(w.dials) > 0 {
		t.Error("dialled for nothing")
	}
	w.must(t, func(t *turn) { t.sb.dialer = w })
	w.sb.peerConnected(them)
	select {
	case <-w.dials:
	case <-time.After(patience):
		t.Fatal("who came by was not dialled")
	}
	w.must(t, func(t *turn) {
		if p := t.sb.peers[them]; p != nil && p.needs > 0 {
			panic("a notice keeps a session alive")
		}
	})
}

// TestNoticesAreBounded: the oldest goes first.
func TestNoticesAreBounded(t *testing.T) {
	w := newNoticeBench(t)
	name := func(i int) protocol.PeerID {
		return them + protocol.PeerID(rune('A'+i/26)) + protocol.PeerID(rune('a'+i%26))
	}
	for i := range protocol.MaxNotices + 2 {
		w.miss(t, name(i))
	}
	all := w.kept(t)
	if len(all) != protocol.MaxNotices {
		t.Errorf("%d notices", len(all))
	}
	for _, n := range all {
		if n.Peer == name(0) || n.Peer == name(1) {
			t.Errorf("the oldest is kept: %s", n.Peer)
		}
	}
	for range protocol.MaxEarlier + 4 {
		w.miss(t, name(9))
	}
	for _, n := range w.kept(t) {
		if n.Peer == name(9) && (len(n.IDs) != 1+protocol.MaxEarlier || n.Count != protocol.MaxEarlier+5) {
			t.Errorf("%d ids for %d calls", len(n.IDs), n.Count)
		}
	}
}

// TestNoticeFailsWithItsCommit: nothing is kept of what was not journalled.
func TestNoticeFailsWithItsCommit(t *testing.T) {
	w := newNoticeBench(t)
	w.failing(t, func(t *turn) { t.miss(protocol.NewID(), them) })
	if n := w.kept(t); len(n) != 0 {
		t.Errorf("kept %+v", n)
	}
	id := w.miss(t, them)
	w.failing(t, func(t *turn) { t.miss(protocol.NewID(), them) })
	w.failing(t, func(t *turn) { t.aboutMissed(them, w.session, protocol.MissedTaken{ID: id}) })
	if n := w.kept(t); len(n) != 1 || n[0].Count != 1 || n[0].IDs[0] != id {
		t.Errorf("kept %+v", n)
	}
}

// TestNoticesCanBeOff: with nothing to be kept, old ones go too.
func TestNoticesCanBeOff(t *testing.T) {
	w := newNoticeBench(t)
	w.miss(t, them)
	w.must(t, func(t *turn) {
		t.sb.notices.keep = 0
		t.sb.notices.peers[them].timer.fire(t)
		t.miss(protocol.NewID(), them)
	})
	if n := w.kept(t); len(n) != 0 {
		t.Errorf("kept %+v", n)
	}
}
