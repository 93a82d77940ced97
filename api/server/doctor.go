package server

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node/doctor"
)

func (s *server) doctorOperations(a huma.API) {
	type output struct{ Body api.Doctor }
	operation(a, "GET /v1/doctor", "examine", "What is well with this device and what is not",
		"Looks at the device, its network and what others know of it, at most for about 5 s. The answer is 200 whatever is found.", nil,
		func(ctx context.Context, _ *struct{}) (*output, error) {
			checks, err := s.node.Doctor(ctx)
			if err != nil {
				return nil, fail(err)
			}
			out := &output{api.Doctor{Outcome: string(doctor.Worst(checks)), Checks: make([]api.Check, 0, len(checks))}}
			for _, c := range checks {
				out.Body.Checks = append(out.Body.Checks, api.Check{
					Name: c.Name, Outcome: string(c.Outcome), Found: c.Found, Advice: c.Advice, TookMS: c.Took.Milliseconds(),
				})
			}
			return out, nil
		})
}
