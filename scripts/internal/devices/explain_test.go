package devices

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/beckon-p2p/beckon/api"
)

// explain asks why an invitation did or did not ring.
func (d *Device) explain(id string) api.Explanation {
	d.t.Helper()
	x, err := d.Explain(Context(d.t), id, true)
	if err != nil {
		d.t.Fatal(err)
	}
	return x
}

// stepsOf are the codes of one side's steps.
func stepsOf(x api.Explanation, side string) []string {
	var codes []string
	for _, s := range x.Steps {
		if s.Side == side {
			codes = append(codes, s.Code)
		}
	}
	return codes
}

// verdict checks what the explanation comes to.
func verdict(t *testing.T, x api.Explanation, rang bool, code, other string) {
	t.Helper()
	if x.Verdict.Rang != rang || x.Verdict.Code != code || x.Other != other || x.Verdict.Sentence == "" {
		t.Errorf("verdict %+v, other %s; want rang %v, %s, %s\nsteps %+v", x.Verdict, x.Other, rang, code, other, x.Steps)
	}
}

// fails rings WHO with a short reach and waits for the end.
func (d *Device) fails(who string, reach int64) api.Invitation {
	d.t.Helper()
	inv, err := d.Create(Context(d.t), api.CreateInvitation{CalleeID: who, ReachMS: reach})
	if err != nil {
		d.t.Fatal(err)
	}
	if inv, err = d.Wait(Context(d.t), inv.ID); err != nil {
		d.t.Fatal(err)
	}
	return inv
}

const unknownPeer = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

// TestExplainUnknownPeer: no source knows the callee.
func TestExplainUnknownPeer(t *testing.T) {
	t.Parallel()
	a, _ := pair(t)
	inv := a.fails(unknownPeer, 1000)
	x := a.explain(inv.ID)
	verdict(t, x, false, "no_address", api.OtherUnreachable)
	if !slices.Contains(stepsOf(x, api.SideHere), "asked") {
		t.Errorf("steps %+v", x.Steps)
	}
}

// TestExplainNoApp: the callee's daemon had it, and no app was there; told on
// both devices, of both if the other shares.
func TestExplainNoApp(t *testing.T) {
	t.Parallel()
	a := Start(t, "--share-timeline")
	b := Start(t, "--bootstrap", a.Address("quic"))
	inv := b.fails(a.ID, 1500)
	x := b.explain(inv.ID)
	verdict(t, x, false, "no_app", api.OtherMerged)
	if x.Alignment == nil || x.Alignment.Pairs != 2 || x.Alignment.WithinMS == nil {
		t.Errorf("alignment %+v", x.Alignment)
	}
	if there := stepsOf(x, api.SideThere); !slices.Contains(there, "no_app") {
		t.Errorf("the other's steps are %v", there)
	}
	verdict(t, a.explain(inv.ID), false, "no_app_here", api.OtherOff)
}

// TestExplainLateAppAndGivingUp: the app comes late, it rings, the caller gives up.
func TestExplainLateAppAndGivingUp(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	appA := a.NewApp()
	inv := a.Ring(b, nil)
	appA.AwaitProgress(inv.ID, api.ProgressDelivered)
	if r := b.ask("GET", "/v1/invitations/"+inv.ID+"/explain", ""); r.status != 404 {
		t.Errorf("held: %d", r.status)
	}
	verdict(t, a.explain(inv.ID), false, "waiting_for_app", api.OtherOff)
	a.awaitStep(inv.ID, "repeat_read") // a while without an app
	appB := b.NewApp()
	appB.Await(api.RemoteInvitationReceived, inv.ID)
	appA.Await(api.LocalInvitationReceivedByPeer, inv.ID)
	verdict(t, a.explain(inv.ID), true, "ringing", api.OtherOff)
	if _, err := a.Cancel(Context(t), inv.ID, ""); err != nil {
		t.Fatal(err)
	}
	appB.Await(api.RemoteInvitationCanceled, inv.ID)
	appA.Await(api.LocalInvitationCanceled, inv.ID)
	for _, c := range []struct {
		d    *Device
		code string
	}{{a, "canceled_while_ringing"}, {b, "caller_canceled"}} {
		x := c.d.explain(inv.ID)
		verdict(t, x, true, c.code, api.OtherOff)
		if !strings.Contains(x.Verdict.Sentence, "late, because no app was listening for the first") {
			t.Errorf("it does not say that the app came late: %+v", x.Verdict)
		}
		if len(stepsOf(x, api.SideThere)) > 0 {
			t.Errorf("steps of a device that shares none: %+v", x.Steps)
		}
	}
}

// awaitStep waits for a step of a live invitation.
func (d *Device) awaitStep(id, code string) {
	d.t.Helper()
	for ctx := Context(d.t); ; {
		x, err := d.Explain(ctx, id, false)
		if err != nil {
			d.t.Fatalf("no step %s: %v", code, err)
		}
		if slices.Contains(stepsOf(x, api.SideHere), code) {
			return
		}
	}
}

// TestExplainAddresses: what a device knows of the callee leads nowhere: the
// port is closed, another peer is there, or nothing ever answers.
func TestExplainAddresses(t *testing.T) {
	t.Parallel()
	silent, err := net.ListenPacket("udp4", "127.0.0.1:0") // takes packets, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	mute, err := net.Listen("tcp4", "127.0.0.1:0") // takes connections, and closes them
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := mute.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { mute.Close() })
	port := func(a net.Addr) string { _, p, _ := net.SplitHostPort(a.String()); return p }
	closedPort := strconv.Itoa(boundPort(t))
	third := Start(t)
	theirs, _, _ := strings.Cut(third.Address("/tcp/"), "/p2p/")
	for _, c := range []struct{ name, address, code, word string }{
		{"refused", "/ip4/127.0.0.1/tcp/" + closedPort, "refused_address", "refused"},
		{"blackholed", "/ip4/127.0.0.1/udp/" + port(silent.LocalAddr()) + "/quic-v1", "no_answer", "timeout"},
		{"wrong peer", theirs, "wrong_peer", "wrong_peer"},
		{"no peer", "/ip4/127.0.0.1/tcp/" + port(mute.Addr()), "handshake_failed", "handshake"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := Start(t, "--bootstrap", c.address+"/p2p/"+unknownPeer)
			x := a.explain(a.fails(unknownPeer, 6000).ID)
			verdict(t, x, false, c.code, api.OtherUnreachable)
			var words []string
			for _, s := range x.Steps {
				if s.Code == "dial_failed" {
					words = append(words, s.Error+" "+strconv.Itoa(s.Count))
				}
			}
			if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, c.word+" ") }) {
				t.Errorf("the dials failed by %v, want %s", words, c.word)
			}
		})
	}
}

// boundPort returns a TCP port that is taken, so that no other test gets it, and
// on which nobody listens.
func boundPort(t *testing.T) int {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return at.(*syscall.SockaddrInet4).Port
}

// TestExplainSurvivesKill: a daemon that was killed while it rang tells what came
// before, and that it was started again.
func TestExplainSurvivesKill(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	appA, appB := a.NewApp(), b.NewApp()
	inv := a.Ring(b, nil)
	appB.Await(api.RemoteInvitationReceived, inv.ID)
	appA.Await(api.LocalInvitationReceivedByPeer, inv.ID)
	a.AwaitFile("beckon.db-wal", `"received_read"`) // steps are journalled within a second
	a.KeepAddresses()
	a.Kill()
	a.Restart()
	if _, err := b.Accept(Context(t), inv.ID, ""); err != nil {
		t.Fatal(err)
	}
	appA.Await(api.LocalInvitationAccepted, inv.ID)
	x := a.explain(inv.ID)
	verdict(t, x, true, "accepted", api.OtherOff)
	here := stepsOf(x, api.SideHere)
	for _, code := range []string{"sent", "invite_written", "received_read", "restarted", "accept_read"} {
		if !slices.Contains(here, code) {
			t.Errorf("no step %s in %v", code, here)
		}
	}
}
