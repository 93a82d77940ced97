package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

// front stands before the operations. It refuses what no operation should see
// and makes the rest uniform: every body is a well-formed JSON object.
type front struct {
	mux *http.ServeMux
}

// call is what the front found out about a request.
type call struct {
	query       url.Values
	fingerprint string // of method, path and body; empty without a key
}

type callKey struct{}

func callOf(ctx context.Context) call {
	c, _ := ctx.Value(callKey{}).(call)
	return c
}

// idempotency returns what the node needs to know of a request's key.
func idempotency(ctx context.Context, key string, status int) node.Idempotency {
	if key == "" {
		return node.Idempotency{Status: status}
	}
	return node.Idempotency{Key: key, Fingerprint: callOf(ctx).fingerprint, Status: status}
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer recovered(w)
	w.Header().Set("Cache-Control", "no-store")
	if p := f.refuse(w, r); p != nil {
		p.write(w)
		return
	}
	c := call{}
	if strings.HasPrefix(r.URL.Path, "/v1/") {
		var err *protocol.Error
		if c, err = examine(w, r); err != nil {
			fail(err).write(w)
			return
		}
	}
	f.mux.ServeHTTP(w, r.WithContext(context.WithValue(lifetime(r), callKey{}, c)))
}

// lifetime returns the context of a request. What changes an invitation is
// done to the end, whether its app is still there or not.
func lifetime(r *http.Request) context.Context {
	if r.Method == http.MethodGet || strings.HasPrefix(r.URL.Path, api.RoutePeers+"/") {
		return r.Context()
	}
	return context.WithoutCancel(r.Context())
}

// recovered answers for a handler that has panicked.
func recovered(w http.ResponseWriter) {
	v := recover()
	if v == nil {
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v)
	}
	log.Errorw("a request panicked", "panic", v, "stack", string(debug.Stack()))
	fail(internal()).write(w)
}

// refuse turns away browsers, and what names no operation.
func (f *front) refuse(w http.ResponseWriter, r *http.Request) *problem {
	for _, h := range []string{"Origin", "Referer"} {
		if _, ok := r.Header[h]; ok {
			return fail(&protocol.Error{Code: protocol.CodeNotAllowed, Field: h,
				Detail: "this API is not for web pages; a program sends no " + h + " header"})
		}
	}
	notFound := protocol.Errorf(protocol.CodeNotFound, "there is nothing at this path; %s lists the paths", api.RouteOpenAPI)
	if r.URL.Path != path.Clean(r.URL.Path) {
		return fail(notFound)
	}
	if r.Method == http.MethodHead && r.URL.Path == api.RouteEvents {
		return notAllowed(w, "GET")
	}
	h, pattern := f.mux.Handler(r)
	if pattern != "" {
		return nil
	}
	var found header
	h.ServeHTTP(&found, r)
	if found.status == http.StatusMethodNotAllowed {
		return notAllowed(w, found.Header().Get("Allow"))
	}
	return fail(notFound)
}

func notAllowed(w http.ResponseWriter, allow string) *problem {
	w.Header().Set("Allow", allow)
	return fail(protocol.Errorf(protocol.CodeMethodNotAllowed, "this path takes %s only", allow))
}

// header is a ResponseWriter that keeps the head of an answer.
type header struct {
	fields http.Header
	status int
}

func (h *header) Header() http.Header {
	if h.fields == nil {
		h.fields = http.Header{}
	}
	return h.fields
}
func (h *header) Write(b []byte) (int, error) { return len(b), nil }
func (h *header) WriteHeader(status int)      { h.status = status }

// examine reads the query, the key and the body of a request, and puts a body
// in place that the operation can take as it is.
func examine(w http.ResponseWriter, r *http.Request) (call, *protocol.Error) {
	q, bad := query(r)
	if bad != nil {
		return call{}, bad
	}
	c := call{query: q}
	for _, h := range []string{api.HeaderIdempotencyKey, http.CanonicalHeaderKey(api.HeaderLastEventID)} {
		if len(r.Header[h]) > 1 {
			return c, protocol.Invalid(h, "", "the header %s can be given once", h)
		}
	}
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
	default:
		return c, nil
	}
	keys, keyed := r.Header[api.HeaderIdempotencyKey]
	if keyed && !validKey(keys[0]) {
		return c, protocol.Invalid(api.HeaderIdempotencyKey, "1 to 128 printable ASCII characters",
			"the key must be 1 to 128 printable ASCII characters, a UUID for example")
	}
	body, bad := readBody(w, r)
	if bad != nil {
		return c, bad
	}
	canonical, bad := checkJSON(body)
	if bad != nil {
		return c, bad
	}
	if keyed {
		sum := sha256.Sum256([]byte(r.Method + " " + strings.ToLower(r.URL.Path) + "\n" + string(canonical())))
		c.fingerprint = hex.EncodeToString(sum[:])
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Type", api.TypeJSON)
	return c, nil
}

func validKey(key string) bool {
	outside := func(c rune) bool { return c < ' ' || c > '~' }
	return len(key) >= 1 && len(key) <= api.MaxKey && !strings.ContainsFunc(key, outside)
}

// mayBeEmpty are the query keys that a script may give without a value: a
// cursor that it does not have yet.
var mayBeEmpty = []string{"after", "before"}

// query reads the query. Unknown keys are the operation's to refuse.
func query(r *http.Request) (url.Values, *protocol.Error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, protocol.Invalid("query", "", "the query is not well-formed; percent-encode what is special in a URL")
	}
	for key, values := range q {
		repeatable := key == addresses || key == "app" && r.URL.Path == api.RouteEvents
		if len(values) > 1 && !repeatable {
			return nil, protocol.Invalid(clip(key), "", "%s can be given once", clip(key))
		}
		if slices.Contains(values, "") && !slices.Contains(mayBeEmpty, key) {
			return nil, protocol.Invalid(clip(key), "", "%s has no value; give one or take the key out", clip(key))
		}
	}
	return q, nil
}

// readBody reads a body within its limits of size and time. An empty one is {}.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *protocol.Error) {
	conn := http.NewResponseController(w)
	// Writers without deadlines are tests'.
	_ = conn.SetReadDeadline(time.Now().Add(bodyTime))
	defer func() { _ = conn.SetReadDeadline(time.Time{}) }()
	tooLarge := &protocol.Error{Code: protocol.CodeTooLarge, Limit: "128 KiB", Detail: "a body has at most 128 KiB; content and response have at most 16 KiB each"}
	if r.ContentLength > api.MaxBody && r.Header.Get("Expect") != "" {
		return nil, tooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, api.MaxBody+1))
	switch {
	case err != nil:
		return nil, protocol.Invalid("", "", "the body did not arrive whole within %d s; send it again", int(bodyTime.Seconds()))
	case len(body) > api.MaxBody:
		// A client that is still writing would not read the answer.
		_, _ = io.CopyN(io.Discard, r.Body, 4<<20)
		return nil, tooLarge
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return []byte("{}"), nil
	}
	return body, nil
}
