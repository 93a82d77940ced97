package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

// answer is how a code is said in HTTP.
type answer struct {
	status int
	title  string
	retry  int // seconds for Retry-After; 0: none
}

// answers maps each code to HTTP: the one place where that is decided.
var answers = map[protocol.Code]answer{
	protocol.CodeInvalidArgument:     {422, "Invalid argument", 0},
	protocol.CodeNotStarted:          {409, "Not sent yet", 0},
	protocol.CodeAlreadySent:         {409, "Already sent", 0},
	protocol.CodeAlreadyAccept:       {409, "Already being accepted", 0},
	protocol.CodeAlreadyEnd:          {409, "Already ended", 0},
	protocol.CodeWrongKind:           {409, "Wrong kind of invitation", 0},
	protocol.CodeStillLive:           {409, "Still live", 0},
	protocol.CodeIdempotencyConflict: {409, "Idempotency key used before", 0},
	protocol.CodeNotFound:            {404, "Not found", 0},
	protocol.CodePeerNotFound:        {404, "Peer not found", 0},
	protocol.CodeMethodNotAllowed:    {405, "Method not allowed", 0},
	protocol.CodeCursorExpired:       {410, "Cursor expired", 0},
	protocol.CodeNotAllowed:          {403, "Not allowed", 0},
	protocol.CodeTooLarge:            {413, "Body too large", 0},
	protocol.CodeTooMany:             {429, "Too many", 1},
	protocol.CodePeerUnreachable:     {503, "Peer unreachable", 5},
	protocol.CodeShuttingDown:        {503, "Shutting down", 2},
	protocol.CodeInternal:            {500, "Internal error", 0},
}

// problem is an api.Problem on its way out.
type problem struct {
	api.Problem
	retry int
}

// GetStatus, ContentType and GetHeaders tell the framework how to write it.
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return api.TypeProblem }
func (p *problem) GetHeaders() http.Header {
	h := http.Header{}
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(p.retry))
	}
	return h
}

// write sends the problem without the framework.
func (p *problem) write(w http.ResponseWriter) {
	b, _ := json.Marshal(p)
	for k, v := range p.GetHeaders() {
		w.Header()[k] = v
	}
	w.Header().Set("Content-Type", api.TypeProblem)
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(b, '\n'))
}

// fail turns an error of the node into a problem. An error that is none of
// the protocol's is logged, and its text stays here.
func fail(err error) *problem {
	var known *protocol.Error
	if !errors.As(err, &known) {
		switch {
		case errors.Is(err, node.ErrStopping), errors.Is(err, context.Canceled):
			known = protocol.Errorf(protocol.CodeShuttingDown, "the daemon is stopping; try again when it is back")
		default:
			log.Errorw("a request failed", "error", err)
			known = internal()
		}
	}
	a, ok := answers[known.Code]
	if !ok {
		log.Errorw("a request failed with a code that has no status", "code", known.Code)
		known = internal()
		a = answers[known.Code]
	}
	return &problem{retry: a.retry, Problem: api.Problem{
		Code: string(known.Code), Title: a.title, Status: a.status, Detail: known.Detail,
		Field: known.Field, Limit: known.Limit, State: known.State, Cursor: known.Cursor,
	}}
}

func internal() *protocol.Error {
	return protocol.Errorf(protocol.CodeInternal, "the daemon failed at this; its log says more")
}

func init() {
	huma.DefaultArrayNullable = false
	huma.ValidateStrictCasing = true
	huma.NewError = func(status int, _ string, errs ...error) huma.StatusError { return refusal(status, errs) }
}

// refusal is what the framework's own findings become. Values are never
// repeated: they may be somebody's content.
func refusal(status int, errs []error) *problem {
	if status == http.StatusInternalServerError {
		return fail(internal())
	}
	e := protocol.Invalid("", "", "the request is not well-formed; see %s", api.RouteOpenAPI)
	best := ""
	for _, err := range errs {
		var detailer huma.ErrorDetailer
		if !errors.As(err, &detailer) {
			continue
		}
		d := detailer.ErrorDetail()
		found := explain(d)
		rank := "2 " + found.Field
		if d.Message == unknownField || d.Message == unknownKey {
			rank = "1 " + found.Field // a misspelled field is often a missing one too
		}
		if best == "" || rank < best {
			best, e = rank, found
		}
	}
	return fail(e)
}

// What the framework says of names that it does not know.
const (
	unknownField = "unexpected property"
	unknownKey   = "unknown query parameter"
)

// limitWords turns the framework's words for a limit into ours.
var limitWords = []struct{ said, meant string }{
	{"number >= ", "at least "}, {"number <= ", "at most "},
	{"length >= ", "of a length of at least "}, {"value to be one of ", "one of "},
}

// explain turns one finding into words. Its location is like body.reach_ms.
func explain(d *huma.ErrorDetail) *protocol.Error {
	place, field, _ := strings.Cut(d.Location, ".")
	field = clip(field)
	switch {
	case d.Message == unknownField:
		return protocol.Invalid(field, "", "%s is not a field of this request; take it out (%s lists the fields)", field, api.RouteOpenAPI)
	case d.Message == unknownKey:
		return protocol.Invalid(field, "", "%s is not a query key of this request; take it out (%s lists the keys)", field, api.RouteOpenAPI)
	case strings.HasPrefix(d.Message, "expected required property "):
		field = strings.TrimSuffix(strings.TrimPrefix(d.Message, "expected required property "), " to be present")
		return protocol.Invalid(field, "", "%s is required", field)
	case field == "" && place == "body":
		return protocol.Invalid("", "", "the body must be a JSON object with the fields that %s lists", api.RouteOpenAPI)
	}
	limit := strings.TrimPrefix(d.Message, "expected ")
	for _, w := range limitWords {
		if n, ok := strings.CutPrefix(limit, w.said); ok {
			limit = w.meant + strings.Trim(n, `"`)
			return protocol.Invalid(field, limit, "%s must be %s", field, limit)
		}
	}
	switch limit {
	case "string", "boolean":
		return protocol.Invalid(field, "", "%s must be a %s", field, limit)
	case "integer", "number", "invalid integer":
		return protocol.Invalid(field, "", "%s must be a whole number", field)
	case "invalid boolean":
		return protocol.Invalid(field, "", "%s must be true or false", field)
	}
	return protocol.Invalid(field, "", "%s has a value of the wrong type or out of range", field)
}

// clip shortens a name that a caller has made up.
func clip(name string) string {
	const most = 64
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}

// jsonFormat is how the framework reads and writes. A reader that has gone is
// no error.
var jsonFormat = huma.Format{
	Unmarshal: json.Unmarshal,
	Marshal: func(w io.Writer, v any) error {
		err := writeJSON(w, v)
		if errors.As(err, new(*json.MarshalerError)) || errors.As(err, new(*json.UnsupportedValueError)) {
			return err
		}
		return nil
	},
}

// writeJSON writes v in one piece.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}
