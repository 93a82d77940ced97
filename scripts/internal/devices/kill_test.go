package devices

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// roles are the two devices of an invitation and their apps. The apps stay when
// their daemons go.
type roles struct {
	t                    *testing.T
	caller, callee       *Device
	callerApp, calleeApp *App // calleeApp is nil until it comes
}

// startRoles starts both devices. Their addresses outlive a restart, as those of
// real devices do.
func startRoles(t *testing.T) *roles {
	t.Helper()
	r := &roles{t: t, callee: Start(t)}
	r.callee.KeepAddresses()
	r.caller = Start(t, "--bootstrap", r.callee.Address("quic"))
	r.caller.KeepAddresses()
	r.callerApp = r.caller.NewApp()
	return r
}

// ring sends an invitation and waits until it rings.
func (r *roles) ring(change func(*api.CreateInvitation)) api.Invitation {
	r.t.Helper()
	r.calleeApp = r.callee.NewApp()
	inv := r.caller.Ring(r.callee, change)
	r.callerApp.Await(api.LocalInvitationReceivedByPeer, inv.ID)
	return inv
}

func (r *roles) accept(id string) {
	r.t.Helper()
	if _, err := r.callee.Accept(Context(r.t), id, "answer"); err != nil {
		r.t.Error(err)
	}
}

func (r *roles) cancel(id string) {
	r.t.Helper()
	if _, err := r.caller.Cancel(Context(r.t), id, ""); err != nil {
		r.t.Error(err)
	}
}

func (r *roles) refuse(id string) {
	r.t.Helper()
	if _, err := r.callee.Refuse(Context(r.t), id, "busy", ""); err != nil {
		r.t.Error(err)
	}
}

// acceptWhenItRings is what the callee's user does once the app is there.
func (r *roles) acceptWhenItRings(id string) {
	r.t.Helper()
	if r.calleeApp == nil {
		r.calleeApp = r.callee.NewApp()
	}
	r.calleeApp.Await(api.RemoteInvitationReceived, id)
	r.callerApp.Await(api.LocalInvitationReceivedByPeer, id)
	r.accept(id)
}

// What the apps of both sides are told from first to last.
var (
	callerAccepted = []string{api.LocalInvitationReceivedByPeer, api.LocalInvitationAccepted}
	calleeAccepted = []string{api.RemoteInvitationReceived, api.RemoteInvitationAccepted}
	callerCanceled = []string{api.LocalInvitationReceivedByPeer, api.LocalInvitationCanceled}
	calleeCanceled = []string{api.RemoteInvitationReceived, api.RemoteInvitationCanceled}
	callerRefused  = []string{api.LocalInvitationReceivedByPeer, api.LocalInvitationRefused}
	calleeRefused  = []string{api.RemoteInvitationReceived, api.RemoteInvitationRefused}
)

// interrupted is a state in which a daemon goes and comes back at once, and
// how the invitation ends as if nothing had been.
type interrupted struct {
	name           string
	who            string                     // goes: caller or callee
	prepare        func(r *roles) (id string) // leads to the state
	state          string                     // of the form of who
	goOn           func(r *roles, id string)  // after it has come back
	caller, callee []string                   // callbacks
}

func prepareIdle(r *roles) string {
	r.calleeApp = r.callee.NewApp()
	return r.caller.Ring(r.callee, func(in *api.CreateInvitation) { in.Hold = true }).ID
}

func sendIdle(r *roles, id string) {
	if _, err := r.caller.Send(Context(r.t), id); err != nil {
		r.t.Error(err)
	}
	r.acceptWhenItRings(id)
}

func prepareSent(r *roles) string {
	r.callee.Kill()
	return r.caller.Ring(r.callee, nil).ID
}

func startCallee(r *roles, id string) {
	r.callee.Restart()
	r.acceptWhenItRings(id)
}

func prepareHeld(r *roles) string {
	inv := r.caller.Ring(r.callee, nil)
	r.callerApp.AwaitProgress(inv.ID, "delivered")
	return inv.ID
}

func prepareRinging(r *roles) string { return r.ring(nil).ID }

// prepareUnacknowledged makes the caller accept while the callee cannot say
// that it knows. The callee may be frozen before its bid is written; then it
// gets another moment.
func prepareUnacknowledged(r *roles) string {
	id := prepareBid(r)
	for range 10 {
		r.callee.Freeze()
		r.caller.Thaw()
		if r.acceptedSoon(id) {
			return id
		}
		r.caller.Freeze()
		r.callee.Thaw()
	}
	r.t.Fatal("the caller does not accept")
	return id
}

// acceptedSoon waits a second for the caller to accept.
func (r *roles) acceptedSoon(id string) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 100 {
		inv, err := r.caller.Get(Context(r.t), id)
		if err != nil || inv.Ended() {
			return inv.State == api.AcceptedByRemote
		}
		<-tick.C
	}
	return false
}

func prepareCanceling(r *roles) string {
	id := prepareRinging(r)
	r.callee.Freeze()
	r.cancel(id)
	if inv, err := r.caller.Get(Context(r.t), id); err != nil || !inv.Canceling {
		r.t.Errorf("it is not canceling: %s, %v", inv.State, err)
	}
	return id
}

func prepareBid(r *roles) string {
	id := prepareRinging(r)
	r.caller.Freeze()
	r.accept(id)
	return id
}

func prepareRefused(r *roles) string {
	id := prepareRinging(r)
	r.caller.Freeze()
	r.refuse(id)
	return id
}

func thawCaller(r *roles, _ string) { r.caller.Thaw() }
func thawCallee(r *roles, _ string) { r.callee.Thaw() }

var interruptions = []interrupted{
	{"idle", "caller", prepareIdle, api.Idle, sendIdle, callerAccepted, calleeAccepted},
	{"sent, callee not running", "caller", prepareSent, api.SentToRemote, startCallee, callerAccepted, calleeAccepted},
	{"delivered, callee without app", "caller", prepareHeld, api.SentToRemote, (*roles).acceptWhenItRings, callerAccepted, calleeAccepted},
	{"ringing, then accepted", "caller", prepareRinging, api.ReceivedByRemote, (*roles).accept, callerAccepted, calleeAccepted},
	{"ringing, then refused", "caller", prepareRinging, api.ReceivedByRemote, (*roles).refuse, callerRefused, calleeRefused},
	{"ringing, then canceled", "caller", prepareRinging, api.ReceivedByRemote, (*roles).cancel, callerCanceled, calleeCanceled},
	{"canceling, callee frozen", "caller", prepareCanceling, api.ReceivedByRemote, thawCallee, callerCanceled, calleeCanceled},
	{"accepted, callee frozen", "caller", prepareUnacknowledged, api.AcceptedByRemote, thawCallee, callerAccepted, calleeAccepted},

	{"held", "callee", prepareHeld, "", (*roles).acceptWhenItRings, callerAccepted, calleeAccepted},
	{"ringing, then accepted", "callee", prepareRinging, api.InvitationReceived, (*roles).accept, callerAccepted, calleeAccepted},
	{"ringing, then refused", "callee", prepareRinging, api.InvitationReceived, (*roles).refuse, callerRefused, calleeRefused},
	{"ringing, then canceled", "callee", prepareRinging, api.InvitationReceived, (*roles).cancel, callerCanceled, calleeCanceled},
	{"accept sent, caller frozen", "callee", prepareBid, api.AcceptSentToLocal, thawCaller, callerAccepted, calleeAccepted},
	{"refused, caller frozen", "callee", prepareRefused, api.Refused, thawCaller, callerRefused, calleeRefused},
}

// TestKilledInEveryState kills a daemon, or stops it in order, in every state.
// It comes back at once, and the invitation goes on where it was: no app is
// told anything but its course.
func TestKilledInEveryState(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	room := make(chan struct{}, 6) // most of the time they wait
	for _, c := range interruptions {
		for how, end := range map[string]func(*testing.T, *Device){
			"killed":  func(_ *testing.T, d *Device) { d.Kill() },
			"stopped": stopInOrder,
		} {
			wg.Go(func() {
				room <- struct{}{}
				defer func() { <-room }()
				t.Run(c.who+" "+how+": "+c.name, func(t *testing.T) { c.run(t, end) })
			})
		}
	}
	wg.Wait()
}

func stopInOrder(t *testing.T, d *Device) {
	start := time.Now()
	if code := d.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	took := time.Since(start)
	t.Logf("the stop took %v", took.Round(time.Millisecond))
	if took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

func (c interrupted) run(t *testing.T, end func(*testing.T, *Device)) {
	r := startRoles(t)
	id := c.prepare(r)
	who := r.caller
	if c.who == "callee" {
		who = r.callee
	}
	before, err := who.Get(Context(t), id)
	if c.state == "" {
		if !errors.Is(err, &api.Problem{Code: api.CodeNotFound}) {
			t.Errorf("what is held is shown: %v, %v", before.State, err)
		}
	} else if err != nil || before.State != c.state {
		t.Fatalf("the state is %q, %v; want %s", before.State, err, c.state)
	}
	end(t, who)
	who.Restart()
	if after, err := who.Get(Context(t), id); c.state != "" && err != nil {
		t.Error(err)
	} else {
		checkClock(t, before, after)
	}
	c.goOn(r, id)
	r.checkTold(id, c.caller, c.callee)
}

// checkClock checks that the running clock is not longer than it was. The wall
// clock that it is shown by may be put right by some milliseconds.
func checkClock(t *testing.T, before, after api.Invitation) {
	t.Helper()
	was, is := before.ExpiresAt.Time, after.ExpiresAt.Time
	if before.State == after.State && !was.IsZero() && is.After(was.Add(50*time.Millisecond)) {
		t.Errorf("it expired at %v and after the restart at %v", was, is)
	}
}

// checkTold waits for both ends and checks all that the apps were told.
func (r *roles) checkTold(id string, caller, callee []string) {
	r.t.Helper()
	for _, side := range []struct {
		name string
		app  *App
		want []string
	}{{"caller", r.callerApp, caller}, {"callee", r.calleeApp, callee}} {
		side.app.AwaitEnd(id)
		var told []string
		for _, e := range side.app.Of(id) {
			told = append(told, e.Type)
		}
		if !slices.Equal(told, side.want) {
			r.t.Errorf("the %s's app was told %v, want %v", side.name, told, side.want)
		}
	}
}

// TestCallerKilledForLong: the callee stops ringing 10 s after its caller died,
// and the caller learns it when it comes back.
func TestCallerKilledForLong(t *testing.T) {
	t.Parallel()
	r := startRoles(t)
	id := r.ring(nil).ID
	r.caller.Kill()
	r.checkFailure(r.calleeApp, id, api.PeerOffline)
	r.caller.Restart()
	r.checkFailure(r.callerApp, id, api.PeerOffline)
	r.checkTold(id, []string{api.LocalInvitationReceivedByPeer, api.LocalInvitationFailure},
		[]string{api.RemoteInvitationReceived, api.RemoteInvitationFailure})
}

// TestCalleeKilledPastItsRing: the ring time ends on both sides, whether the
// callee is there or not.
func TestCalleeKilledPastItsRing(t *testing.T) {
	t.Parallel()
	r := startRoles(t)
	id := r.ring(func(in *api.CreateInvitation) { in.RingMS = 2000 }).ID
	r.callee.Kill()
	r.checkFailure(r.callerApp, id, api.InvitationExpire)
	r.callee.Restart()
	r.checkFailure(r.calleeApp, id, api.InvitationExpire)
	r.checkTold(id, []string{api.LocalInvitationReceivedByPeer, api.LocalInvitationFailure},
		[]string{api.RemoteInvitationReceived, api.RemoteInvitationFailure})
}

// TestCallerKilledPastItsReach: a caller that is killed before anybody was
// reached fails once when its time is over, and rings nobody any more.
func TestCallerKilledPastItsReach(t *testing.T) {
	t.Parallel()
	r := startRoles(t)
	r.callee.Kill()
	inv := r.caller.Ring(r.callee, func(in *api.CreateInvitation) { in.ReachMS = 2000 })
	r.caller.Kill()
	r.caller.Restart()
	r.checkFailure(r.callerApp, inv.ID, api.PeerOffline)
	r.callee.Restart()
	r.calleeApp = r.callee.NewApp()
	next := r.caller.Ring(r.callee, nil) // what comes after it would come after it there too
	r.calleeApp.Await(api.RemoteInvitationReceived, next.ID)
	// It may have been told by then that it missed one.
	if was, err := r.callee.Get(Context(t), inv.ID); err == nil && was.State != api.Missed || err != nil && !errors.Is(err, &api.Problem{Code: api.CodeNotFound}) {
		t.Errorf("the callee was told of an invitation that was over: %+v, %v", was, err)
	}
}

func (r *roles) checkFailure(app *App, id, want string) {
	r.t.Helper()
	if e := app.AwaitEnd(id); e.Invitation.Error != want {
		r.t.Errorf("%s ended as %s %s, want %s", app.Device.ID, e.Type, e.Invitation.Error, want)
	}
}
