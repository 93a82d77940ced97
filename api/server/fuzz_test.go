package server_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/api/server"
)

func toJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// FuzzBodies sends any body to every operation that takes one: it is taken or
// refused with a whole problem, and never breaks the daemon.
func FuzzBodies(f *testing.F) {
	for _, c := range badBodies {
		if len(c.body) < 4<<10 { // the long ones take minutes to vary
			f.Add(c.body)
		}
	}
	for _, s := range []string{create, `{"response":"x"}`, `{"reason":"busy"}`, `{"online":true}`, `{"content":"x"}`, `{"reach_ms":30000,"callee_id":"12D3KooWOther"}`} {
		f.Add(s)
	}
	d := newDevice()
	h := server.New(d, server.Options{})
	f.Fuzz(func(t *testing.T, body string) {
		id := "/v1/invitations/" + d.ring("call", "").String()
		for _, what := range []string{"POST /v1/invitations", "PATCH " + id, "POST " + id + "/send", "POST " + id + "/cancel",
			"POST " + id + "/accept", "POST " + id + "/refuse", "PUT /v1/node/online", "POST /v1/peers/" + other + "/ping"} {
			method, place, _ := strings.Cut(what, " ")
			w := httptest.NewRecorder()
			r := httptest.NewRequest(method, place, strings.NewReader(body))
			r.Header.Set("Idempotency-Key", fmt.Sprint(len(d.order), what))
			h.ServeHTTP(w, r)
			var out map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
				t.Fatalf("%s: %d %q: %v", what, w.Code, w.Body, err)
			}
			if w.Code >= 500 || w.Code >= 400 && (out["code"] == nil || w.Header().Get("Content-Type") != "application/problem+json") {
				t.Fatalf("%s: %d %s", what, w.Code, w.Body)
			}
		}
	})
}
