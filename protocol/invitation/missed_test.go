package invitation_test

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// TestMissedSaysWhy: however an invitation ends that was held, the app is told
// once, with a word for it.
func TestMissedSaysWhy(t *testing.T) {
	for _, tt := range []struct {
		want protocol.Why
		in   invitation.Input
		wait time.Duration
	}{
		{protocol.WhyNoApp, invitation.Wake{}, benchReach},
		{protocol.WhyNoApp, invitation.Recv{Message: done(protocol.OutcomeFailure)}, 0},
		{protocol.WhyLoggedOut, invitation.Logout{}, 0},
		{protocol.WhyCanceled, invitation.Recv{Message: protocol.Cancel{ID: benchID, Reason: protocol.ReasonShutdown}}, 0},
		{protocol.WhyCanceled, invitation.Recv{Message: done(protocol.OutcomeCanceled)}, 0},
		{protocol.WhyAnsweredElsewhere, invitation.Recv{Message: done(protocol.OutcomeAccepted)}, 0},
		{protocol.WhyRefusedElsewhere, invitation.Recv{Message: done(protocol.OutcomeRefused)}, 0},
	} {
		b := remote(newBench()).pass(tt.wait).step(tt.in)
		f := b.m.Form()
		if f.State != invitation.Missed || f.MissedWhy != tt.want || f.MissedCount != 1 || !f.MissedAt.Equal(f.CreatedAt) {
			t.Errorf("%s after %T: %s, %d since %v", f.State, tt.in, f.MissedWhy, f.MissedCount, f.MissedAt)
		}
		if len(b.told) != 1 || b.told[0] != invitation.RemoteMissed {
			t.Errorf("%s: told %v", tt.want, b.told)
		}
	}
}

// TestNeverRang: which ends of a caller are worth a notice.
func TestNeverRang(t *testing.T) {
	sent := invitation.Form{Kind: invitation.KindLocal, SentAt: time.Unix(1, 0)}
	for _, tt := range []struct {
		name   string
		want   protocol.Why
		change func(f *invitation.Form)
	}{
		{"nobody heard", protocol.WhyPeerOffline, func(f *invitation.Form) { f.State, f.Failure = invitation.Failed, protocol.PeerOffline }},
		{"no app", protocol.WhyPeerNoResponse, func(f *invitation.Form) { f.State, f.Failure = invitation.Failed, protocol.PeerNoResponse }},
		{"canceled", protocol.WhyCanceled, func(f *invitation.Form) { f.State, f.Reason = invitation.Canceled, protocol.ReasonCanceled }},
		{"logged out", protocol.WhyCanceled, func(f *invitation.Form) { f.State, f.Reason = invitation.Canceled, protocol.ReasonShutdown }},
		{"another device answered", "", func(f *invitation.Form) { f.State, f.Reason = invitation.Canceled, protocol.ReasonAnsweredElsewhere }},
		{"another device refused", "", func(f *invitation.Form) { f.State, f.Reason = invitation.Canceled, protocol.ReasonRefusedElsewhere }},
		{"merged", "", func(f *invitation.Form) { f.State, f.Reason = invitation.Canceled, protocol.ReasonSuperseded }},
		{"it rang", "", func(f *invitation.Form) {
			f.State, f.Failure, f.ReceivedAt = invitation.Failed, protocol.PeerOffline, time.Unix(2, 0)
		}},
		{"never sent", "", func(f *invitation.Form) {
			f.State, f.Failure, f.SentAt = invitation.Failed, protocol.PeerOffline, time.Time{}
		}},
		{"not logged in", "", func(f *invitation.Form) { f.State, f.Failure = invitation.Failed, protocol.NotLoggedIn }},
		{"an app dawdled", "", func(f *invitation.Form) { f.State, f.Failure = invitation.Failed, protocol.InvitationExpire }},
		{"accepted", "", func(f *invitation.Form) { f.State = invitation.AcceptedByRemote }},
		{"refused", "", func(f *invitation.Form) { f.State = invitation.RefusedByRemote }},
		{"live", "", func(f *invitation.Form) { f.State = invitation.SentToRemote }},
		{"the callee's own", "", func(f *invitation.Form) {
			f.Kind, f.State, f.Failure = invitation.KindRemote, invitation.Failed, protocol.PeerOffline
		}},
	} {
		f := sent
		tt.change(&f)
		if why, is := f.NeverRang(); why != tt.want || is != (tt.want != "") {
			t.Errorf("%s: %q, %v", tt.name, why, is)
		}
	}
}
