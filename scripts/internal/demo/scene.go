package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// thought is how long a user looks at a ring before doing something.
const thought = 400 * time.Millisecond

// act is what one user does about an invitation that rings.
type act struct {
	by         side
	verb, text string
}

// scene is one invitation: what happens, and the callbacks that each side must
// be told, no more and no fewer.
type scene struct {
	title, content string
	ring           time.Duration // 0: the default
	act            act           // no verb: nobody does anything
	want           [2][]string
}

var scenes = []scene{
	{
		title: "accepted", content: "Shall we talk?", act: act{callee, api.VerbAccept, "Gladly"},
		want: [2][]string{
			{api.LocalInvitationReceivedByPeer, api.LocalInvitationAccepted},
			{api.RemoteInvitationReceived, api.RemoteInvitationAccepted},
		},
	}, {
		title: "refused", content: "And now?", act: act{callee, api.VerbRefuse, "In a meeting"},
		want: [2][]string{
			{api.LocalInvitationReceivedByPeer, api.LocalInvitationRefused},
			{api.RemoteInvitationReceived, api.RemoteInvitationRefused},
		},
	}, {
		title: "cancelled by the caller", content: "Are you there?", act: act{caller, api.VerbCancel, ""},
		want: [2][]string{
			{api.LocalInvitationReceivedByPeer, api.LocalInvitationCanceled},
			{api.RemoteInvitationReceived, api.RemoteInvitationCanceled},
		},
	}, {
		title: "expired, since nobody answers", content: "Anybody?", ring: 1200 * time.Millisecond,
		want: [2][]string{
			{api.LocalInvitationReceivedByPeer, api.LocalInvitationFailure},
			{api.RemoteInvitationReceived, api.RemoteInvitationFailure},
		},
	},
}

// beyond are the events outside the ten callbacks; the show leaves them out.
var beyond = []string{
	api.EventHello, api.LocalInvitationProgress, api.RemoteInvitationProgress, api.NodeOnline, api.NodeOffline,
}

// play is a scene that is being played.
type play struct {
	scene
	*stage
	paper *paper
	start time.Time
	id    string
	got   [2][]string
	ended [2]bool
}

// play plays one scene. An error says what did not go as it should.
func (s *stage) play(ctx context.Context, sc scene, out *paper) error {
	p := &play{scene: sc, stage: s, paper: out}
	out.title(sc.title)
	defer out.line("")
	p.start = time.Now()
	out.row(caller, 0, "> invite", quoted("content", sc.content))
	inv, err := s.peers[caller].Create(ctx, api.CreateInvitation{
		CalleeID: s.peers[callee].PeerID, App: app, Content: sc.content, RingMS: sc.ring.Milliseconds(),
	})
	if err != nil {
		return fmt.Errorf("invite: %w", err)
	}
	p.id = inv.ID
	for !p.rings() && p.ended != [2]bool{true, true} {
		if err := p.hear(ctx); err != nil {
			return err
		}
	}
	if err := p.act(ctx); err != nil {
		return err
	}
	for p.ended != [2]bool{true, true} {
		if err := p.hear(ctx); err != nil {
			return err
		}
	}
	return p.check()
}

// rings reports whether both sides know that it rings.
func (p *play) rings() bool { return len(p.got[caller]) > 0 && len(p.got[callee]) > 0 }

// act does what the scene has a user do, after a moment of thought.
func (p *play) act(ctx context.Context) error {
	a := p.scene.act
	if a.verb == "" {
		return nil
	}
	pause := time.NewTimer(thought)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	p.paper.row(a.by, time.Since(p.start), "> "+a.verb, a.words()...)
	return p.do(ctx, a, p.id)
}

func (a act) words() []string {
	switch a.verb {
	case api.VerbAccept:
		return []string{quoted("response", a.text)}
	case api.VerbRefuse:
		return []string{"reason " + api.ReasonBusy, quoted("response", a.text)}
	}
	return nil
}

// hear waits for one callback and writes it down.
func (p *play) hear(ctx context.Context) error {
	e, err := p.next(ctx)
	if err != nil {
		return err
	}
	inv := e.event.Invitation
	if inv == nil || inv.ID != p.id || slices.Contains(beyond, e.event.Type) {
		return nil
	}
	p.got[e.side] = append(p.got[e.side], e.event.Type)
	p.ended[e.side] = inv.Ended()
	p.paper.row(e.side, e.at.Sub(p.start), e.event.Type, about(inv)...)
	return nil
}

// check compares what was told with what should have been.
func (p *play) check() error {
	for i, want := range p.want {
		if !slices.Equal(p.got[i], want) {
			return fmt.Errorf("the %s's app was told %v instead of %v", p.peers[i].Name, p.got[i], want)
		}
	}
	return nil
}

// about says in words what a callback says about the invitation.
func about(inv *api.Invitation) []string {
	switch {
	case inv.State == api.InvitationReceived:
		return []string{inv.State, quoted("content", inv.Content)}
	case inv.Error != "":
		return []string{inv.State + ", error " + inv.Error}
	case inv.Reason != "" && inv.Response != "":
		return []string{inv.State + ", reason " + inv.Reason, quoted("response", inv.Response)}
	case inv.Reason != "":
		return []string{inv.State + ", reason " + inv.Reason}
	case inv.Response != "":
		return []string{inv.State, quoted("response", inv.Response)}
	}
	return []string{inv.State}
}
