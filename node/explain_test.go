package node

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream/timeline"
)

// sharing starts two nodes that know each other and share their steps.
func sharing(t *testing.T, shareA, shareB bool) (a, b *Node) {
	t.Helper()
	b = startNode(t, Config{ShareTimeline: shareB})
	info, err := b.Info(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return startNode(t, Config{Bootstrap: info.Addresses, ShareTimeline: shareA}), b
}

func explained(t *testing.T, n *Node, id protocol.ID, merge bool) Explanation {
	t.Helper()
	x, err := n.Explain(testContext(t), id, merge)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func codesOf(x Explanation, side explain.Side) []explain.Code {
	var all []explain.Code
	for _, s := range x.Steps {
		if s.Side == side {
			all = append(all, s.Code)
		}
	}
	return all
}

// accepted rings from a to b, and b accepts.
func accepted(t *testing.T, a, b *Node) protocol.ID {
	t.Helper()
	appA, appB := startApp(t, a), startApp(t, b)
	inv := ring(t, a, b)
	appB.await(invitation.RemoteReceived)
	appA.await(invitation.LocalReceivedByPeer)
	if _, err := b.Do(testContext(t), inv.ID, Verb{Name: VerbAccept, Response: "answer"}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	appA.await(invitation.LocalAccepted)
	appB.await(invitation.RemoteAccepted)
	return inv.ID
}

// TestEveryRowHasAStep: a new row of the life cycles needs a word in the timeline.
func TestEveryRowHasAStep(t *testing.T) {
	for kind, table := range map[invitation.Kind][]*invitation.Row{
		invitation.KindLocal: invitation.LocalTable, invitation.KindRemote: invitation.RemoteTable,
	} {
		for _, r := range table {
			if rowSteps[kind][r.Name] == "" {
				t.Errorf("the row %s of the %s form has no step in rowSteps", r.Name, kind)
			}
		}
	}
}

// checkOrder checks that the steps are those wanted, in their order. Where one
// stands that nothing waits for is left to chance, but for its cause.
func checkOrder(t *testing.T, got, want []explain.Code, unawaited explain.Code) {
	t.Helper()
	i := slices.Index(got, unawaited)
	if i < 0 || i < slices.Index(got, explain.ReceivedWritten) {
		t.Errorf("got %v: %s is missing, or before its cause", got, unawaited)
		return
	}
	but := func(all []explain.Code) []explain.Code {
		return slices.DeleteFunc(slices.Clone(all), func(c explain.Code) bool { return c == unawaited })
	}
	if !slices.Equal(but(got), but(want)) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestExplainBothSides: each side's timeline, merged into one on either device,
// in the order in which it happened.
func TestExplainBothSides(t *testing.T) {
	a, b := sharing(t, true, true)
	id := accepted(t, a, b)
	want := []explain.Code{explain.InviteWritten, explain.InviteRead, explain.AppTold, explain.HandedOver, explain.ReceivedWritten,
		explain.ReceivedRead, explain.Accept, explain.AcceptWritten, explain.AcceptRead, explain.ConfirmWritten, explain.ConfirmRead}
	for _, n := range []*Node{a, b} {
		x := explained(t, n, id, true)
		if x.Other != OtherMerged || x.Alignment.Pairs != 4 || x.Alignment.Within < 0 {
			t.Fatalf("other %s, alignment %+v", x.Other, x.Alignment)
		}
		var got []explain.Code
		for _, s := range x.Steps {
			if slices.Contains(want, s.Code) {
				got = append(got, s.Code)
			}
			if s.Side == explain.There && s.Address+s.Source+s.Transport+s.Path+s.Error+s.Reason+s.Message != "" {
				t.Errorf("more than a word and times came from the other side: %+v", s)
			}
		}
		checkOrder(t, got, want, explain.ReceivedRead)
		if !x.Verdict.Rang {
			t.Errorf("verdict %+v", x.Verdict)
		}
	}
	x := explained(t, a, id, false)
	if x.Other != OtherNotAsked || len(codesOf(x, explain.There)) > 0 || x.Verdict.Code != "accepted" {
		t.Errorf("without merge: %+v", x)
	}
}

// TestStepsAreOffByDefault: the other side learns nothing.
func TestStepsAreOffByDefault(t *testing.T) {
	a, b := sharing(t, false, false)
	id := accepted(t, a, b)
	if x := explained(t, a, id, true); x.Other != OtherOff || len(codesOf(x, explain.There)) > 0 || len(x.Steps) == 0 {
		t.Errorf("other %s, %d steps", x.Other, len(x.Steps))
	}
}

// TestThirdPeerGetsNothing: who has no part in an invitation is answered as if
// there were none, and a party only so often.
func TestThirdPeerGetsNothing(t *testing.T) {
	a, b := sharing(t, true, true)
	id := accepted(t, a, b)
	info, err := b.Info(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	spy := startNode(t, Config{Bootstrap: info.Addresses})
	askB := func(n *Node, id protocol.ID) protocol.ExplainAnswer {
		t.Helper()
		if _, err := n.FindPeer(testContext(t), string(b.self), nil, patience); err != nil {
			t.Fatal(err)
		}
		to, err := peer.Decode(string(b.self))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := timeline.Ask(testContext(t), n.uplink.Load().host, to, id)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
	if got, none := askB(spy, id), askB(spy, protocol.NewID()); got.Status != protocol.ExplainUnknown || len(got.Steps) > 0 || none.Status != got.Status {
		t.Errorf("the third peer was told %+v, and %+v of what is not there", got, none)
	}
	if got := askB(a, id); got.Status != protocol.ExplainTimeline || len(got.Steps) == 0 {
		t.Errorf("the caller was told %+v", got)
	}
	for range protocol.ExplainBurst {
		askB(a, id)
	}
	if got := askB(a, id); got.Status != protocol.ExplainBusy {
		t.Errorf("asked too often: %+v", got)
	}
	if err := b.Discard(testContext(t), id); err != nil {
		t.Fatal(err)
	}
	if pieces, err := b.journal.Steps(id); err != nil || len(pieces) > 0 {
		t.Errorf("steps of a discarded invitation: %v, %v", pieces, err)
	}
}

// TestExplainNobodyThere: nobody knows the callee.
func TestExplainNobodyThere(t *testing.T) {
	a := startNode(t, Config{})
	r, err := a.Create(testContext(t), CreateRequest{Callee: stranger, Reach: time.Second}, Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Wait(testContext(t), r.View.ID); err != nil {
		t.Fatal(err)
	}
	x := explained(t, a, r.View.ID, true)
	if x.Verdict.Rang || x.Verdict.Code != "no_address" || x.Other != OtherUnreachable {
		t.Errorf("verdict %+v, other %s, steps %+v", x.Verdict, x.Other, x.Steps)
	}
}

const stranger = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

// TestExplainHeldIsNotFound: a held invitation is no app's to explain, and a
// missed one is.
func TestExplainHeldIsNotFound(t *testing.T) {
	a, b := sharing(t, false, false)
	appA := startApp(t, a)
	r, err := a.Create(testContext(t), CreateRequest{Callee: string(b.self)}, Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	for appA.await(invitation.LocalProgress).View.Progress != invitation.ProgressDelivered {
	}
	if _, err := b.Explain(testContext(t), r.View.ID, false); !errors.Is(err, &protocol.Error{Code: protocol.CodeNotFound}) {
		t.Errorf("held: %v", err)
	}
	if x := explained(t, a, r.View.ID, false); x.Verdict.Code != "waiting_for_app" {
		t.Errorf("the caller's verdict is %+v", x.Verdict)
	}
	if _, err := a.Do(testContext(t), r.View.ID, Verb{Name: VerbCancel}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	appA.await(invitation.LocalCanceled)
	if x := explained(t, b, r.View.ID, false); x.Verdict.Code != "caller_gave_up" {
		t.Errorf("the callee's verdict is %+v, steps %+v", x.Verdict, x.Steps)
	}
	if x := explained(t, a, r.View.ID, false); x.Verdict.Code != "canceled_before_ring" {
		t.Errorf("the caller's verdict is %+v", x.Verdict)
	}
}

// TestFailedCommitIsInTheTimeline: what was taken back is not told, but that it
// was.
func TestFailedCommitIsInTheTimeline(t *testing.T) {
	w := newWorkbench(t)
	id := w.create(t)
	w.failing(t, func(t *turn) { t.step(t.sb.entries[id], invitation.Cancel{Reason: protocol.ReasonCanceled}) })
	x, err := w.Explain(context.Background(), id, false)
	if err != nil {
		t.Fatal(err)
	}
	got := codesOf(x, explain.Here)
	if !slices.Contains(got, explain.JournalFailed) || slices.Contains(got, explain.Cancel) {
		t.Errorf("steps %v", got)
	}
}

// TestStepsTakeNoPartInARing: no transaction of a ring that is under way carries
// steps; they follow in one of their own, and ever more rarely if they only
// repeat.
func TestStepsTakeNoPartInARing(t *testing.T) {
	w := newWorkbench(t)
	id := w.create(t)
	if pieces, err := w.journal.Steps(id); err != nil || len(pieces) > 0 {
		t.Fatalf("written with the form: %q, %v", pieces, err)
	}
	err := w.do(func(t2 *turn) {
		e := t2.sb.entries[id]
		if left := e.trail.timer.at.Sub(t2.now.Clock); e.trail.timer.index == 0 || left > writeStepsAfter {
			t.Errorf("they are not written soon but in %v", left)
		}
		for range 20 {
			t2.trails = []*entry{e}
			t2.stepsWritten()
		}
		t2.trails = nil
		t2.note(e, explain.Step{Code: explain.DialFailed})
		if left := e.trail.timer.at.Sub(t2.now.Clock); left != writeStepsMost {
			t.Errorf("a repeat is written in %v, want %v", left, writeStepsMost)
		}
		t2.note(e, explain.Step{Code: explain.ReceivedRead})
		if left := e.trail.timer.at.Sub(t2.now.Clock); left != writeStepsAfter {
			t.Errorf("something new is written in %v", left)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStepsSurviveARestart: and go on after it, on the same clock.
func TestStepsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	first, err := New(Config{DataDir: dir, Network: "test", NoMDNS: true, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	r, err := first.Create(testContext(t), CreateRequest{Callee: stranger}, Idempotency{})
	if err := errors.Join(err, first.Close()); err != nil {
		t.Fatal(err)
	}
	again := startNode(t, Config{DataDir: dir})
	if _, err := again.Do(testContext(t), r.View.ID, Verb{Name: VerbCancel}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	x := explained(t, again, r.View.ID, false)
	got := codesOf(x, explain.Here)
	for i, want := range []explain.Code{explain.Created, explain.Sent, explain.Restarted, explain.Cancel} {
		at := slices.Index(got, want)
		if at < i {
			t.Errorf("%s is missing or out of order: %v", want, got)
		}
	}
	for i := range x.Steps[1:] {
		if x.Steps[i].Since > x.Steps[i+1].Since {
			t.Errorf("time goes back: %+v", x.Steps)
		}
	}
}
