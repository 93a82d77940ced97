package server

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

type invitationOutput struct {
	Body api.Invitation
}

// resultOutput answers a request that may have been made before.
type resultOutput struct {
	Status   int
	Replayed string `header:"Idempotency-Replayed" doc:"true when the key was used before."`
	Body     api.Invitation
}

func resultOf(r node.Result, status int) resultOutput {
	out := resultOutput{Status: r.Status, Body: invitationOf(r.View)}
	if out.Status == 0 {
		out.Status = status
	}
	if r.Replayed {
		out.Replayed = "true"
	}
	return out
}

func (s *server) invitationOperations(a huma.API) {
	s.createOperation(a)

	type patchInput struct {
		InvitationParam
		Body api.PatchInvitation
	}
	operation(a, "PATCH /v1/invitations/{id}", "update-invitation", "Change an idle invitation", "Only while its state is idle.",
		codes{protocol.CodeNotFound, protocol.CodeWrongKind, protocol.CodeAlreadySent, protocol.CodeAlreadyEnd},
		func(ctx context.Context, in *patchInput) (*invitationOutput, error) {
			id, err := in.parse()
			if err != nil {
				return nil, err
			}
			v, err := s.node.Update(ctx, id, node.Patch{Content: in.Body.Content, ChannelID: in.Body.ChannelID})
			if err != nil {
				return nil, fail(err)
			}
			return &invitationOutput{invitationOf(v)}, nil
		})

	operation(a, "DELETE /v1/invitations/{id}", "discard-invitation", "Discard an idle or an ended invitation",
		"Its content and response go too. There is no callback.",
		codes{protocol.CodeNotFound, protocol.CodeStillLive},
		func(ctx context.Context, in *InvitationParam) (*struct{}, error) {
			id, err := in.parse()
			if err != nil {
				return nil, err
			}
			if err := s.node.Discard(ctx, id); err != nil {
				return nil, fail(err)
			}
			return nil, nil
		})

	s.getOperation(a)
	s.explainOperation(a)
	s.listOperation(a)
}

func (s *server) createOperation(a huma.API) {
	type input struct {
		KeyParam
		Body api.CreateInvitation
	}
	type output struct {
		Status   int
		Location string `header:"Location" doc:"Where the new invitation is."`
		Replayed string `header:"Idempotency-Replayed" doc:"true when the key was used before."`
		Body     api.Invitation
	}
	operation(a, "POST /v1/invitations", "create-invitation", "Create and send an invitation",
		"Follow it by its events, or by GET with wait=ended. While logged out it is created and has failed with not_logged_in.",
		codes{protocol.CodeIdempotencyConflict, protocol.CodeTooMany},
		func(ctx context.Context, in *input) (*output, error) {
			b := in.Body
			r, err := s.node.Create(ctx, node.CreateRequest{
				Callee: b.CalleeID, App: b.App, ChannelID: b.ChannelID, Content: b.Content,
				Reach: time.Duration(b.ReachMS) * time.Millisecond, Ring: time.Duration(b.RingMS) * time.Millisecond,
				Glare: b.Glare, Hold: b.Hold, Addresses: b.Addresses,
			}, idempotency(ctx, in.Key, http.StatusCreated))
			if err != nil {
				return nil, fail(err)
			}
			out := resultOf(r, http.StatusCreated)
			return &output{out.Status, api.RouteInvitations + "/" + out.Body.ID, out.Replayed, out.Body}, nil
		})
}

func (s *server) getOperation(a huma.API) {
	type input struct {
		InvitationParam
		Wait   string `query:"wait" enum:"ended" doc:"ended: answer when it has ended, or when wait_ms are over."`
		WaitMS int64  `query:"wait_ms" minimum:"0" maximum:"60000" default:"60000" doc:"How long to wait, in milliseconds; with wait=ended."`
	}
	operation(a, "GET /v1/invitations/{id}", "get-invitation", "One invitation", "", codes{protocol.CodeNotFound, protocol.CodeTooMany},
		func(ctx context.Context, in *input) (*invitationOutput, error) {
			id, err := in.parse()
			if err != nil {
				return nil, err
			}
			if in.Wait == "" && callOf(ctx).query.Has("wait_ms") {
				return nil, fail(protocol.Invalid("wait_ms", "", "wait_ms goes with wait=ended; add that or take it out"))
			}
			v, err := s.get(ctx, id, in.Wait != "", time.Duration(in.WaitMS)*time.Millisecond)
			if err != nil {
				return nil, err
			}
			return &invitationOutput{invitationOf(v)}, nil
		})
}

func (s *server) get(ctx context.Context, id protocol.ID, wait bool, most time.Duration) (invitation.View, error) {
	v, err := s.node.Get(ctx, id)
	if err != nil {
		return v, fail(err)
	}
	if !wait || most == 0 || v.Ended() {
		return v, nil
	}
	release, err := s.wait()
	if err != nil {
		return v, err
	}
	defer release()
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	if v, err = s.node.Wait(ctx, id); err != nil {
		return v, fail(err)
	}
	return v, nil
}

func (s *server) listOperation(a huma.API) {
	type input struct {
		Kind   string `query:"kind" enum:"local,remote" doc:"Only those sent from here, or received here."`
		State  string `query:"state" doc:"live (not ended, idle included), ended, or one state."`
		App    string `query:"app" doc:"Only those of this app."`
		Peer   string `query:"peer" doc:"Only those with this peer, as caller or callee."`
		Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"Size of a page."`
		Before string `query:"before" doc:"The next of the page before; opaque."`
	}
	type output struct{ Body api.InvitationList }
	operation(a, "GET /v1/invitations", "list-invitations", "Invitations, newest first", "By created_at, then id.", nil,
		func(ctx context.Context, in *input) (*output, error) {
			q := journal.Query{Kind: invitation.Kind(in.Kind), Peer: protocol.PeerID(in.Peer), Limit: in.Limit, Before: in.Before}
			if in.App != "" {
				if err := checkApps(in.App); err != nil {
					return nil, err
				}
				q.Apps = []string{in.App}
			}
			if strings.ContainsFunc(in.Peer, notInPeerID) {
				return nil, fail(protocol.Invalid("peer", "a peer ID", "peer: give a peer ID"))
			}
			if err := selectState(&q, in.State); err != nil {
				return nil, err
			}
			page, next, err := s.node.List(ctx, q)
			if err != nil {
				return nil, fail(err)
			}
			return &output{api.InvitationList{Invitations: invitationsOf(page), Next: next}}, nil
		})
}

// notInPeerID reports a character that no peer ID has. What else makes one is
// not known here: a word that is none finds nothing.
func notInPeerID(c rune) bool {
	return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// states are the states that a list can be asked for.
var states = []invitation.State{
	invitation.Idle, invitation.SentToRemote, invitation.ReceivedByRemote, invitation.AcceptedByRemote, invitation.RefusedByRemote,
	invitation.InvitationReceived, invitation.AcceptSentToLocal, invitation.Refused, invitation.Accepted, invitation.Missed,
	invitation.Canceled, invitation.Failed,
}

func selectState(q *journal.Query, word string) error {
	switch word {
	case "":
	case "live", "ended":
		live := word == "live"
		q.Live = &live
	default:
		if !slices.Contains(states, invitation.State(word)) {
			return fail(protocol.Invalid("state", "live, ended or a state", "state: give live, ended or a state of an invitation, missed for example"))
		}
		q.State = invitation.State(word)
	}
	return nil
}

// checkApps reports a name that no app can have.
func checkApps(apps ...string) error {
	for _, app := range apps {
		ok := len(app) >= 1 && len(app) <= protocol.MaxApp
		for _, c := range app {
			ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
		}
		if !ok {
			return fail(protocol.Invalid("app", "1 to 64 bytes of a-z 0-9 . _ -", "app: give a name of 1 to 64 bytes of a-z 0-9 . _ -"))
		}
	}
	return nil
}
