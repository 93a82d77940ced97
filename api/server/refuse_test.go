package server_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestBrowsersAreRefused(t *testing.T) {
	d := start(t)
	for _, place := range []string{"/v1/node", "/openapi.json", "/metrics", "/nowhere"} {
		d.problem(d.do("GET", place, "", "Origin: http://example.com"), 403, "not_allowed", "Origin")
		d.problem(d.do("GET", place, "", "Referer: http://example.com"), 403, "not_allowed", "Referer")
	}
	d.problem(d.do("GET", "/v1/node", "", "Origin: null"), 403, "not_allowed", "Origin")
}

func TestPathsAndMethods(t *testing.T) {
	d := start(t)
	for _, place := range []string{"/", "/v1", "/v1/", "/v1/node/", "/v1//node", "/v1/../v1/node", "/v2/node", "/v1/invitations/x/ring", "/docs", "/openapi.yaml"} {
		d.problem(d.do("GET", place, ""), 404, "not_found", "")
	}
	for _, c := range []struct{ method, place, allow string }{
		{"POST", "/v1/node", "GET, HEAD"},
		{"GET", "/v1/node/online", "PUT"},
		{"DELETE", "/v1/invitations", "GET, HEAD, POST"},
		{"PUT", "/v1/invitations/x", "DELETE, GET, HEAD, PATCH"},
		{"GET", "/v1/invitations/x/send", "POST"},
		{"POST", "/v1/events", "GET, HEAD"},
		{"HEAD", "/v1/events", "GET"},
		{"OPTIONS", "/v1/peers", "GET, HEAD"},
		{"BREW", "/metrics", "GET, HEAD"},
	} {
		a := d.do(c.method, c.place, "")
		if got := a.header.Get("Allow"); a.status != 405 || got != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %q", c.method, c.place, a.status, got, c.allow)
		}
		if c.method != http.MethodHead {
			d.problem(a, 405, "method_not_allowed", "")
		}
	}
	for _, id := range []string{"x", "01890a5d-ac96-774b-bcce-00000000000", "01890a5d-ac96-774b-bcce-00000000000g", "a%2Fb"} {
		d.problem(d.do("GET", "/v1/invitations/"+id, ""), 422, "invalid_argument", "id")
		d.problem(d.do("POST", "/v1/invitations/"+id+"/accept", ""), 422, "invalid_argument", "id")
		d.problem(d.do("DELETE", "/v1/invitations/"+id, ""), 422, "invalid_argument", "id")
	}
	d.problem(d.do("PATCH", "/v1/invitations/01890a5d-ac96-774b-bcce-b302099a8057", ""), 404, "not_found", "")
}

// badBodies are bodies of POST /v1/invitations and the field that is named.
var badBodies = []struct{ body, field string }{
	{``, "callee_id"},
	{` `, "callee_id"},
	{`{}`, "callee_id"},
	{`{"callee_id":""}`, "callee_id"},
	{`{"callee_id":"` + self + `"}`, "callee_id"},
	{`{"callee_id":"nobody"}`, "callee_id"},
	{`{"callee_id":7}`, "callee_id"},
	{`{"callee_id":null}`, "callee_id"},
	{`{"callee_id":["x"]}`, "callee_id"},
	{`{"callee_id":{"a":1}}`, "callee_id"},
	{`{"Callee_ID":"x"}`, "Callee_ID"},
	{`{"callee_id":"a","callee_id":"a"}`, "callee_id"},
	{`{"callee_id":"a","callee\u005fid":"a"}`, "callee_id"},
	{`[]`, ""}, {`null`, ""}, {`1`, ""}, {`"x"`, ""}, {`true`, ""},
	{`{`, ""}, {`{"callee_id":"a"`, ""}, {`{"callee_id":"a"} x`, ""}, {`{}{}`, ""}, {`{"a":1,}`, ""}, {`{'a':1}`, ""}, {`{"a":01}`, ""},
	{"\xef\xbb\xbf{}", ""}, {"{\"content\":\"\xff\"}", ""}, {"{\"content\":\"a\nb\"}", ""}, {"{\"content\":\"\xed\xa0\x80\"}", ""},
	{strings.Repeat("[", 60000), ""},
	{`{"x":` + strings.Repeat("[", 60000) + strings.Repeat("]", 60000) + `}`, ""},
	{`{"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "x"},
	{`{"callee_id":"a","colour":"red"}`, "colour"},
	{`{"callee_id":"a","` + strings.Repeat("n", 70) + `":1}`, strings.Repeat("n", 64) + "…"},
	{`{"callee_id":"a","content":1}`, "content"},
	{`{"callee_id":"a","content":null}`, "content"},
	{`{"callee_id":"a","content":"\ud800"}`, "content"},
	{`{"callee_id":"a","content":"\udc00\ud800"}`, "content"},
	{`{"callee_id":"a","content":"\\\ud83dx"}`, "content"},
	{`{"callee_id":"` + other + `","content":"` + strings.Repeat("x", 16385) + `"}`, "content"},
	{`{"callee_id":"` + other + `","channel_id":"` + strings.Repeat("ü", 33) + `"}`, "channel_id"},
	{`{"callee_id":"a","app":""}`, "app"},
	{`{"callee_id":"a","reach_ms":999}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":600001}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":0}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":-5}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":1000.5}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":1e4}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":"1000"}`, "reach_ms"},
	{`{"callee_id":"a","reach_ms":99999999999999999999999999}`, "reach_ms"},
	{`{"callee_id":"a","ring_ms":1}`, "ring_ms"},
	{`{"callee_id":"a","ring_ms":true}`, "ring_ms"},
	{`{"callee_id":"a","glare":"maybe"}`, "glare"},
	{`{"callee_id":"a","glare":""}`, "glare"},
	{`{"callee_id":"a","hold":"yes"}`, "hold"},
	{`{"callee_id":"a","hold":1}`, "hold"},
}

func TestBadBodies(t *testing.T) {
	d := start(t)
	for _, c := range badBodies {
		a := d.do("POST", "/v1/invitations", c.body)
		t.Log(len(c.body), a.raw)
		d.problem(a, 422, "invalid_argument", c.field)
	}
	if a := d.do("GET", "/v1/invitations", ""); len(a.body["invitations"].([]any)) != 0 {
		t.Errorf("something was created: %s", a.raw)
	}
	secret := "hunter2"
	for _, body := range []string{`{"callee_id":"` + secret, `{"glare":"` + secret + `"}`, `{"reach_ms":"` + secret + `"}`, `{"content":["` + secret + `"]}`, `{"x":"` + secret + `"}`} {
		if a := d.do("POST", "/v1/invitations", body); strings.Contains(a.raw, secret) {
			t.Errorf("a value is repeated: %s", a.raw)
		}
	}
}

func TestBadVerbBodies(t *testing.T) {
	d := start(t)
	place := "/v1/invitations/" + d.device.ring("call", "").String()
	for _, c := range []struct{ verb, body, field string }{
		{"/accept", `{"reason":"busy"}`, "reason"},
		{"/accept", `{"response":1}`, "response"},
		{"/refuse", `{"reason":"canceled"}`, "reason"},
		{"/refuse", `{"reason":"because"}`, "reason"},
		{"/cancel", `{"reason":"busy"}`, "reason"},
		{"/cancel", `{"response":""}`, "response"},
		{"/send", `{"now":true}`, "now"},
	} {
		d.problem(d.do("POST", place+c.verb, c.body), 422, "invalid_argument", c.field)
	}
	d.problem(d.do("PATCH", place, `{"app":"x"}`), 422, "invalid_argument", "app")
	d.problem(d.do("PUT", "/v1/node/online", `{"online":"yes"}`), 422, "invalid_argument", "online")
	d.problem(d.do("POST", "/v1/peers/"+other+"/ping", `{"n":1}`), 422, "invalid_argument", "n")
}

func TestSurrogatePairsAreText(t *testing.T) {
	d := start(t)
	a := d.do("POST", "/v1/invitations", `{"callee_id":"`+other+`","content":"\ud83d\ude00 \\ud800 \u0000"}`)
	if a.status != 201 || a.body["content"] != "😀 \\ud800 \x00" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestTooLarge(t *testing.T) {
	d := start(t)
	body := func(n int) string { return `{"x":"` + strings.Repeat("x", n-8) + `"}` }
	d.problem(d.do("POST", "/v1/invitations", body(128<<10)), 422, "invalid_argument", "x")
	d.problem(d.do("POST", "/v1/invitations", body(128<<10+1)), 413, "too_large", "")
	d.problem(d.do("POST", "/v1/invitations", body(2<<20)), 413, "too_large", "")
	d.problem(d.do("POST", "/v1/invitations", body(2<<20), "Expect: 100-continue"), 413, "too_large", "")
}

func TestBadQueries(t *testing.T) {
	d := start(t)
	d.device.ring("call", "")
	for _, c := range []struct{ place, field string }{
		{"/v1/invitations?kind=both", "kind"},
		{"/v1/invitations?kind", "kind"},
		{"/v1/invitations?kind=local&kind=remote", "kind"},
		{"/v1/invitations?state=held", "state"},
		{"/v1/invitations?state=LIVE", "state"},
		{"/v1/invitations?limit=0", "limit"},
		{"/v1/invitations?limit=501", "limit"},
		{"/v1/invitations?limit=ten", "limit"},
		{"/v1/invitations?limit=", "limit"},
		{"/v1/invitations?limit=99999999999999999999", "limit"},
		{"/v1/invitations?app=UPPER", "app"},
		{"/v1/invitations?before=nonsense", "before"},
		{"/v1/invitations?peer=/p2p/x", "peer"},
		{"/v1/invitations?after=1", "after"},
		{"/v1/invitations?%zz", "query"},
		{"/v1/invitations?a;b", "query"},
		{"/v1/node?verbose=1", "verbose"},
		{"/v1/peers?x", "x"},
		{"/v1/peers/" + other + "?timeout_ms=0", "timeout_ms"},
		{"/v1/peers/" + other + "?timeout_ms=1.5", "timeout_ms"},
		{"/v1/events?app=a%20b", "app"},
		{"/v1/events?app=", "app"},
		{"/v1/events?app=a,b", "app"},
		{"/v1/events?app=" + strings.Repeat("a", 65), "app"},
		{"/v1/events?app=" + strings.Repeat("a&app=", 64) + "a", "app"},
		{"/v1/events?observe=perhaps", "observe"},
		{"/v1/events?wait_ms=60001", "wait_ms"},
		{"/v1/events?wait_ms=-1", "wait_ms"},
		{"/v1/events?since=1", "since"},
	} {
		d.problem(d.do("GET", c.place, ""), 422, "invalid_argument", c.field)
	}
	d.problem(d.do("POST", "/v1/invitations?hold=true", create), 422, "invalid_argument", "hold")
	d.problem(d.do("GET", "/v1/events", "", "Last-Event-ID: EPOCH:0", "Last-Event-ID: EPOCH:1"), 422, "invalid_argument", "Last-Event-Id")
}
