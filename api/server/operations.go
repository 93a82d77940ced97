package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/protocol"
)

// register adds every operation to mux and returns their description.
func (s *server) register(mux *http.ServeMux) *huma.OpenAPI {
	config := huma.Config{
		OpenAPI:                      description(),
		Formats:                      map[string]huma.Format{api.TypeJSON: jsonFormat, "json": jsonFormat},
		DefaultFormat:                api.TypeJSON,
		RejectUnknownQueryParameters: true,
	}
	a := humago.New(mux, config)
	s.nodeOperations(a)
	s.doctorOperations(a)
	s.invitationOperations(a)
	s.verbOperations(a)
	s.eventOperations(a)
	s.peerOperations(a)
	describeRest(a.OpenAPI())
	return a.OpenAPI()
}

// codes are the problems that an operation can answer with; every operation
// can answer with those of always.
type codes []protocol.Code

var always = codes{protocol.CodeInvalidArgument, protocol.CodeNotAllowed, protocol.CodeShuttingDown, protocol.CodeInternal}

// operation adds one operation. what is "METHOD path", name its id.
func operation[I, O any](a huma.API, what, name, summary, text string, can codes, do func(context.Context, *I) (*O, error)) {
	method, place, _ := strings.Cut(what, " ")
	op := huma.Operation{
		OperationID: name, Method: method, Path: place, Summary: summary, Description: text,
		Tags: []string{tag(place)}, BodyReadTimeout: -1, MaxBodyBytes: api.MaxBody + 1,
		Responses: map[string]*huma.Response{},
	}
	if name == "create-invitation" {
		op.DefaultStatus = http.StatusCreated
	}
	switch method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		can = append(slices.Clone(can), protocol.CodeTooLarge)
	}
	for _, c := range append(slices.Clone(can), always...) {
		status := strconv.Itoa(answers[c].status)
		if r := op.Responses[status]; r != nil {
			r.Description += ", " + string(c)
			continue
		}
		op.Responses[status] = problemResponse(string(c))
	}
	huma.Register(a, op, do)
}

// tag is the group that a path is described in.
func tag(place string) string {
	parts := strings.Split(place, "/")
	return parts[2]
}

// nothing is the body of a request that has nothing to say.
type nothing struct{}

// InvitationParam, KeyParam and PeerParam are parts of inputs that several
// operations share; the framework wants them exported.
type InvitationParam struct {
	ID string `path:"id" doc:"The invitation's id, in either letter case."`
}

func (i *InvitationParam) parse() (protocol.ID, error) {
	id, err := protocol.ParseID(i.ID)
	if err != nil {
		return id, fail(protocol.Invalid("id", "", "%s", err.Error()))
	}
	return id, nil
}

// KeyParam is the key of a request that may be repeated.
type KeyParam struct {
	Key string `header:"Idempotency-Key" doc:"1 to 128 printable ASCII characters. The same key and body within 24 h give the first status and the invitation as it is now; with another body or path it is a 409."`
}

func (s *server) nodeOperations(a huma.API) {
	type output struct{ Body api.Node }
	operation(a, "GET /v1/node", "get-node", "This device and its network", "", nil,
		func(ctx context.Context, _ *struct{}) (*output, error) {
			info, err := s.node.Info(ctx)
			if err != nil {
				return nil, fail(err)
			}
			return &output{nodeOf(info)}, nil
		})

	type input struct{ Body api.SetOnline }
	operation(a, "PUT /v1/node/online", "set-online", "Log in or log out",
		"Answers at once with the node; its state follows. Logging out leaves the network without ending the daemon, and ends live invitations.", nil,
		func(ctx context.Context, in *input) (*output, error) {
			info, err := s.node.SetOnline(ctx, in.Body.Online)
			if err != nil {
				return nil, fail(err)
			}
			return &output{nodeOf(info)}, nil
		})
}
