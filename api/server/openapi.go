package server

import (
	"encoding/json"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
)

// OpenAPI returns the description of the API, in YAML. It is what
// api/openapi.yaml holds.
func OpenAPI() ([]byte, error) {
	s := &server{}
	return s.register(http.NewServeMux()).YAML()
}

const aboutText = "HTTP/1.1 and JSON on the Unix socket of beckond, for its owner only. " +
	"A body is read as JSON whatever its Content-Type says; an empty body is {}; it has at most 128 KiB. " +
	"Every error is a Problem. Words (states, types, reasons, codes) may grow: an invitation is over when ended_at is not null; skip event types and ignore fields that you do not know. " +
	"Unknown fields and query keys of requests are errors. Times are RFC 3339 in UTC with 3 decimals, for people."

const eventsText = "The first event is hello (a Hello, without id). Then each event has an id, its type and an Event as data. " +
	"Save the id last processed and hand it back as Last-Event-ID or after: the stream goes on strictly after it, without gap and repeat. " +
	"remote_invitation_missed tells afterwards of what never rang; it is in the log like every event, so that a resumed stream has it and a fresh one has not: GET /v1/invitations?state=missed lists it. " +
	"Every 15 s of silence an event with an id only keeps the cursor fresh. lagged and bye (a Farewell) end a stream: resume. " +
	"A stream with app and without observe=true counts as an app that invitations are handed to. " +
	"A cursor that is malformed, foreign, in the future or too old gives 410 with the head as cursor: open without one and reconcile with live. " +
	"With Accept: application/json the answer is one EventList."

const eventsExample = "event: hello\ndata: {\"cursor\":\"EPOCH:41\",\"peer_id\":\"…\",\"instance\":\"…\",\"state\":\"online\",\"live\":[]}\n\n" +
	"id: EPOCH:42\nevent: remote_invitation_received\ndata: {\"seq\":42,\"time\":\"…\",\"type\":\"remote_invitation_received\",\"app\":\"call\",\"invitation\":{…}}\n\n" +
	"id: EPOCH:42\n\n"

// absentTime describes api.Time.
type absentTime struct{}

// Schema implements huma.SchemaProvider.
func (absentTime) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

func description() *huma.OpenAPI {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	schemas.RegisterTypeAlias(reflect.TypeFor[api.Time](), reflect.TypeFor[absentTime]())
	schemas.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[api.Problem]())
	for _, t := range []reflect.Type{
		reflect.TypeFor[api.Problem](), reflect.TypeFor[api.Event](), reflect.TypeFor[api.Hello](),
		reflect.TypeFor[api.Farewell](), reflect.TypeFor[api.EventList](),
	} {
		schemas.Schema(t, true, "")
	}
	return &huma.OpenAPI{
		OpenAPI:    "3.1.0",
		Info:       &huma.Info{Title: "beckon", Version: "1", Description: aboutText},
		Servers:    []*huma.Server{{URL: "http://beckon", Description: "Any host name: the socket decides. curl --unix-socket PATH http://beckon/v1/node"}},
		Components: &huma.Components{Schemas: schemas},
	}
}

func ref(name string) *huma.Schema { return &huma.Schema{Ref: "#/components/schemas/" + name} }

func problemResponse(text string) *huma.Response {
	return &huma.Response{Description: text, Content: map[string]*huma.MediaType{api.TypeProblem: {Schema: ref("Problem")}}}
}

// describeRest describes what the framework does not serve itself.
func describeRest(o *huma.OpenAPI) {
	o.Paths[api.RouteEvents].Get.Responses["200"] = &huma.Response{
		Description: "Events, until the reader goes.",
		Content: map[string]*huma.MediaType{
			api.TypeEventStream: {Schema: &huma.Schema{
				Type: huma.TypeString, Description: "The data of hello is a Hello, of lagged and bye a Farewell, of all others an Event.",
				Extensions: map[string]any{"x-event-data": []*huma.Schema{ref("Hello"), ref("Event"), ref("Farewell")}},
			}, Example: eventsExample},
			api.TypeJSON: {Schema: ref("EventList")},
		},
	}
	plain := func(id, place, summary, kind string) {
		o.AddOperation(&huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: place, Summary: summary, Tags: []string{"about"},
			Responses: map[string]*huma.Response{
				"200": {Description: "OK", Content: map[string]*huma.MediaType{kind: {}}},
				"403": problemResponse("not_allowed"),
			},
		})
	}
	plain("get-openapi", api.RouteOpenAPI, "This description", api.TypeJSON)
	plain("get-metrics", api.RouteMetrics, "Metrics in the Prometheus text format", "text/plain")
	requests := []string{"CreateInvitation", "PatchInvitation", "SetOnline", "Accept", "Refuse", "Cancel", "PingPeer", "Nothing"}
	for name, schema := range o.Components.Schemas.Map() {
		if !slices.Contains(requests, name) {
			schema.AdditionalProperties = nil // answers may grow
		}
	}
	for _, item := range o.Paths {
		if item.Post != nil && item.Post.OperationID != "create-invitation" {
			item.Post.RequestBody.Required = false
		}
	}
}

// openAPIHandler serves the description as JSON.
func openAPIHandler(o *huma.OpenAPI) http.Handler {
	b, err := json.Marshal(o)
	if err != nil {
		panic("the API's description cannot be encoded: " + err.Error())
	}
	b = append(b, '\n')
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.TypeJSON)
		_, _ = w.Write(b)
	})
}
