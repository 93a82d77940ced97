package server

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

func (s *server) explainOperation(a huma.API) {
	type input struct {
		InvitationParam
		Merge bool `query:"merge" default:"true" doc:"Ask the other party for its steps too, for at most 3 s. It tells them only if its --share-timeline is on."`
	}
	type output struct{ Body api.Explanation }
	operation(a, "GET /v1/invitations/{id}/explain", "explain-invitation", "Why it did or did not ring",
		"What happened, step by step, and what it comes to. Steps have no content and no response. They are kept as long as those, 30 days after the end; after that the invitation alone decides.",
		codes{protocol.CodeNotFound, protocol.CodeTooMany},
		func(ctx context.Context, in *input) (*output, error) {
			id, err := in.parse()
			if err != nil {
				return nil, err
			}
			if in.Merge { // it may wait for the network
				release, err := s.wait()
				if err != nil {
					return nil, err
				}
				defer release()
			}
			x, err := s.node.Explain(ctx, id, in.Merge)
			if err != nil {
				return nil, fail(err)
			}
			return &output{explanationOf(x)}, nil
		})
}

func explanationOf(x node.Explanation) api.Explanation {
	out := api.Explanation{
		ID: x.View.ID.String(), Kind: string(x.View.Kind), Steps: make([]api.Step, 0, len(x.Steps)), Other: string(x.Other),
		Verdict: api.Verdict{
			Rang: x.Verdict.Rang, Code: x.Verdict.Code, Sentence: x.Verdict.Sentence, Advice: x.Verdict.Advice, Warnings: []api.Warning{},
		},
	}
	for _, s := range x.Steps {
		out.Steps = append(out.Steps, stepOf(s))
	}
	for _, w := range x.Verdict.Warnings {
		out.Verdict.Warnings = append(out.Verdict.Warnings, api.Warning(w))
	}
	if x.Other == node.OtherMerged {
		out.Alignment = &api.Alignment{Pairs: x.Alignment.Pairs}
		if x.Alignment.Within >= 0 {
			within := millis(x.Alignment.Within)
			out.Alignment.WithinMS = &within
		}
	}
	return out
}

func stepOf(s node.Step) api.Step {
	out := api.Step{
		At: moment(time.UnixMilli(s.At)), SinceMS: millis(s.Since), Side: string(s.Side), Code: string(s.Code), Text: s.Text(),
		Source: s.Source, Addresses: s.Addresses, Address: s.Address, Transport: s.Transport, Path: s.Path,
		Error: s.Error, Reason: s.Reason, Message: s.Message,
	}
	if s.Count > 1 {
		last := millis(s.Last)
		out.Count, out.LastMS = s.Count, &last
	}
	return out
}

// millis turns microseconds into milliseconds.
func millis(us int64) float64 { return float64(us) / 1000 }
