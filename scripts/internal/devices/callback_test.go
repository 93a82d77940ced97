package devices

import (
	"testing"

	"github.com/beckon-p2p/beckon/api"
)

// TestCalledBack: a device that was only ever connected to remembers where its
// peers are. After kill -9 and at another port it finds them by itself, without
// a DHT that both are part of, and rings.
func TestCalledBack(t *testing.T) {
	t.Parallel()
	a := Start(t)
	b := Start(t, "--bootstrap", a.Address("quic"))
	appA, appB := a.NewApp(), b.NewApp()
	inv := b.Ring(a, nil)
	appA.Await(api.RemoteInvitationReceived, inv.ID)
	if _, err := a.Refuse(Context(t), inv.ID, "busy", ""); err != nil {
		t.Fatal(err)
	}
	appB.AwaitEnd(inv.ID)
	appA.AwaitEnd(inv.ID)
	a.AwaitFile("peers.json", b.ID)
	a.Kill()
	a.Restart() // on new ports: b's --bootstrap is stale now
	back := a.Ring(b, nil)
	appB.Await(api.RemoteInvitationReceived, back.ID)
}
