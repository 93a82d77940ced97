package devices

import (
	"fmt"
	"sync"
	"testing"

	"github.com/beckon-p2p/beckon/api"
)

// ringBothWays rings from a to b and back, and accepts.
func ringBothWays(t *testing.T, a, b *Device) {
	t.Helper()
	appA, appB := a.NewApp(), b.NewApp()
	for _, way := range []struct {
		from, to       *Device
		caller, callee *App
	}{{a, b, appA, appB}, {b, a, appB, appA}} {
		inv := way.from.Ring(way.to, nil)
		got := way.callee.Await(api.RemoteInvitationReceived, inv.ID)
		if got.Invitation.Content != "offer" || got.Invitation.CallerID != way.from.ID {
			t.Errorf("the callee got %+v", got.Invitation)
		}
		way.caller.Await(api.LocalInvitationReceivedByPeer, inv.ID)
		if _, err := way.to.Accept(Context(t), inv.ID, "answer"); err != nil {
			t.Fatal(err)
		}
		if e := way.caller.Await(api.LocalInvitationAccepted, inv.ID); e.Invitation.Response != "answer" {
			t.Errorf("response %q", e.Invitation.Response)
		}
		way.callee.Await(api.RemoteInvitationAccepted, inv.ID)
	}
}

// TestMeetThroughThird: two devices that know nothing but a third one's
// address ring each other, over QUIC alone and over TCP alone.
func TestMeetThroughThird(t *testing.T) {
	for name, listen := range map[string]string{"quic": QUIC, "tcp": TCP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			third := Start(t, "--listen", listen)
			boot := third.Address("/ip4/")
			a := Start(t, "--listen", listen, "--bootstrap", boot)
			b := Start(t, "--listen", listen, "--bootstrap", boot)
			ringBothWays(t, a, b)
		})
	}
}

// pair returns two devices; the second knows the first.
func pair(t *testing.T) (a, b *Device) {
	t.Helper()
	a = Start(t)
	b = Start(t, "--bootstrap", a.Address("quic"))
	return a, b
}

// TestFiftyAtOnce: 50 invitations between the same two peers, each with an end
// of its own.
func TestFiftyAtOnce(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	appA, appB := a.NewApp(), b.NewApp()
	var wg sync.WaitGroup
	for i := range 50 {
		from, to, caller, callee := a, b, appA, appB
		if i%2 == 1 {
			from, to, caller, callee = b, a, appB, appA
		}
		wg.Go(func() {
			if err := oneOf(t, i/2%3, from, to, caller, callee); err != nil {
				t.Errorf("invitation %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// oneOf rings and ends the ring in one of three ways.
func oneOf(t *testing.T, how int, from, to *Device, caller, callee *App) error {
	ctx := Context(t)
	content := fmt.Sprintf("offer %d", how)
	inv, err := from.Create(ctx, api.CreateInvitation{CalleeID: to.ID, Content: content})
	if err != nil {
		return err
	}
	got, err := callee.TryAwait(api.RemoteInvitationReceived, inv.ID)
	if err != nil {
		return err
	}
	if got.Invitation.Content != content {
		return fmt.Errorf("content %q", got.Invitation.Content)
	}
	ends := [2]string{api.LocalInvitationAccepted, api.RemoteInvitationAccepted}
	switch how {
	case 0:
		_, err = to.Accept(ctx, inv.ID, inv.ID)
	case 1:
		_, err = to.Refuse(ctx, inv.ID, "busy", inv.ID)
		ends = [2]string{api.LocalInvitationRefused, api.RemoteInvitationRefused}
	default:
		_, err = from.Cancel(ctx, inv.ID, "")
		ends = [2]string{api.LocalInvitationCanceled, api.RemoteInvitationCanceled}
	}
	if err != nil {
		return err
	}
	end, err := caller.TryAwait(ends[0], inv.ID)
	if err != nil {
		return err
	}
	if how < 2 && end.Invitation.Response != inv.ID {
		return fmt.Errorf("response %q of another invitation", end.Invitation.Response)
	}
	if _, err = callee.TryAwait(ends[1], inv.ID); err != nil {
		return err
	}
	if n, m := caller.Terminals(inv.ID), callee.Terminals(inv.ID); n != 1 || m != 1 {
		return fmt.Errorf("%d and %d terminal callbacks", n, m)
	}
	return nil
}

// TestTwentyPeers: one caller rings 20 peers at once; each ends on its own.
func TestTwentyPeers(t *testing.T) {
	caller := Start(t)
	app := caller.NewApp()
	boot := caller.Address("quic")
	var wg sync.WaitGroup
	for i := range 20 {
		callee := Start(t, "--bootstrap", boot)
		calleeApp := callee.NewApp()
		wg.Go(func() {
			if err := oneOf(t, i%3, caller, callee, app, calleeApp); err != nil {
				t.Errorf("peer %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}
