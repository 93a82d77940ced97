package node

import (
	"testing"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// BenchmarkRing measures a whole ring between two nodes of one process over
// loopback: created, received, accepted, confirmed.
func BenchmarkRing(b *testing.B) {
	callee := startNode(b, Config{})
	info, err := callee.Info(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	caller := startNode(b, Config{Bootstrap: info.Addresses})
	appA, appB := startApp(b, caller), startApp(b, callee)
	appA.ctx, appB.ctx = b.Context(), b.Context()
	for b.Loop() {
		inv := ring(b, caller, callee)
		appB.await(invitation.RemoteReceived)
		if _, err := callee.Do(b.Context(), inv.ID, Verb{Name: VerbAccept, Response: "answer"}, Idempotency{}); err != nil {
			b.Fatal(err)
		}
		appA.await(invitation.LocalAccepted)
	}
}

// BenchmarkReceived measures the way of a ring alone: from Create to the event
// at the callee's app.
func BenchmarkReceived(b *testing.B) {
	callee := startNode(b, Config{})
	info, err := callee.Info(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	caller := startNode(b, Config{Bootstrap: info.Addresses})
	appB := startApp(b, callee)
	appB.ctx = b.Context()
	for b.Loop() {
		inv := ring(b, caller, callee)
		appB.await(invitation.RemoteReceived)
		b.StopTimer()
		if _, err := caller.Do(b.Context(), inv.ID, Verb{Name: VerbCancel}, Idempotency{}); err != nil {
			b.Fatal(err)
		}
		appB.await(invitation.RemoteCanceled)
		b.StartTimer()
	}
}
