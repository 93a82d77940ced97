package devices

import (
	"strings"
	"testing"
	"time"
)

// took checks how long an invitation lived, by its own times.
func took(t *testing.T, inv object, from string, least, most time.Duration) {
	t.Helper()
	if d := moment(t, inv, "ended_at").Sub(moment(t, inv, from)); d < least || d > most {
		t.Errorf("%s %s: it ended %v after %s, want %v to %v", inv["state"], inv["error"], d, from, least, most)
	}
}

func expectEnd(t *testing.T, inv object, state, failure string) {
	t.Helper()
	if text(inv, "state") != state || text(inv, "error") != failure {
		t.Errorf("it ended %v %v, want %s %s", inv["state"], inv["error"], state, failure)
	}
}

// late is for a busy machine.
const late = 1500 * time.Millisecond

// TestContractReach: the reach time over, with a callee that nobody finds, one
// whose device has no app, and one whose app comes in time.
func TestContractReach(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	far := text(caller.ring(nobody, `"reach_ms":1000`), "id")
	mute := text(caller.ring(callee.ID, `"reach_ms":2000`), "id")
	inTime := text(caller.ring(callee.ID, `"reach_ms":20000,"app":"slow"`), "id")
	end := caller.end(far)
	expectEnd(t, end, "failure", "peer_offline")
	took(t, end, "sent_at", time.Second, time.Second+late)
	end = caller.end(mute)
	expectEnd(t, end, "failure", "peer_no_response")
	took(t, end, "sent_at", 1900*time.Millisecond, 2*time.Second+late)
	app := callee.follow("?app=slow")
	app.await("remote_invitation_received", inTime)
	callee.want(200, "POST", "/v1/invitations/"+inTime+"/accept", "")
	expectEnd(t, caller.end(inTime), "accepted_by_remote", "")
}

// TestContractRing: the ring time over on both sides, and the callee's cap,
// which the caller is told.
func TestContractRing(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app, local := callee.follow("?app=call"), caller.follow("?app=call")
	capped := text(caller.ring(callee.ID, `"ring_ms":600000`), "id")
	short := text(caller.ring(callee.ID, `"ring_ms":1500`), "id")
	app.await("remote_invitation_received", short)
	local.await("local_invitation_received_by_peer", short)
	for _, end := range []object{caller.end(short), callee.end(short)} {
		expectEnd(t, end, "failure", "invitation_expire")
		took(t, end, "received_at", 1400*time.Millisecond, 1500*time.Millisecond+late)
	}
	for _, d := range []*Device{caller, callee} {
		inv := d.want(200, "GET", "/v1/invitations/"+capped, "").body
		left, ends := num(inv, "left_ms"), time.Until(moment(t, inv, "expires_at"))
		if left > 120_000 || left < 100_000 || ends > 120*time.Second || ends < 100*time.Second {
			t.Errorf("%s: left_ms %v, expires_at in %v; the callee's cap is 120 s", inv["kind"], left, ends)
		}
	}
}

// TestContractComingBack: a callee that was not there when it was invited, but
// is within the reach time, rings.
func TestContractComingBack(t *testing.T) {
	t.Parallel()
	port := "/ip4/127.0.0.1/tcp/" + freePort(t)
	callee := Start(t, "--listen", port)
	caller := Start(t, "--bootstrap", callee.Address("tcp"))
	app := callee.follow("?app=call")
	callee.Kill()
	app.close()
	inv := caller.ring(callee.ID, `"reach_ms":25000`)
	id := text(inv, "id")
	if now := caller.want(200, "GET", "/v1/invitations/"+id+"?wait=ended&wait_ms=1200", "").body; text(now, "state") != "sent_to_remote" ||
		!strings.Contains("locating connecting", text(now, "progress")) {
		t.Errorf("while the callee is away: %v", now)
	}
	callee.Restart()
	app = callee.follow("?app=call")
	if app.live()[id] == nil {
		app.await("remote_invitation_received", id)
	}
	callee.want(200, "POST", "/v1/invitations/"+id+"/refuse", `{"reason":"busy"}`)
	if end := caller.end(id); text(end, "reason") != "busy" {
		t.Errorf("refused: %v", end)
	}
}
