package node

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// me and them are the two ends where no network is needed.
const me, them = protocol.PeerID("12D3KooWme"), protocol.PeerID("12D3KooWthem")

// fakeSession takes down what is sent.
type fakeSession struct {
	clock Clock
	sent  chan protocol.Message
}

func (s *fakeSession) Send(msgs ...protocol.Message) error {
	for _, m := range msgs {
		select {
		case s.sent <- m:
		default: // the tests that care leave room
		}
	}
	return nil
}
func (s *fakeSession) Heard() (last, since protocol.Instant) { return s.clock.Now(), s.clock.Now() }
func (s *fakeSession) SetLive(bool)                          {}
func (s *fakeSession) Fail(error)                            {}

// workbench is a switchboard with a journal that fails on demand, and a session.
type workbench struct {
	*Node
	session *fakeSession
}

func newWorkbench(t *testing.T) *workbench {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	clock := NewClock()
	j, err := journal.Open(journal.Config{Path: path, Stamp: clock.Stamp})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`CREATE TRIGGER fails BEFORE INSERT ON settings WHEN NEW.name = 'fail' BEGIN SELECT RAISE(ABORT, 'on demand'); END`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	sb := newSwitchboard(me, clock, j, newMetrics())
	sb.online = true
	sb.wish.Store(true)
	sb.start()
	t.Cleanup(func() {
		sb.stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	n := &Node{sb: sb, journal: j, self: me, wish: make(chan struct{}, 1)}
	return &workbench{Node: n, session: &fakeSession{clock: clock, sent: make(chan protocol.Message, 64)}}
}

// do runs a job in a turn of its own and returns what became of its commit.
func (w *workbench) do(f func(t *turn)) error {
	_, err := ask(context.Background(), w.sb, func(t *turn) (struct{}, error) {
		f(t)
		return struct{}{}, nil
	})
	return err
}

// failing does a job in a turn whose commit fails.
func (w *workbench) failing(t *testing.T, f func(t *turn)) {
	t.Helper()
	if err := w.do(func(t *turn) { f(t); t.batch.Setting("fail", "") }); err == nil {
		t.Fatal("the commit did not fail")
	}
}

func (w *workbench) sent(t *testing.T) protocol.Message {
	t.Helper()
	select {
	case m := <-w.session.sent:
		return m
	case <-time.After(patience):
		t.Fatal("nothing was sent")
		return nil
	}
}

func (w *workbench) create(t *testing.T) protocol.ID {
	t.Helper()
	var id protocol.ID
	err := w.do(func(t *turn) {
		f := invitation.Form{ID: protocol.NewID(), Caller: me, Callee: them, App: DefaultApp, Reach: 30 * time.Second, Ring: time.Minute}
		m, out := invitation.NewLocal(invitation.Env{Now: t.now, Online: true}, f)
		e := t.begin(m, out)
		t.step(e, invitation.Send{})
		id = e.id
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestEndedInvitesAreBounded: Invites that are over on arrival take room until
// their end is told, and so count for the bound of their peer.
func TestEndedInvitesAreBounded(t *testing.T) {
	w := newWorkbench(t)
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
	for range 4 * protocol.MaxLivePerPeer {
		w.sb.frame(them, w.session, protocol.Invite{ID: protocol.NewID(), App: DefaultApp, Content: "x", Ring: time.Minute})
	}
	var held int
	if err := w.do(func(t *turn) { held = len(t.sb.entries) }); err != nil {
		t.Fatal(err)
	}
	if held > protocol.MaxLivePerPeer {
		t.Errorf("%d invitations of one peer in memory, the bound is %d", held, protocol.MaxLivePerPeer)
	}
}

// TestStrangersLeaveRoomForCalls: what comes in does not use up what goes out.
func TestStrangersLeaveRoomForCalls(t *testing.T) {
	w := newWorkbench(t)
	if err := w.do(func(t *turn) { t.sb.remotes += maxLive }); err != nil {
		t.Fatal(err)
	}
	w.create(t)
	w.sb.sessionUp(them, w.session)
	w.sb.current(them, w.session, invitation.PathLAN)
	w.sent(t) // the Invite
	w.sb.frame(them, w.session, protocol.Invite{ID: protocol.NewID(), App: DefaultApp, ReachLeft: time.Second, Ring: time.Minute})
	if m, ok := w.sent(t).(protocol.Refuse); !ok || m.Reason != protocol.ReasonBusy {
		t.Errorf("over the bound: %#v", m)
	}
}

// sessionUpFailing has the session come up in a turn whose commit fails.
func (w *workbench) sessionUpFailing(t *testing.T) {
	t.Helper()
	w.failing(t, func(t *turn) {
		p := t.sb.peer(them)
		p.sessions[w.session] = t.now.Clock
		p.session = w.session
		for _, e := range p.entries {
			t.step(e, invitation.SessionUp{})
		}
	})
}

// TestFailedCommitSaysLater: what could not be said because the journal failed
// is said once it works again.
func TestFailedCommitSaysLater(t *testing.T) {
	w := newWorkbench(t)
	id := w.create(t)
	w.sessionUpFailing(t)
	if m, ok := w.sent(t).(protocol.Invite); !ok || m.ID != id {
		t.Errorf("said %#v, want the Invite", m)
	}
}

// TestFailedCommitSaysLaterIfCrossed: that it is to be said again is not
// forgotten when something else happens to the invitation meanwhile.
func TestFailedCommitSaysLaterIfCrossed(t *testing.T) {
	w := newWorkbench(t)
	id := w.create(t)
	w.sessionUpFailing(t)
	theirs := invite(protocol.NewID())
	theirs.Glare = protocol.GlareIndependent
	w.sb.frame(them, w.session, theirs)
	for {
		if m, ok := w.sent(t).(protocol.Invite); ok && m.ID == id {
			break
		}
	}
	if f := w.form(t, id); f.GlareWith != theirs.ID {
		t.Errorf("crossed with %v, want %v", f.GlareWith, theirs.ID)
	}
}

// TestDiscardedDoesNotComeBack: the request that made an invitation, made again
// after that was discarded, brings nothing back that could be sent.
func TestDiscardedDoesNotComeBack(t *testing.T) {
	w := newWorkbench(t)
	ctx := context.Background()
	again := func() protocol.ID {
		r, err := w.Create(ctx, CreateRequest{Callee: string(them), Hold: true}, Idempotency{Key: "key", Fingerprint: "create", Status: 201})
		if err != nil {
			t.Fatal(err)
		}
		return r.View.ID
	}
	id := again()
	if err := w.Discard(ctx, id); err != nil {
		t.Fatal(err)
	}
	if other := again(); other != id {
		t.Errorf("the request made again made %v", other)
	}
	if _, err := w.Do(ctx, id, Verb{Name: VerbSend}, Idempotency{}); codeOf(err) != protocol.CodeNotFound {
		t.Errorf("sending what was discarded: %v", err)
	}
	locals := 0
	if err := w.do(func(t *turn) { locals = t.sb.locals + len(t.sb.entries) }); err != nil || locals != 0 {
		t.Errorf("%d of them in memory, %v", locals, err)
	}
}

// countingDialer fails every dial.
type countingDialer struct{ dials chan struct{} }

func (d countingDialer) Dial(context.Context, protocol.PeerID, func(invitation.Progress)) error {
	d.dials <- struct{}{}
	return errors.New("nobody there")
}

// TestFailedCommitDialsOn: a failed commit does not end the dialing.
func TestFailedCommitDialsOn(t *testing.T) {
	w := newWorkbench(t)
	d := countingDialer{dials: make(chan struct{}, 16)}
	if err := w.do(func(t *turn) { t.sb.dialer = d }); err != nil {
		t.Fatal(err)
	}
	w.create(t)
	<-d.dials
	w.failing(t, func(t *turn) {
		for _, p := range t.sb.peers {
			p.dialed(t, p.dialing, errors.New("nobody there"))
		}
	})
	for range 2 {
		select {
		case <-d.dials:
		case <-time.After(patience):
			t.Fatal("no further dial")
		}
	}
}

// TestFailedLogoutChangesNothing: who was told that nothing was done is still
// online.
func TestFailedLogoutChangesNothing(t *testing.T) {
	w := newWorkbench(t)
	id := w.create(t)
	w.failing(t, func(t *turn) { t.logOut(func() {}) })
	v, err := w.Get(context.Background(), id)
	if err != nil || v.Ended() {
		t.Errorf("the invitation is %s, %v", v.State, err)
	}
	if !w.sb.wish.Load() || w.sb.fact() != StateOffline {
		t.Errorf("online %v, state %s", w.sb.wish.Load(), w.sb.fact())
	}
	if _, err := w.SetOnline(context.Background(), false); err != nil {
		t.Fatal(err)
	}
	if v, _ := w.Get(context.Background(), id); v.State != invitation.Canceled {
		t.Errorf("after the logout the invitation is %s", v.State)
	}
}

// TestDiscardedIsNotSent: of two requests of one moment the first one counts.
func TestDiscardedIsNotSent(t *testing.T) {
	w := newWorkbench(t)
	var id protocol.ID
	if err := w.do(func(t *turn) {
		f := invitation.Form{ID: protocol.NewID(), Caller: me, Callee: them, App: DefaultApp, Reach: 30 * time.Second, Ring: time.Minute}
		m, out := invitation.NewLocal(invitation.Env{Now: t.now, Online: true}, f)
		id = t.begin(m, out).id
	}); err != nil {
		t.Fatal(err)
	}
	var sendErr error
	if err := w.do(func(t *turn) {
		e, err := t.visible(id)
		if err != nil {
			sendErr = err
			return
		}
		t.drop(e)
		_, sendErr = t.visible(id)
	}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(sendErr, &protocol.Error{Code: protocol.CodeNotFound}) {
		t.Errorf("a discarded invitation can still be used: %v", sendErr)
	}
}

// TestManyLargeAtOnce: a hundred invitations with all the content that is
// allowed, ready at the moment when the session comes up, all ring.
func TestManyLargeAtOnce(t *testing.T) {
	a, b := trio(t)
	appB := startApp(t, b)
	content := strings.Repeat("x", protocol.MaxContent)
	together := make(chan struct{})
	a.sb.post(func(*turn) { <-together }) // the creates wait and become one turn
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if _, err := a.Create(testContext(t), CreateRequest{Callee: string(b.self), Content: content}, Idempotency{}); err != nil {
				t.Error(err)
			}
		})
	}
	for len(a.sb.inbox) < 100 {
		runtime.Gosched()
	}
	close(together)
	wg.Wait()
	for range 100 {
		if e := appB.await(invitation.RemoteReceived); len(e.View.Content) != len(content) {
			t.Fatalf("%d bytes of content", len(e.View.Content))
		}
	}
}
