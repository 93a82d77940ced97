package invitation_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crossed plays commands of the transcripts in a world in which A has
// invitation 1, a, and B has 2, b; a is the lower one.
func crossed(t *testing.T, script string) *world {
	t.Helper()
	w := newWorld(1, newCoverage())
	w.log = &strings.Builder{}
	w.latency = 50 * time.Millisecond
	w.inv = append(w.inv, &plan{n: 1, id: protocol.ID{15: 1}, reach: protocol.DefaultReach, ring: protocol.DefaultRing})
	for _, d := range w.dev {
		d.user.handOver = 10 * time.Millisecond
	}
	for _, command := range strings.Split(script, ";") {
		if !w.command(strings.Fields(command)) {
			t.Fatalf("no such command: %q", command)
		}
		w.run(w.now)
	}
	t.Cleanup(func() {
		if w.failed != "" {
			t.Error(w.failed)
		}
		if t.Failed() {
			t.Log(w.log.String())
		}
	})
	return w
}

// form is what a device has of an invitation.
func (w *world) form(dev, n int) invitation.Form { return w.dev[dev].insts[n].m.Form() }

const (
	devA = 0
	devB = 1
)

var idA, idB = protocol.ID{15: 1}, protocol.ID{15: 2}

// glareSentences are those of the specification's part about glare, in its
// order, with a conversation that shows each.
var glareSentences = map[string]struct {
	script string
	holds  func(t *testing.T, w *world)
}{
	"independent invitations both ring, and each form is marked at once": {
		"glare independent; A send; B send; wait 120ms", func(t *testing.T, w *world) {
			for dev := range w.dev {
				own, theirs := w.form(dev, 1+dev), w.form(dev, 2-dev)
				if theirs.State != invitation.InvitationReceived || own.GlareWith != theirs.ID || theirs.GlareWith != own.ID {
					t.Errorf("device %d: own %+v, theirs %+v", dev, own, theirs)
				}
			}
		}},
	"who learns of b by the bid alone marks it, too": {
		"glare merge; A send; wait 300ms; B send; wait 200ms", func(t *testing.T, w *world) {
			if a := w.form(devA, 1); w.dev[devA].insts[2] != nil || a.GlareWith != idB || a.MergedWith != idB {
				t.Errorf("a %+v", a)
			}
		}},
	"another room is no glare": {
		"glare merge; A send; wait 300ms", func(t *testing.T, w *world) {
			w.inv[2].channel = "elsewhere"
			w.deviceCommand(w.dev[devB], "send", "")
			w.run(w.now + time.Second)
			if a, b := w.form(devB, 1), w.form(devB, 2); a.State != invitation.InvitationReceived || !a.GlareWith.IsZero() || b.State != invitation.ReceivedByRemote {
				t.Errorf("a %+v, b %+v", a, b)
			}
		}},
	"one who does not want to merge is enough": {
		"glare merge", func(t *testing.T, w *world) {
			w.inv[2].glare = protocol.GlareIndependent
			w.command([]string{"A", "send"})
			w.command([]string{"B", "send"})
			w.run(w.now + 300*time.Millisecond)
			if a, b := w.form(devB, 1), w.form(devA, 2); a.State != invitation.InvitationReceived || b.State != invitation.InvitationReceived {
				t.Errorf("a %s, b %s", a.State, b.State)
			}
		}},
	"the bid has b's content for its response, and b is parked": {
		"glare merge; A send; B send; wait 60ms", func(t *testing.T, w *world) {
			a, b := w.form(devB, 1), w.form(devB, 2)
			if a.State != invitation.AcceptSentToLocal || a.Response != "offer 2" || a.Pair != idB || b.Pair != idA || b.State != invitation.SentToRemote {
				t.Errorf("a %+v, b %+v", a, b)
			}
		}},
	"the winner does not ring b": {
		"glare merge; A send; B send; wait 60ms", func(t *testing.T, w *world) {
			if b := w.form(devA, 2); b.State != invitation.Held {
				t.Errorf("b is %s", b.State)
			}
		}},
	"the winner ends b in the transaction in which it accepts a": {
		"glare merge; A send; B send; wait 70ms; A dies before-sending; wait 1s", func(t *testing.T, w *world) {
			a, b := w.dev[devA].disk.rec[1].form, w.dev[devA].disk.rec[2].form
			if (a.State == invitation.AcceptedByRemote) != (b.State == invitation.Missed) {
				t.Errorf("journalled: a %s, b %s", a.State, b.State)
			}
		}},
	"b ends only with Confirm(a)": {
		"glare merge; A send; B send; wait 70ms; silent B; wait 5s", func(t *testing.T, w *world) {
			if a, b := w.form(devA, 1), w.form(devB, 2); a.State != invitation.AcceptedByRemote || b.Ended() {
				t.Errorf("a %s, b %s", a.State, b.State)
			}
		}},
	"accepted, merged with b, and then canceled": {
		"glare merge; A send; B send; wait 1s", func(t *testing.T, w *world) {
			a, b := w.form(devB, 1), w.form(devB, 2)
			if a.State != invitation.Accepted || a.MergedWith != idB || b.State != invitation.Canceled || b.Reason != protocol.ReasonSuperseded || b.MergedWith != idA {
				t.Errorf("a %+v, b %+v", a, b)
			}
			log := w.log.String()
			first, second := strings.Index(log, "B app <- remote_invitation_accepted"), strings.Index(log, "B app <- local_invitation_canceled")
			if first < 0 || second < first || strings.Contains(log, "remote_invitation_received") {
				t.Error("the loser's app sees something else")
			}
			if a := w.form(devA, 1); a.MergedWith != idB || a.Response != "offer 2" {
				t.Errorf("the winner's a %+v", a)
			}
			if n := slices.Index(w.dev[devA].disk.rec[2].events, invitation.RemoteReceived); n >= 0 {
				t.Error("b rang at the winner's")
			}
		}},
	"the bid has no confirm clock and does not miss its caller": {
		"glare merge; A send; B send; wait 70ms; link down; wait 25s", func(t *testing.T, w *world) {
			if a := w.form(devB, 1); a.State != invitation.AcceptSentToLocal {
				t.Errorf("the bid is %s", a.State)
			}
		}},
	"the bid ends with b": {
		"glare merge; A send; B send; wait 70ms; link down; wait 31s", func(t *testing.T, w *world) {
			if a, b := w.form(devB, 1), w.form(devB, 2); a.State != invitation.Failed || b.State != invitation.Failed {
				t.Errorf("a %s, b %s", a.State, b.State)
			}
		}},
	"the user's own answer stands when he accepts by hand": {
		"glare merge; B send; wait 300ms; silent B; A send; A accept", func(t *testing.T, w *world) {
			if a, b := w.form(devA, 1), w.form(devA, 2); b.Response != "answer" || b.Pair != idA || a.Pair != idB {
				t.Errorf("a %+v, b %+v", a, b)
			}
		}},
	"of crossing bids only the one for the lower is taken": {
		"glare merge; B send; wait 300ms; A send; A accept; wait 1s", func(t *testing.T, w *world) {
			if a, b := w.form(devB, 1), w.form(devB, 2); a.State != invitation.Accepted || b.Reason != protocol.ReasonSuperseded {
				t.Errorf("a %s, b %s", a.State, b.State)
			}
		}},
}

func TestGlareSentences(t *testing.T) {
	for name, c := range glareSentences {
		t.Run(name, func(t *testing.T) { c.holds(t, crossed(t, c.script)) })
	}
}

// TestGlareLowestPair: of several invitations only the lowest live one of each
// side pairs; the others go their own way, and the next may pair when it ends.
func TestGlareLowestPair(t *testing.T) {
	w := crossed(t, "glare merge")
	for n, caller := range map[int]int{3: 0} {
		v := *w.inv[1]
		v.n, v.id, v.caller, v.content = n, protocol.ID{15: byte(n)}, caller, "offer 3"
		w.inv = append(w.inv, &v)
	}
	// b is 2; a's are 1 and, higher than b, 3.
	for _, n := range []int{1, 3} {
		w.dev[devA].create(n)
		w.dev[devA].verb(n, invitation.Send{})
	}
	w.run(w.now + 300*time.Millisecond)
	w.cut(false, [2]bool{true, true})
	w.dev[devB].create(2)
	w.dev[devB].verb(2, invitation.Send{})
	if a1, a3, b := w.form(devB, 1), w.form(devB, 3), w.form(devB, 2); a1.Pair != idB || b.Pair != idA || a3.State != invitation.InvitationReceived {
		t.Errorf("1 %+v, 3 %+v, b %+v", a1, a3, b)
	}
	w.run(w.now + 20*time.Second)
	if a3, b := w.form(devB, 3), w.form(devB, 2); a3.Ended() && a3.Reason == protocol.ReasonSuperseded || b.Reason != protocol.ReasonSuperseded {
		t.Errorf("3 %+v, b %+v", a3, b)
	}
}

// TestGlareNextPair: when the lower one ends unaccepted, b goes on behind the
// next one that is lower.
func TestGlareNextPair(t *testing.T) {
	w := crossed(t, "glare merge")
	v := *w.inv[1]
	v.n, v.id, v.caller, v.content = 3, protocol.ID{15: 3}, devB, "offer 3"
	w.inv[2].caller = devA // a's are 1 and 2, b is 3
	w.inv = append(w.inv, &v)
	for _, n := range []int{1, 2} {
		w.dev[devA].create(n)
		w.dev[devA].verb(n, invitation.Send{})
	}
	w.run(w.now + 300*time.Millisecond)
	w.dev[devA].verb(1, cancelVerb)
	w.dev[devB].create(3)
	w.dev[devB].verb(3, invitation.Send{})
	if b := w.form(devB, 3); b.Pair != idA {
		t.Fatalf("b is tied to %v", b.Pair)
	}
	w.run(w.now + time.Second)
	if a2, b := w.form(devB, 2), w.form(devB, 3); a2.State != invitation.Accepted || a2.MergedWith != b.ID || b.Reason != protocol.ReasonSuperseded {
		t.Errorf("2 %+v, b %+v", a2, b)
	}
}

// TestGlareTiedTooLate: a bid that went out without a word of an own invitation
// which was said, too, is not tied to it afterwards: the other side may have
// bid for that meanwhile.
func TestGlareTiedTooLate(t *testing.T) {
	w := crossed(t, "glare merge")
	v := *w.inv[2]
	v.n, v.id, v.content = 3, protocol.ID{15: 3}, "offer 3"
	w.inv = append(w.inv, &v)
	for _, n := range []int{2, 3} {
		w.dev[devB].create(n)
		w.dev[devB].verb(n, invitation.Send{})
	}
	w.run(w.now + 300*time.Millisecond)
	w.dev[devA].create(1)
	w.dev[devA].verb(1, invitation.Send{})
	w.dev[devA].verb(3, acceptVerb)
	w.dev[devA].verb(2, refuseVerb)
	if a, b := w.form(devA, 1), w.form(devA, 3); !a.Pair.IsZero() || !b.Pair.IsZero() {
		t.Errorf("a %+v, b %+v", a, b)
	}
	w.run(w.now + 5*time.Second)
	for n := 1; n <= 3; n++ {
		w.checkAgreement(w.inv[n])
	}
}
