package invitation_test

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func unheard() *bench {
	b := newBench()
	b.env.Link = invitation.Link{Writable: true}
	return local(b).step(invitation.Send{})
}

// longRing is an invitation that may ring for ten minutes.
func longRing() *bench {
	b := newBench()
	inv := inviteMsg()
	inv.Ring = protocol.MaxTime
	m, out := invitation.NewRemote(b.env, "A", "B", inv)
	b.m, b.env.App = m, true
	b.note(out, nil)
	return b.step(invitation.AppCame{}).step(invitation.HandedOver{})
}

// cutOff is a bid whose caller is not heard any more.
func cutOff() *bench {
	b := bid()
	b.env.Link.Writable, b.env.Link.Open = false, false
	return b
}

// restored is a form after a restart of its daemon.
func restored(build func() *bench) func() *bench {
	return func() *bench {
		b := build()
		b.m = invitation.Restore(b.env.Now, b.m.Form())
		b.env.Link = invitation.Link{}
		return b
	}
}

var end = protocol.Failure("")

// owedBound is how long after its end a side owes what is no decision.
const owedBound = benchReach + benchRing + protocol.ConfirmTime + protocol.EndMargin

const second = time.Second

// clocks are all clocks of both forms, each with what its end brings.
var clocks = []struct {
	name    string
	build   func() *bench
	heard   bool // the other side goes on being heard
	after   time.Duration
	state   invitation.State
	failure protocol.Failure
	owes    bool
}{
	{"idle", func() *bench { return local(newBench()) }, true, 24 * time.Hour, invitation.Failed, protocol.InvitationExpire, false},
	{"reach, nothing heard", unheard, false, 30 * second, invitation.Failed, protocol.PeerOffline, true},
	{"reach, something heard", sent, true, 30 * second, invitation.Failed, protocol.PeerNoResponse, true},
	{"reach, Delivered", func() *bench { return unheard().recv(protocol.Delivered{ID: benchID}) }, false, 30 * second, invitation.Failed, protocol.PeerNoResponse, true},
	{"ring at the caller", rung, true, 60 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"ring at the caller, shortened", func() *bench { return rung().recv(protocol.Received{ID: benchID, RingLeft: 7 * second}) }, true, 7 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"ring at the caller, not lengthened", func() *bench { return sent().recv(protocol.Received{ID: benchID, RingLeft: 600 * second}) }, true, 60 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"canceling while sent", func() *bench { return sent().step(cancelVerb) }, true, 5 * second, invitation.Canceled, end, true},
	{"canceling while ringing", func() *bench { return rung().step(cancelVerb) }, true, 5 * second, invitation.Canceled, end, true},
	{"held", func() *bench { return remote(newBench()) }, true, 30 * second, invitation.Missed, end, true},
	{"not handed over", func() *bench { return situations[15].build() }, true, 30 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"ring at the callee", ringing, true, 60 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"ring at the callee, capped", longRing, true, 120 * second, invitation.Failed, protocol.InvitationExpire, true},
	{"caller lost while ringing", func() *bench { return ringing().hear(0) }, false, 10 * second, invitation.Failed, protocol.PeerOffline, true},
	{"caller lost after a restart", restored(ringing), false, 10 * second, invitation.Failed, protocol.PeerOffline, true},
	{"caller lost during a bid", func() *bench { return cutOff().hear(0) }, false, 10 * second, invitation.Failed, protocol.PeerOffline, true},
	{"bid", bid, true, 5 * second, invitation.Failed, protocol.AcceptFailure, true},
	{"bid, caller not heard for a while", func() *bench {
		b := bid().pass(4 * second)
		b.env.Link.LastHeard, b.env.Link.HeardSince = b.env.Now.Clock, b.env.Now.Clock
		return b
	}, true, 5 * second, invitation.Failed, protocol.AcceptFailure, true},
	{"bid, new session", func() *bench { return bid().hear(4 * second).step(invitation.SessionUp{}) }, true, 5 * second, invitation.Failed, protocol.AcceptFailure, true},
	{"bid while logging out", func() *bench {
		b := cutOff()
		return b.step(invitation.Logout{})
	}, false, 5 * second, invitation.Failed, protocol.PeerOffline, true},
	{"bid after logging in again", func() *bench {
		return cutOff().hear(0).step(invitation.Logout{}).step(invitation.Login{})
	}, false, 10 * second, invitation.Failed, protocol.PeerOffline, true},
	{"bid after the ring's end", func() *bench {
		b := ringing().hear(benchRing - second).step(acceptVerb)
		b.env.Link.Open = false
		return b
	}, false, 6 * second, invitation.Failed, protocol.PeerOffline, true},
	{"Cancel is owed", func() *bench { return rung().step(invitation.Logout{}) }, true, 24 * time.Hour, invitation.Canceled, end, false},
	{"Confirm is owed", accepted, true, 24 * time.Hour, invitation.AcceptedByRemote, end, false},
	{"Refuse is owed", func() *bench { return ringing().step(refuseVerb) }, true, owedBound, invitation.Refused, end, false},
	{"Done is owed by the caller", func() *bench { return situations[12].build() }, true, owedBound, invitation.Failed, protocol.InvitationExpire, false},
	{"Done is owed by the callee", func() *bench { return situations[23].build() }, true, owedBound, invitation.Failed, protocol.InvitationExpire, false},
}

// TestClocks holds each clock to the nanosecond: before it nothing, at it the
// end, after it the end.
func TestClocks(t *testing.T) {
	for _, tt := range clocks {
		t.Run(tt.name, func(t *testing.T) {
			for _, off := range []time.Duration{-1, 0, 1} {
				b := tt.build()
				before := b.m.Form()
				if tt.heard {
					b.hear(tt.after + off)
				} else {
					b.pass(tt.after + off)
				}
				b.step(invitation.Wake{})
				f := b.m.Form()
				if off < 0 {
					if f.State != before.State || f.Owes != before.Owes || f.Canceling != before.Canceling {
						t.Fatalf("1 ns too early: %s%s", f.State, outcome(&f))
					}
					if next := b.last.Wake.Sub(b.env.Now.Clock); next <= 0 || next > protocol.SayAtLeast && next != 1 {
						t.Errorf("1 ns before, the next look is in %v", next)
					}
					continue
				}
				if f.State != tt.state || f.Failure != tt.failure || f.Owes != tt.owes {
					t.Fatalf("%v after the moment: %s%s, owes %v", off, f.State, outcome(&f), f.Owes)
				}
			}
		})
	}
}

// TestBidStandsStill keeps a bid whose caller was not heard for 2.5 s.
func TestBidStandsStill(t *testing.T) {
	for _, off := range []time.Duration{-1, 0, 1} {
		b := bid()
		b.env.Link.LastHeard = b.env.Now.Clock.Add(protocol.ConfirmTime - protocol.StandStill - off)
		b.pass(protocol.ConfirmTime).step(invitation.Wake{})
		want := invitation.AcceptSentToLocal
		if off < 0 {
			want = invitation.Failed
		}
		if got := b.m.Form().State; got != want {
			t.Errorf("nothing heard for 2.5 s and %v: %s, want %s", off, got, want)
		}
	}
}

// TestNothingRingsForAGoneCaller lets an app come late.
func TestNothingRingsForAGoneCaller(t *testing.T) {
	for _, off := range []time.Duration{-1, 0, 1} {
		b := remote(newBench())
		b.env.App, b.env.Link.LastHeard = true, b.env.Now.Clock
		b.pass(protocol.CallerLost + off).step(invitation.AppCame{})
		want := invitation.Held
		if off < 0 {
			want = invitation.InvitationReceived
		}
		if got := b.m.Form().State; got != want {
			t.Errorf("caller heard 10 s and %v ago: %s, want %s", off, got, want)
		}
	}
}

// TestOverdueFirst lets clocks that are over fire before a verb or a message.
func TestOverdueFirst(t *testing.T) {
	b := rung().hear(benchRing).recv(protocol.Accept{ID: benchID, Response: "answer"})
	if f := b.m.Form(); f.State != invitation.Failed {
		t.Errorf("Accept at the ring's end: %s", f.State)
	}
	b = ringing().hear(benchRing).step(acceptVerb)
	if f := b.m.Form(); f.State != invitation.Failed || b.err == nil {
		t.Errorf("accept at the ring's end: %s, %v", f.State, b.err)
	}
}

// TestInviteWithoutTimeLeft never rings.
func TestInviteWithoutTimeLeft(t *testing.T) {
	b := newBench()
	b.env.App = true
	inv := inviteMsg()
	inv.ReachLeft = 0
	m, out := invitation.NewRemote(b.env, "A", "B", inv)
	if f := m.Form(); f.State != invitation.Missed || len(out.Emit) != 1 ||
		out.Emit[0].Callback != invitation.RemoteMissed || len(out.Send) != 1 {
		t.Errorf("%s, tells %v, says %v", f.State, out.Emit, out.Send)
	}
}

// TestRebase moves deadlines to another boot.
func TestRebase(t *testing.T) {
	wall := time.Unix(1e9, 0)
	saved := invitation.Stamp{BootID: "one", Clock: 1000, Wall: wall}
	tests := []struct {
		name         string
		state        invitation.State
		left, passed time.Duration // by the wall
		boot         string
		want         time.Duration // left
	}{
		{"same boot", invitation.SentToRemote, time.Minute, time.Hour, "one", time.Minute},
		{"another boot", invitation.SentToRemote, time.Minute, 20 * time.Second, "two", 40 * time.Second},
		{"wall clock set back", invitation.SentToRemote, time.Minute, -time.Hour, "two", time.Minute},
		{"over meanwhile", invitation.SentToRemote, time.Minute, time.Hour, "two", 0},
		{"was over", invitation.SentToRemote, -time.Minute, 0, "two", 0},
		{"bid after the ring's end", invitation.AcceptSentToLocal, -2 * time.Second, time.Second, "two", -3 * time.Second},
		{"bid long over", invitation.AcceptSentToLocal, time.Second, time.Hour, "two", -protocol.ConfirmTime},
	}
	for _, tt := range tests {
		f := invitation.Form{State: tt.state, Deadline: saved.Clock.Add(tt.left)}
		now := invitation.Stamp{BootID: tt.boot, Clock: protocol.Instant(time.Hour), Wall: wall.Add(tt.passed)}
		if tt.boot == "one" {
			now.Clock = saved.Clock
		}
		f.Rebase(saved, now)
		if got := f.Deadline.Sub(now.Clock); got != tt.want {
			t.Errorf("%s: %v left, want %v", tt.name, got, tt.want)
		}
	}
}
