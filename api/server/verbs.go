package server

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

// do has the node do a verb and turns the answer round.
func (s *server) do(ctx context.Context, id *InvitationParam, key *KeyParam, v node.Verb) (*resultOutput, error) {
	parsed, err := id.parse()
	if err != nil {
		return nil, err
	}
	r, err := s.node.Do(ctx, parsed, v, idempotency(ctx, key.Key, http.StatusOK))
	if err != nil {
		return nil, fail(err)
	}
	out := resultOf(r, http.StatusOK)
	return &out, nil
}

func (s *server) verbOperations(a huma.API) {
	common := codes{protocol.CodeNotFound, protocol.CodeWrongKind, protocol.CodeAlreadyEnd, protocol.CodeIdempotencyConflict}
	with := func(c ...protocol.Code) codes { return append(c, common...) }

	type sendInput struct {
		InvitationParam
		KeyParam
		Body nothing
	}
	operation(a, "POST /v1/invitations/{id}/send", "send-invitation", "Send an idle invitation", "", with(protocol.CodeAlreadySent),
		func(ctx context.Context, in *sendInput) (*resultOutput, error) {
			return s.do(ctx, &in.InvitationParam, &in.KeyParam, node.Verb{Name: node.VerbSend})
		})

	type cancelInput struct {
		InvitationParam
		KeyParam
		Body api.Cancel
	}
	operation(a, "POST /v1/invitations/{id}/cancel", "cancel-invitation", "Withdraw an invitation that was sent",
		"The state stays, with canceling true, until the callee's word is known, 5 s at most.", with(protocol.CodeNotStarted),
		func(ctx context.Context, in *cancelInput) (*resultOutput, error) {
			return s.do(ctx, &in.InvitationParam, &in.KeyParam, node.Verb{Name: node.VerbCancel, Reason: protocol.Reason(in.Body.Reason)})
		})

	type acceptInput struct {
		InvitationParam
		KeyParam
		Body api.Accept
	}
	operation(a, "POST /v1/invitations/{id}/accept", "accept-invitation", "Bid to accept an invitation",
		"It is accepted once the caller has confirmed: state accepted, event remote_invitation_accepted.", with(protocol.CodeAlreadyAccept),
		func(ctx context.Context, in *acceptInput) (*resultOutput, error) {
			return s.do(ctx, &in.InvitationParam, &in.KeyParam, node.Verb{Name: node.VerbAccept, Response: in.Body.Response})
		})

	type refuseInput struct {
		InvitationParam
		KeyParam
		Body api.Refuse
	}
	operation(a, "POST /v1/invitations/{id}/refuse", "refuse-invitation", "Refuse an invitation", "", with(protocol.CodeAlreadyAccept),
		func(ctx context.Context, in *refuseInput) (*resultOutput, error) {
			return s.do(ctx, &in.InvitationParam, &in.KeyParam, node.Verb{Name: node.VerbRefuse, Response: in.Body.Response, Reason: protocol.Reason(in.Body.Reason)})
		})
}
