package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

type eventsInput struct {
	Apps        []string `query:"app,explode" doc:"Only events of this app; may be given several times. Without it: of all apps."`
	Observe     bool     `query:"observe" doc:"true: does not count as an app that invitations can be handed to."`
	After       string   `query:"after" doc:"The id of the event processed last; the stream goes on strictly after it."`
	LastEventID string   `header:"Last-Event-ID" doc:"The same; wins over after."`
	WaitMS      int64    `query:"wait_ms" minimum:"0" maximum:"60000" doc:"With Accept: application/json: how long to wait for the first event, in milliseconds."`
	Accept      string   `header:"Accept" hidden:"true"`
}

func (in *eventsInput) stream() node.Stream {
	s := node.Stream{Apps: in.Apps, Observe: in.Observe, After: in.After}
	if in.LastEventID != "" {
		s.After = in.LastEventID
	}
	return s
}

// list reports whether the answer shall be one JSON object.
func (in *eventsInput) list() bool {
	return strings.Contains(in.Accept, api.TypeJSON) && !strings.Contains(in.Accept, api.TypeEventStream)
}

// maxApps bounds the apps of one stream.
const maxApps = 64

func (s *server) eventOperations(a huma.API) {
	operation(a, "GET /v1/events", "follow-events", "The callbacks, as Server-Sent Events", eventsText,
		codes{protocol.CodeCursorExpired, protocol.CodeTooMany},
		func(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
			if err := checkApps(in.Apps...); err != nil {
				return nil, err
			}
			if len(in.Apps) > maxApps {
				return nil, fail(protocol.Invalid("app", "64 apps", "app: give at most %d apps, or none for all", maxApps))
			}
			release, err := s.wait()
			if err != nil {
				return nil, err
			}
			sub, err := s.node.Subscribe(ctx, in.stream())
			if err != nil {
				release()
				return nil, fail(err)
			}
			return &huma.StreamResponse{Body: func(hc huma.Context) {
				defer release()
				defer sub.Close()
				r, w := humago.Unwrap(hc)
				if in.list() {
					poll(r.Context(), w, sub, in)
					return
				}
				newStream(w, sub, in.stream()).run(r.Context())
			}}, nil
		})
}

// poll answers with what there is, after waiting for the first event.
func poll(ctx context.Context, w http.ResponseWriter, sub Subscription, in *eventsInput) {
	most, cancel := context.WithTimeout(ctx, max(time.Duration(in.WaitMS)*time.Millisecond, pollGrace))
	defer cancel()
	events, err := sub.Next(most)
	cursor := sub.Cursor()
	switch {
	case err == nil:
	case errors.Is(err, node.ErrLagged):
		cursor = sub.Hello().Cursor // nothing was told: again from there
	case ctx.Err() != nil, !errors.Is(err, context.DeadlineExceeded):
		fail(err).write(w)
		return
	}
	out := api.EventList{Events: make([]api.Event, 0, len(events)), Cursor: cursor}
	var shown []protocol.ID
	if in.stream().After == "" {
		hello := sub.Hello()
		out.Live = invitationsOf(hello.Live)
		shown = ringing(hello.Live)
	}
	for _, e := range events {
		out.Events = append(out.Events, eventOf(e))
		shown = append(shown, handed(e)...)
	}
	conn := http.NewResponseController(w)
	_ = conn.SetWriteDeadline(time.Now().Add(cutTime))
	w.Header().Set("Content-Type", api.TypeJSON)
	err = writeJSON(w, out)
	if err == nil && conn.Flush() == nil && in.stream().Counts() && len(shown) > 0 {
		sub.HandedOver(shown...)
	}
	_ = conn.SetWriteDeadline(time.Time{})
}
