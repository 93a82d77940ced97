package node

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func TestVirtualFirstRing(t *testing.T) {
	virtually(t, func(t *testing.T, v *virtual) {
		callee, caller := v.node(true, Config{}), v.node(true, Config{})
		time.Sleep(time.Minute)
		rung, known := v.ring(caller, callee, addressesOf(t, callee))
		t.Logf("ring %v, caller knows %v", rung, known)
	})
}

func TestVirtualRelayedRing(t *testing.T) {
	virtually(t, func(t *testing.T, v *virtual) {
		relay := v.node(true, Config{Reachability: "public"})
		callee := v.node(false, Config{Reachability: "private", Relays: addressesOf(t, relay)})
		caller := v.node(false, Config{Reachability: "private", Relays: []string{NoRelay}})
		time.Sleep(time.Minute)
		t.Log(addressesOf(t, callee))
		rung, known := v.ring(caller, callee, addressesOf(t, callee))
		t.Logf("ring %v, caller knows %v", rung, known)
	})
}

func addressesOf(t *testing.T, n *Node) []string {
	t.Helper()
	info, err := n.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Addresses
}

// ring returns how long it took from the caller's Create until the callee's app
// has the event, and until the caller's app knows of it.
func (v *virtual) ring(caller, callee *Node, at []string) (rung, known time.Duration) {
	v.t.Helper()
	there, here := startApp(v.t, callee), startApp(v.t, caller)
	defer there.sub.Close()
	defer here.sub.Close()
	start := time.Now()
	done := make(chan time.Duration)
	go func() {
		there.await(invitation.RemoteReceived)
		done <- time.Since(start)
	}()
	if _, err := caller.Create(v.t.Context(), CreateRequest{Callee: string(callee.self), Content: "offer", Addresses: at}, Idempotency{}); err != nil {
		v.t.Fatal(err)
	}
	here.await(invitation.LocalReceivedByPeer)
	known = time.Since(start)
	return <-done, known
}
