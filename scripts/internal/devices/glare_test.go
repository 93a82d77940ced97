package devices

import (
	"sync"
	"testing"

	"github.com/beckon-p2p/beckon/api"
)

// eachOther lets both apps ring the other's device in the same moment.
func eachOther(t *testing.T, a, b *Device, glare string) (fromA, fromB api.Invitation) {
	t.Helper()
	var wg sync.WaitGroup
	ring := func(from, to *Device, content string, inv *api.Invitation) {
		wg.Go(func() {
			var err error
			*inv, err = from.Create(Context(t), api.CreateInvitation{CalleeID: to.ID, Content: content, ChannelID: "room", Glare: glare})
			if err != nil {
				t.Error(err)
			}
		})
	}
	ring(a, b, "from a", &fromA)
	ring(b, a, "from b", &fromB)
	wg.Wait()
	if t.Failed() {
		t.FailNow()
	}
	return fromA, fromB
}

// TestGlareIndependent: two apps that ring each other at once both ring, and
// see what they cross.
func TestGlareIndependent(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	appA, appB := a.NewApp(), b.NewApp()
	fromA, fromB := eachOther(t, a, b, "")
	atB := appB.Await(api.RemoteInvitationReceived, fromA.ID)
	atA := appA.Await(api.RemoteInvitationReceived, fromB.ID)
	// Whoever is called before it calls sees it in its own form only.
	if atB.Invitation.GlareWith != fromB.ID && atA.Invitation.GlareWith != fromA.ID {
		t.Errorf("glare_with %q and %q of %s and %s", atB.Invitation.GlareWith, atA.Invitation.GlareWith, fromA.ID, fromB.ID)
	}
	for _, d := range []*Device{a, b} {
		for id, with := range map[string]string{fromA.ID: fromB.ID, fromB.ID: fromA.ID} {
			if inv, err := d.Get(Context(t), id); err != nil || inv.GlareWith != with {
				t.Errorf("glare_with of %s is %q, %v", id, inv.GlareWith, err)
			}
		}
	}
	if _, err := b.Accept(Context(t), fromA.ID, "yes"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Cancel(Context(t), fromB.ID, ""); err != nil {
		t.Fatal(err)
	}
	appA.Await(api.LocalInvitationAccepted, fromA.ID)
	appA.Await(api.RemoteInvitationCanceled, fromB.ID)
}

// merged checks that two invitations have become one, whichever won: both are in
// one call, each has what the other one sent, and nobody was told twice.
func merged(t *testing.T, appA, appB *App, fromA, fromB api.Invitation) {
	t.Helper()
	winner, loser, won, lost := appA, appB, fromA, fromB
	if fromB.ID < fromA.ID {
		winner, loser, won, lost = appB, appA, fromB, fromA
	}
	accepted := loser.Await(api.RemoteInvitationAccepted, won.ID)
	gone := loser.Await(api.LocalInvitationCanceled, lost.ID)
	if accepted.Invitation.MergedWith != lost.ID || accepted.Invitation.Content != won.Content || accepted.Seq > gone.Seq {
		t.Errorf("the loser is told %+v, then %+v", accepted, gone)
	}
	if gone.Invitation.Reason != api.ReasonSuperseded || gone.Invitation.MergedWith != won.ID {
		t.Errorf("the loser's own ends as %+v", gone.Invitation)
	}
	yes := winner.Await(api.LocalInvitationAccepted, won.ID)
	if yes.Invitation.Response != lost.Content || yes.Invitation.MergedWith != lost.ID {
		t.Errorf("the winner is told %+v", yes.Invitation)
	}
	for _, app := range []*App{appA, appB} {
		for _, id := range []string{won.ID, lost.ID} {
			if n := app.Terminals(id); n > 1 {
				t.Errorf("%d ends of %s were told", n, id)
			}
		}
	}
	rang := func(app *App, id string) bool {
		events := app.Of(id)
		return len(events) > 0 && events[0].Type == api.RemoteInvitationReceived
	}
	if rang(winner, lost.ID) && rang(loser, won.ID) {
		t.Error("both rang")
	}
	for _, view := range []struct {
		d  *Device
		id string
	}{{winner.Device, won.ID}, {loser.Device, won.ID}, {loser.Device, lost.ID}} {
		if inv, err := view.d.Wait(Context(t), view.id); err != nil || !inv.Ended() {
			t.Errorf("%s is %s, %v", view.id, inv.State, err)
		}
	}
}

// TestGlareMerge: two apps that ring each other at once and want to merge are in
// one call, again and again, whichever id is lower.
func TestGlareMerge(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	appA, appB := a.NewApp(), b.NewApp()
	for range 10 {
		fromA, fromB := eachOther(t, a, b, api.GlareMerge)
		merged(t, appA, appB, fromA, fromB)
	}
}

// TestGlareMergeKilled: one of the two is killed in the middle, at any moment,
// and starts again.
func TestGlareMergeKilled(t *testing.T) {
	t.Parallel()
	r := startRoles(t)
	appA, appB := r.callerApp, r.callee.NewApp()
	for i := range 6 {
		victim := []*Device{r.caller, r.callee}[i%2]
		fromA, fromB := eachOther(t, r.caller, r.callee, api.GlareMerge)
		if i >= 2 { // as soon as the pair is made, on either side
			awaitPair(t, victim, fromA.ID, fromB.ID)
		}
		victim.Kill()
		if err := victim.TryStart(); err != nil {
			t.Fatal(err)
		}
		merged(t, appA, appB, fromA, fromB)
	}
}

// awaitPair waits until a device has heard of both invitations.
func awaitPair(t *testing.T, d *Device, ids ...string) {
	t.Helper()
	for ctx := Context(t); ctx.Err() == nil; {
		for _, id := range ids {
			if inv, err := d.Get(ctx, id); err == nil && inv.GlareWith != "" {
				return
			}
		}
	}
	t.Fatal("the invitations do not cross")
}
