package node

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crossing is a workbench with a session on which an own invitation was said,
// which would merge.
func crossing(t *testing.T, own protocol.ID) *workbench {
	t.Helper()
	w := newWorkbench(t)
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
	err := w.do(func(t *turn) {
		m, out := invitation.NewLocal(invitation.Env{Now: t.now, Online: true}, invitation.Form{
			ID: own, Caller: me, Callee: them, App: DefaultApp, Content: "own offer",
			Reach: 30 * time.Second, Ring: time.Minute, Glare: protocol.GlareMerge,
		})
		t.step(t.begin(m, out), invitation.Send{})
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := w.sent(t).(protocol.Invite); !ok || m.ID != own {
		t.Fatalf("said %#v, want the Invite", m)
	}
	return w
}

func invite(id protocol.ID) protocol.Invite {
	return protocol.Invite{ID: id, App: DefaultApp, Content: "their offer", ReachLeft: 30 * time.Second, Ring: time.Minute, Glare: protocol.GlareMerge}
}

func (w *workbench) form(t *testing.T, id protocol.ID) (f invitation.Form) {
	t.Helper()
	if err := w.do(func(t *turn) {
		if e, err := t.find(id); err == nil && e != nil {
			f = e.machine.Form()
		}
	}); err != nil {
		t.Fatal(err)
	}
	return f
}

var lower, higher = protocol.ID{0: 1, 15: 1}, protocol.ID{0: 1, 15: 2}

// TestGlarePairIsOneTransaction: if the journal fails, neither form of the pair
// has changed and nothing was said; if it works, both are journalled at once.
func TestGlarePairIsOneTransaction(t *testing.T) {
	w := crossing(t, higher)
	w.failing(t, func(t *turn) {
		if err := t.receive(them, w.session, invite(lower)); err != nil {
			t.batch.Setting("fail", err.Error())
		}
	})
	if f := w.form(t, higher); !f.Pair.IsZero() || !f.GlareWith.IsZero() {
		t.Errorf("after a failed commit the own form is %+v", f)
	}
	if f := w.form(t, lower); f.State != "" {
		t.Errorf("after a failed commit theirs is %+v", f)
	}
	w.sb.frame(them, w.session, invite(lower))
	for {
		m, ok := w.sent(t).(protocol.Accept)
		if !ok {
			continue // the own Invite, said again after the failure
		}
		if m.ID != lower || m.Response != "own offer" || m.Supersedes != higher {
			t.Errorf("bid %+v", m)
		}
		break
	}
	for id, with := range map[protocol.ID]protocol.ID{lower: higher, higher: lower} {
		f, found, err := w.journal.Load(id)
		if err != nil || !found || f.Pair != with || f.GlareWith != with {
			t.Errorf("journalled: %+v, %v", f, err)
		}
	}
}

// TestGlareSupersededNeverRings: an Invite that comes after its invitation gave
// way is answered by a tombstone, and what a bid names that is not the peer's to
// give way is left alone.
func TestGlareSupersededNeverRings(t *testing.T) {
	w := crossing(t, lower)
	w.sb.frame(them, w.session, protocol.Accept{ID: lower, Response: "their offer", Supersedes: higher})
	if m, ok := w.sent(t).(protocol.Confirm); !ok {
		t.Fatalf("said %#v, want Confirm", m)
	}
	w.sb.frame(them, w.session, invite(higher))
	if m, ok := w.sent(t).(protocol.Done); !ok || m.ID != higher || m.Outcome != protocol.OutcomeCanceled {
		t.Errorf("said %#v, want Done(canceled)", m)
	}
	if f := w.form(t, higher); f.State != "" {
		t.Errorf("a form was made: %+v", f)
	}
}

// TestGlareForeignIDs: a bid that names somebody else's invitation, or one of
// our own, changes nothing about that.
func TestGlareForeignIDs(t *testing.T) {
	const others = protocol.PeerID("12D3KooWothers")
	w := crossing(t, lower)
	foreign := protocol.ID{0: 9}
	if err := w.do(func(t *turn) { t.desk(t.sb.peer(others)).Invited(others, me, invite(foreign)) }); err != nil {
		t.Fatal(err)
	}
	w.sb.frame(them, w.session, protocol.Accept{ID: lower, Supersedes: foreign})
	w.sent(t)
	if f := w.form(t, foreign); f.State != invitation.Held || f.Peer() != others {
		t.Errorf("another peer's invitation became %+v", f)
	}
	if f := w.form(t, lower); f.State != invitation.AcceptedByRemote {
		t.Errorf("the bid was not taken: %+v", f)
	}
}
