package devices

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// ringFor rings for a second and checks how it ends.
func (d *Device) ringFor(callee *Device, state, failure string) string {
	d.t.Helper()
	inv := d.Ring(callee, func(in *api.CreateInvitation) { in.ReachMS, in.ChannelID = 1000, "room" })
	if end := d.end(inv.ID); text(end, "state") != state || text(end, "error") != failure {
		d.t.Fatalf("%s ended %s %s, want %s %s", inv.ID, end["state"], end["error"], state, failure)
	}
	return inv.ID
}

// ringRefused rings an app and has it refuse: what is told before it, was told
// by then.
func (d *Device) ringRefused(app *App) {
	d.t.Helper()
	inv := d.Ring(app.Device, nil)
	app.Await(api.RemoteInvitationReceived, inv.ID)
	if _, err := app.Device.Refuse(Context(d.t), inv.ID, "", ""); err != nil {
		d.t.Fatal(err)
	}
	app.AwaitEnd(inv.ID)
	d.end(inv.ID)
}

// types are the events about invitations that an app was told, in order.
func (a *App) types() (types []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.Invitation != nil {
			types = append(types, e.Type)
		}
	}
	return types
}

func (a *App) count(typ string) (n int) {
	for _, t := range a.types() {
		if t == typ {
			n++
		}
	}
	return n
}

func (d *Device) missed() []api.Invitation {
	d.t.Helper()
	list, err := d.List(Context(d.t), client.ListOptions{State: api.Missed})
	if err != nil {
		d.t.Fatal(err)
	}
	return list.Invitations
}

// TestMissedWhileOff: who was off learns afterwards, once and for all tries
// together, also if the caller was killed in between. Nothing rings late.
func TestMissedWhileOff(t *testing.T) {
	t.Parallel()
	caller := Start(t)
	caller.KeepAddresses()
	callee := Start(t, "--bootstrap", caller.Address("quic"))
	callee.AwaitOnline()
	app := callee.NewApp()
	callee.Stop()

	began := time.Now()
	caller.ringFor(callee, api.Failure, api.PeerOffline)
	caller.Kill()
	caller.Restart()
	last := caller.ringFor(callee, api.Failure, api.PeerOffline)
	callee.Restart()

	got := app.Await(api.RemoteInvitationMissed, "").Invitation
	if got.ID != last || got.State != api.Missed || got.Kind != api.KindRemote || got.CallerID != caller.ID || got.ChannelID != "room" ||
		got.Content != "" || !got.ReceivedAt.IsZero() || !got.Ended() {
		t.Errorf("missed: %+v", got)
	}
	m := got.Missed
	if m == nil || m.Count != 2 || m.Why != api.PeerOffline || m.FirstAt.Before(began.Add(-time.Second)) || !m.LastAt.After(m.FirstAt.Time) ||
		m.LastAt.After(time.Now()) {
		t.Errorf("missed: %+v, rung from %v to %v", m, began, time.Now())
	}
	// Whatever comes after, it is not told again.
	caller.ringRefused(app)
	caller.Kill()
	caller.Restart()
	callee.Kill()
	callee.Restart()
	caller.ringRefused(app)
	if n, rings := app.count(api.RemoteInvitationMissed), app.count(api.RemoteInvitationReceived); n != 1 || rings != 2 {
		t.Errorf("told: %v", app.types())
	}
	if list := callee.missed(); len(list) != 1 || list[0].ID != last || list[0].Missed == nil || list[0].Missed.Count != 2 {
		t.Errorf("the history has %+v", list)
	}
}

// TestMissedWithoutApp: a daemon that was up and had no app for it tells the
// app that comes later, once for each call, whatever its caller says too.
func TestMissedWithoutApp(t *testing.T) {
	t.Parallel()
	caller := Start(t)
	callee := Start(t, "--bootstrap", caller.Address("quic"))
	callee.AwaitOnline()
	cursor := text(callee.want(200, "GET", "/v1/events?app=call&observe=true", "", "Accept", "application/json").body, "cursor")

	ids := []string{
		caller.ringFor(callee, api.Failure, api.PeerNoResponse),
		caller.ringFor(callee, api.Failure, api.PeerNoResponse),
	}
	late := callee.follow("?app=call&after=" + cursor)
	for _, id := range ids {
		got := late.await("remote_invitation_missed", id).invitation()
		m, _ := got["missed"].(object)
		if text(got, "state") != "missed" || num(m, "count") != 1 || text(m, "why") != "no_app" || m["last_at"] != got["created_at"] {
			t.Errorf("missed: %v", got)
		}
	}
	caller.ringRefused(callee.NewApp())
	if list := callee.missed(); len(list) != 2 {
		t.Errorf("the history has %+v", list)
	}
	// A fresh stream begins with the present: the history tells.
	if live, _ := callee.follow("?app=call").hello.body["live"].([]any); len(live) > 0 {
		t.Errorf("live: %v", live)
	}
}

// TestMissedNotKept: a caller that keeps no notices tells nothing.
func TestMissedNotKept(t *testing.T) {
	t.Parallel()
	caller := Start(t, "--keep-missed", "0")
	callee := Start(t, "--bootstrap", caller.Address("quic"))
	callee.AwaitOnline()
	app := callee.NewApp()
	callee.Stop()
	caller.ringFor(callee, api.Failure, api.PeerOffline)
	callee.Restart()
	caller.ringRefused(app)
	if n := app.count(api.RemoteInvitationMissed); n != 0 || len(callee.missed()) != 0 {
		t.Errorf("told: %v", app.types())
	}
}

// TestMissedCanceled: who hangs up before it rang is told of too.
func TestMissedCanceled(t *testing.T) {
	t.Parallel()
	caller := Start(t)
	callee := Start(t, "--bootstrap", caller.Address("quic"))
	callee.AwaitOnline()
	app := callee.NewApp()
	callee.Stop()
	inv := caller.Ring(callee, nil)
	if _, err := caller.Cancel(Context(t), inv.ID, ""); err != nil {
		t.Fatal(err)
	}
	caller.end(inv.ID)
	callee.Restart()
	if got := app.Await(api.RemoteInvitationMissed, inv.ID).Invitation.Missed; got == nil || got.Count != 1 || got.Why != api.ReasonCanceled {
		t.Errorf("missed: %+v", got)
	}
}
