package node

import (
	"context"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// patience bounds every wait of these tests; nothing takes it when all is well.
const patience = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// startNode starts a node on loopback.
func startNode(t testing.TB, cfg Config) *Node {
	t.Helper()
	if cfg.DataDir == "" {
		cfg.DataDir = t.TempDir()
	}
	if cfg.Listen == nil {
		cfg.Listen = []string{"/ip4/127.0.0.1/udp/0/quic-v1", "/ip4/127.0.0.1/tcp/0"}
	}
	if cfg.Network == "" {
		cfg.Network = "test"
	}
	cfg.NoMDNS = true
	n, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

// trio starts a bootstrap peer and two that know nobody else.
func trio(t testing.TB) (a, b *Node) {
	t.Helper()
	boot := startNode(t, Config{})
	info, err := boot.Info(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	a = startNode(t, Config{Bootstrap: info.Addresses})
	b = startNode(t, Config{Bootstrap: info.Addresses})
	return a, b
}

// app is a subscriber that counts and hands over what it reads.
type app struct {
	t   testing.TB
	sub *Subscription
	ctx context.Context
}

func startApp(t testing.TB, n *Node) *app {
	t.Helper()
	ctx := testContext(t)
	sub, err := n.Subscribe(ctx, Stream{Apps: []string{DefaultApp}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sub.Close)
	return &app{t, sub, ctx}
}

// await reads events until one of that type comes.
func (a *app) await(typ invitation.Callback) Event {
	a.t.Helper()
	for {
		events, err := a.sub.Next(a.ctx)
		if err != nil {
			a.t.Fatalf("waiting for %s: %v", typ, err)
		}
		for i, e := range events {
			if e.Type == string(invitation.RemoteReceived) {
				a.sub.HandedOver(e.View.ID)
			}
			if e.Type == string(typ) {
				if i != len(events)-1 {
					a.sub.after = e.Seq // the rest is read again
				}
				return e
			}
		}
	}
}

func ring(t testing.TB, from, to *Node) invitation.View {
	t.Helper()
	r, err := from.Create(testContext(t), CreateRequest{Callee: string(to.self), Content: "offer"}, Idempotency{})
	if err != nil {
		t.Fatal(err)
	}
	return r.View
}

func TestRingAcceptedThroughThird(t *testing.T) {
	a, b := trio(t)
	appA, appB := startApp(t, a), startApp(t, b)
	inv := ring(t, a, b)
	got := appB.await(invitation.RemoteReceived)
	if got.View.ID != inv.ID || got.View.Content != "offer" || got.View.Caller != a.self {
		t.Fatalf("received %+v", got.View)
	}
	if e := appA.await(invitation.LocalReceivedByPeer); e.View.Progress != invitation.ProgressRinging {
		t.Errorf("progress %q", e.View.Progress)
	}
	if _, err := b.Do(testContext(t), inv.ID, Verb{Name: VerbAccept, Response: "answer"}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	if e := appA.await(invitation.LocalAccepted); e.View.Response != "answer" {
		t.Errorf("response %q", e.View.Response)
	}
	appB.await(invitation.RemoteAccepted)
}

func TestRefusedAndCanceled(t *testing.T) {
	a, b := trio(t)
	appA, appB := startApp(t, a), startApp(t, b)
	inv := ring(t, a, b)
	appB.await(invitation.RemoteReceived)
	if _, err := b.Do(testContext(t), inv.ID, Verb{Name: VerbRefuse, Reason: protocol.ReasonBusy}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	if e := appA.await(invitation.LocalRefused); e.View.Reason != protocol.ReasonBusy {
		t.Errorf("reason %q", e.View.Reason)
	}
	inv = ring(t, b, a)
	appA.await(invitation.RemoteReceived)
	if _, err := b.Do(testContext(t), inv.ID, Verb{Name: VerbCancel}, Idempotency{}); err != nil {
		t.Fatal(err)
	}
	appA.await(invitation.RemoteCanceled)
	appB.await(invitation.LocalCanceled)
}
