package invitation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func TestMarkdown(t *testing.T) {
	for _, table := range [][]*invitation.Row{invitation.LocalTable, invitation.RemoteTable} {
		lines := strings.Split(strings.TrimSpace(invitation.Markdown(table)), "\n")
		if len(lines) != len(table)+2 || lines[0] != "| from | on | to | callback |" {
			t.Fatalf("%d lines for %d rows, first %q", len(lines), len(table), lines[0])
		}
		for i, line := range lines {
			if strings.Count(line, "|") != 5 {
				t.Errorf("line %d has not four cells: %s", i+1, line)
			}
		}
	}
	one := []*invitation.Row{{Name: "x", From: []invitation.State{invitation.SentToRemote, invitation.ReceivedByRemote}, Sub: invitation.NotCanceling, On: "Accept", To: invitation.AcceptedByRemote, Callback: invitation.LocalAccepted}}
	want := "| sent_to_remote, received_by_remote; not canceling | Accept | accepted_by_remote | local_invitation_accepted |"
	if got := invitation.Markdown(one); !strings.Contains(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestView is what apps see of the running clock.
func TestView(t *testing.T) {
	b := rung().hear(20 * time.Second)
	f := b.m.Form()
	if v := f.View(b.env.Now); v.Left != 40*time.Second || !v.ExpiresAt.Equal(b.env.Now.Wall.Add(40*time.Second)) {
		t.Errorf("after 20 s of ringing: %v left, ends at %v", v.Left, v.ExpiresAt)
	}
	b.step(cancelVerb)
	f = b.m.Form()
	if v := f.View(b.env.Now); v.Left != 0 || !v.ExpiresAt.IsZero() {
		t.Errorf("while canceling no clock is shown, got %v", v.Left)
	}
}

// TestReferenceNumbers are the reference's numbers of the states.
func TestReferenceNumbers(t *testing.T) {
	tests := []struct {
		kind   invitation.Kind
		states []invitation.State
		first  int
	}{
		{invitation.KindLocal, []invitation.State{invitation.Idle, invitation.SentToRemote, invitation.ReceivedByRemote, invitation.AcceptedByRemote, invitation.RefusedByRemote, invitation.Canceled, invitation.Failed}, 0},
		{invitation.KindRemote, []invitation.State{invitation.InvitationReceived, invitation.AcceptSentToLocal, invitation.Refused, invitation.Accepted, invitation.Canceled, invitation.Failed}, 1},
	}
	for _, tt := range tests {
		for i, s := range tt.states {
			if got := s.Number(tt.kind); got != tt.first+i {
				t.Errorf("%s %s has number %d, want %d", tt.kind, s, got, tt.first+i)
			}
		}
	}
	if got := invitation.Held.Number(invitation.KindRemote); got != -1 {
		t.Errorf("held has number %d; the reference has none", got)
	}
}

// TestSides is who the other one is, and what apps may know of.
func TestSides(t *testing.T) {
	l, r := local(newBench()).m.Form(), remote(newBench()).m.Form()
	if l.Peer() != "B" || r.Peer() != "A" {
		t.Errorf("the peers are %s and %s", l.Peer(), r.Peer())
	}
	if !l.Visible() || r.Visible() {
		t.Error("an idle form is visible, a held one is not")
	}
}

// TestRestartedMachineIsTheSame restores every situation and compares what it
// says on a new session.
func TestRestartedMachineIsTheSame(t *testing.T) {
	for _, s := range situations {
		if strings.Contains(s.name, "never") || strings.Contains(s.name, "no session") {
			continue // after a restart it is assumed that it was written
		}
		a, b := s.build(), s.build()
		b.m = invitation.Restore(b.env.Now, b.m.Form())
		a.step(invitation.SessionUp{})
		b.step(invitation.SessionUp{})
		if len(a.last.Send) != len(b.last.Send) || len(a.last.Send) == 1 && a.last.Send[0] != b.last.Send[0] {
			t.Errorf("%s: says %v, after a restart %v", s.name, a.last.Send, b.last.Send)
		}
	}
	if protocol.CallerLost <= protocol.SessionSilence {
		t.Error("a caller may be lost only after a session of it can be found dead")
	}
}
