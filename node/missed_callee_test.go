package node

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func missedOf(ids ...protocol.ID) protocol.Missed {
	m := protocol.Missed{ID: ids[0], App: DefaultApp, Why: protocol.WhyPeerOffline, Count: len(ids), LastAgo: time.Minute, FirstAgo: time.Hour}
	copy(m.Earlier[:], ids[1:])
	return m
}

// tell brings a Missed and returns whether it was answered.
func (w *workbench) tell(t *testing.T, from protocol.PeerID, m protocol.Missed) (taken bool) {
	t.Helper()
	w.sb.frame(from, w.session, m)
	if err := w.do(func(*turn) {}); err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case s := <-w.session.sent:
			if got, ok := s.(protocol.MissedTaken); ok && got.ID == m.ID {
				taken = true
			}
		default:
			return taken
		}
	}
}

// told are the events about missed calls in the log.
func (w *workbench) told(t *testing.T) (told []invitation.View) {
	t.Helper()
	events, _, err := w.journal.Read(0, journal.Filter{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Type == string(invitation.RemoteMissed) {
			told = append(told, e.View)
		} else if e.View.Kind == invitation.KindRemote && e.View.State == invitation.Missed {
			t.Errorf("%s about a missed call", e.Type)
		}
	}
	return told
}

// TestMissedIsToldOnce: an app hears of each call once, however its caller
// groups and repeats them.
func TestMissedIsToldOnce(t *testing.T) {
	w := newWorkbench(t)
	one, two, three := protocol.NewID(), protocol.NewID(), protocol.NewID()
	for _, tt := range []struct {
		m    protocol.Missed
		told []int // the counts of all events so far
	}{
		{missedOf(two, one), []int{2}},
		{missedOf(two, one), []int{2}},
		{missedOf(three, two, one), []int{2, 1}},
		{missedOf(three), []int{2, 1}},
	} {
		if !w.tell(t, them, tt.m) {
			t.Fatalf("%d calls were not taken", tt.m.Count)
		}
		told := w.told(t)
		if len(told) != len(tt.told) {
			t.Fatalf("%d events, want %v", len(told), tt.told)
		}
		for i, v := range told {
			if v.MissedCount != tt.told[i] || v.State != invitation.Missed || v.Caller != them || v.Content != "" {
				t.Errorf("event %d: %+v", i, v)
			}
		}
	}
	v := w.told(t)[0]
	if first := v.EndedAt.Sub(v.MissedFirst); v.EndedAt.Sub(v.MissedAt) != time.Minute || first != time.Hour {
		t.Errorf("the times are %v and %v", v.MissedFirst, v.MissedAt)
	}
	// What the Invite brings late, never rings.
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
	w.sb.frame(them, w.session, protocol.Invite{ID: two, App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute})
	if d, ok := w.sent(t).(protocol.Done); !ok || d.Outcome != protocol.OutcomeFailure {
		t.Errorf("a late Invite is answered %+v", d)
	}
}

// TestMissedOfWhatIsKnown: what rang here or was held is not told again, what
// is live is not taken, and nobody tells of another's invitation.
func TestMissedOfWhatIsKnown(t *testing.T) {
	w := newWorkbench(t)
	rang, live := protocol.NewID(), protocol.NewID()
	invite := func(id protocol.ID) {
		w.sb.frame(them, w.session, protocol.Invite{ID: id, App: DefaultApp, ReachLeft: time.Minute, Ring: time.Minute})
	}
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
	if err := w.do(func(t *turn) { t.sb.apps[DefaultApp] = 1 }); err != nil {
		t.Fatal(err)
	}
	invite(rang)
	w.sb.frame(them, w.session, protocol.Cancel{ID: rang, Reason: protocol.ReasonCanceled})
	invite(live)
	if !w.tell(t, them, missedOf(rang)) || len(w.told(t)) != 0 {
		t.Error("what rang is told as missed")
	}
	if w.tell(t, them, missedOf(live)) || w.tell(t, them, missedOf(protocol.NewID(), live)) || len(w.told(t)) != 0 {
		t.Error("what is live is taken for missed")
	}
	if w.tell(t, "12D3KooWother", missedOf(rang)) || w.tell(t, "12D3KooWother", missedOf(protocol.NewID(), rang)) || len(w.told(t)) != 0 {
		t.Error("a stranger tells of another's call")
	}
	own := w.create(t)
	if w.tell(t, them, missedOf(own)) {
		t.Error("a call from here is taken for one that came")
	}
	// One that rang and one that did not, in one notice.
	if !w.tell(t, them, missedOf(rang, protocol.NewID())) {
		t.Error("not taken")
	}
	if told := w.told(t); len(told) != 1 || told[0].MissedCount != 1 || told[0].ID == rang {
		t.Errorf("told %+v", told)
	}
}

// TestMissedIsBounded: neither one peer nor all together fill the history; what
// is over the bound is taken, so that it is not repeated.
func TestMissedIsBounded(t *testing.T) {
	w := newWorkbench(t)
	for i := range protocol.MaxMissedADay + 3 {
		if !w.tell(t, them, missedOf(protocol.NewID())) {
			t.Fatalf("number %d was not taken", i)
		}
	}
	if n := len(w.told(t)); n != protocol.MaxMissedADay {
		t.Errorf("%d of one peer", n)
	}
	// Many in one turn count too.
	if err := w.do(func(t *turn) {
		for range protocol.MaxMissedADay + 3 {
			t.aboutMissed("12D3KooWnext", w.session, missedOf(protocol.NewID()))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.told(t)); n != 2*protocol.MaxMissedADay {
		t.Errorf("%d of two peers", n)
	}
	if err := w.do(func(t *turn) {
		for i := range protocol.MaxMissedADayAll {
			t.aboutMissed(them+protocol.PeerID(rune('a'+i%26))+protocol.PeerID(rune('a'+i/26)), w.session, missedOf(protocol.NewID()))
		}
	}); err != nil {
		t.Fatal(err)
	}
	if n := len(w.told(t)); n != protocol.MaxMissedADayAll {
		t.Errorf("%d of all peers", n)
	}
}

// TestMissedWhileLoggedOut is not taken: the caller tells again.
func TestMissedWhileLoggedOut(t *testing.T) {
	w := newWorkbench(t)
	m := missedOf(protocol.NewID())
	set := func(online bool) {
		if err := w.do(func(t *turn) { t.sb.online = online }); err != nil {
			t.Fatal(err)
		}
	}
	set(false)
	if w.tell(t, them, m) || len(w.told(t)) != 0 {
		t.Error("taken while logged out")
	}
	set(true)
	if !w.tell(t, them, m) || len(w.told(t)) != 1 {
		t.Error("not taken later")
	}
}

// TestMissedFailsWithItsCommit: what was not journalled is not taken.
func TestMissedFailsWithItsCommit(t *testing.T) {
	w := newWorkbench(t)
	m := missedOf(protocol.NewID())
	w.failing(t, func(t *turn) { t.aboutMissed(them, w.session, m) })
	if len(w.session.sent) > 0 || len(w.told(t)) != 0 {
		t.Error("taken without a commit")
	}
	if !w.tell(t, them, m) || len(w.told(t)) != 1 {
		t.Error("not taken later")
	}
}
