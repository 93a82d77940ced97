package server_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const create = `{"callee_id":"` + other + `","app":"chess","channel_id":"room","content":"<offer>","reach_ms":1000,"ring_ms":600000,"glare":"merge"}`

func TestNode(t *testing.T) {
	d := start(t)
	a := d.do("GET", "/v1/node", "")
	want := `{"peer_id":"12D3KooWSelf","version":"0.1.0","instance":"i1","network":"lan","online":true,"state":"online",` +
		`"addresses":["/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWSelf"],"reachability":"unknown","relays":[],"connected_peers":0,` +
		`"dht":{"mode":"off","routing_table":0,"announced_at":null},"started_at":"2026-01-02T02:04:05.678Z"}` + "\n"
	if a.status != 200 || a.raw != want {
		t.Errorf("node: %d %s", a.status, a.raw)
	}
	if a := d.do("PUT", "/v1/node/online", `{"online":false}`); a.status != 200 || a.body["online"] != false || a.body["state"] != "offline" {
		t.Errorf("log out: %d %s", a.status, a.raw)
	}
	d.problem(d.do("PUT", "/v1/node/online", ``), 422, "invalid_argument", "online")
}

func TestCreateSendsAndTellsWhere(t *testing.T) {
	d := start(t)
	a := d.do("POST", "/v1/invitations", create, "Content-Type: text/html")
	want := `{"id":"01890a5d-ac96-774b-bcce-000000000001","kind":"local","state":"sent_to_remote","app":"chess",` +
		`"caller_id":"12D3KooWSelf","callee_id":"12D3KooWOther","channel_id":"room","content":"<offer>","response":"","reason":"","error":"",` +
		`"canceling":false,"progress":"locating","path":"","glare_with":"","merged_with":"","created_at":"2026-01-02T02:04:05.678Z",` +
		`"sent_at":"2026-01-02T02:04:05.678Z","received_at":null,"answered_at":null,"ended_at":null,` +
		`"expires_at":"2026-01-02T02:04:35.678Z","left_ms":30000}` + "\n"
	if a.status != 201 || a.raw != want {
		t.Errorf("created: %d %s", a.status, a.raw)
	}
	if got := a.header.Get("Location"); got != "/v1/invitations/01890a5d-ac96-774b-bcce-000000000001" {
		t.Errorf("Location is %q", got)
	}
	if a := d.do("GET", a.header.Get("Location"), ""); a.status != 200 || a.raw != want {
		t.Errorf("got: %d %s", a.status, a.raw)
	}
}

func TestDefaultAppIsCall(t *testing.T) {
	d := start(t)
	if a := d.do("POST", "/v1/invitations", `{"callee_id":"`+other+`"}`); a.status != 201 || a.body["app"] != "call" {
		t.Errorf("created: %d %s", a.status, a.raw)
	}
}

func TestHoldPatchSend(t *testing.T) {
	d := start(t)
	a := d.do("POST", "/v1/invitations", `{"callee_id":"`+other+`","hold":true}`)
	if a.status != 201 || a.body["state"] != "idle" || a.body["left_ms"] != nil || a.body["expires_at"] != nil {
		t.Fatalf("created: %d %s", a.status, a.raw)
	}
	id := strings.ToUpper(a.body["id"].(string))
	place := "/v1/invitations/" + id
	d.problem(d.do("POST", place+"/cancel", ""), 409, "not_started", "")
	if a = d.do("PATCH", place, `{"content":"new"}`); a.status != 200 || a.body["content"] != "new" || a.body["channel_id"] != "" {
		t.Errorf("patched: %d %s", a.status, a.raw)
	}
	if a = d.do("PATCH", place, `{"content":""}`); a.status != 200 || a.body["content"] != "" {
		t.Errorf("emptied: %d %s", a.status, a.raw)
	}
	if a = d.do("POST", place+"/send", ""); a.status != 200 || a.body["state"] != "sent_to_remote" {
		t.Errorf("sent: %d %s", a.status, a.raw)
	}
	d.problem(d.do("POST", place+"/send", ""), 409, "already_sent", "")
	d.problem(d.do("PATCH", place, `{"content":"late"}`), 409, "already_sent", "")
	d.problem(d.do("POST", place+"/accept", ""), 409, "wrong_kind", "")
	d.problem(d.do("DELETE", place, ""), 409, "still_live", "")
	if a = d.do("POST", place+"/cancel", ""); a.status != 200 || a.body["state"] != "canceled" || a.body["reason"] != "canceled" || a.body["ended_at"] == nil || a.body["progress"] != "" {
		t.Errorf("canceled: %d %s", a.status, a.raw)
	}
	a = d.do("POST", place+"/cancel", "")
	d.problem(a, 409, "already_end", "")
	if a.body["state"] != "canceled" {
		t.Errorf("the problem does not name the state: %s", a.raw)
	}
	if a = d.do("DELETE", place, ""); a.status != 204 || a.raw != "" {
		t.Errorf("discarded: %d %q", a.status, a.raw)
	}
	d.problem(d.do("GET", place, ""), 404, "not_found", "")
}

func TestLoggedOutCreateFailsAsAnInvitation(t *testing.T) {
	d := start(t)
	d.do("PUT", "/v1/node/online", `{"online":false}`)
	if a := d.do("POST", "/v1/invitations", create); a.status != 201 || a.body["state"] != "failure" || a.body["error"] != "not_logged_in" {
		t.Errorf("created: %d %s", a.status, a.raw)
	}
}

func TestAcceptAndRefuse(t *testing.T) {
	d := start(t)
	place := "/v1/invitations/" + d.device.ring("call", "offer").String()
	if a := d.do("POST", place+"/accept", `{"response":"answer"}`); a.status != 200 || a.body["state"] != "accept_sent_to_local" || a.body["response"] != "answer" {
		t.Errorf("accepted: %d %s", a.status, a.raw)
	}
	d.problem(d.do("POST", place+"/refuse", ""), 409, "already_accept", "")
	d.problem(d.do("POST", place+"/cancel", ""), 409, "wrong_kind", "")

	place = "/v1/invitations/" + d.device.ring("call", "offer").String()
	if a := d.do("POST", place+"/refuse", ``); a.status != 200 || a.body["reason"] != "declined" {
		t.Errorf("refused: %d %s", a.status, a.raw)
	}
	place = "/v1/invitations/" + d.device.ring("call", "offer").String()
	if a := d.do("POST", place+"/refuse", `{"reason":"busy","response":"later"}`); a.status != 200 || a.body["reason"] != "busy" || a.body["response"] != "later" {
		t.Errorf("refused: %d %s", a.status, a.raw)
	}
}

func TestIdempotencyKey(t *testing.T) {
	d := start(t)
	const key = "Idempotency-Key: k 1"
	first := d.do("POST", "/v1/invitations", create, key)
	if first.status != 201 || first.header.Get("Idempotency-Replayed") != "" {
		t.Fatalf("first: %d %v", first.status, first.header)
	}
	d.do("POST", first.header.Get("Location")+"/cancel", "")
	// The same fields in another order are the same body.
	swapped := `{ "app":"chess", "callee_id":"` + other + `","channel_id":"room","content":"\u003coffer>","reach_ms":1000,"ring_ms":600000,"glare":"merge"}`
	again := d.do("POST", "/v1/invitations", swapped, key)
	if again.status != 201 || again.header.Get("Idempotency-Replayed") != "true" || again.body["id"] != first.body["id"] || again.body["state"] != "canceled" {
		t.Errorf("again: %d %v %s", again.status, again.header, again.raw)
	}
	if again.header.Get("Location") != first.header.Get("Location") {
		t.Errorf("Location again: %v", again.header)
	}
	d.problem(d.do("POST", "/v1/invitations", `{"callee_id":"`+other+`"}`, key), 409, "idempotency_conflict", "")
	d.problem(d.do("POST", first.header.Get("Location")+"/cancel", "", key), 409, "idempotency_conflict", "")

	place := "/v1/invitations/" + d.device.ring("call", "").String() + "/accept"
	if a := d.do("POST", place, ``, "Idempotency-Key: k2"); a.status != 200 {
		t.Errorf("accept: %d %s", a.status, a.raw)
	}
	if a := d.do("POST", strings.ToUpper(place[:40])+place[40:], `{}`, "Idempotency-Key: k2"); a.status == 200 {
		t.Errorf("a path in upper case was found: %s", a.raw)
	}
	if a := d.do("POST", place, `{}`, "Idempotency-Key: k2"); a.status != 200 || a.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("accept again: %d %s", a.status, a.raw)
	}
	for _, bad := range []string{"", strings.Repeat("k", 129), "k\u00e9", "a\tb"} {
		d.problem(d.do("POST", "/v1/invitations", create, "Idempotency-Key: "+bad), 422, "invalid_argument", "Idempotency-Key")
	}
	d.problem(d.do("POST", "/v1/invitations", create, key, key), 422, "invalid_argument", "Idempotency-Key")
	if a := d.do("POST", "/v1/invitations", create, "Idempotency-Key: "+strings.Repeat("~", 128)); a.status != 201 {
		t.Errorf("the longest key: %d %s", a.status, a.raw)
	}
}

func TestList(t *testing.T) {
	d := start(t)
	if a := d.do("GET", "/v1/invitations", ""); a.raw != `{"invitations":[]}`+"\n" {
		t.Errorf("empty: %s", a.raw)
	}
	d.do("POST", "/v1/invitations", create)
	ended := d.device.ring("call", "")
	d.device.end(ended, invitation.Canceled, invitation.RemoteCanceled)
	d.device.ring("call", "")
	for query, want := range map[string]string{
		"":                                "3 2 1",
		"?kind=local":                     "1",
		"?kind=remote":                    "3 2",
		"?state=live":                     "3 1",
		"?state=ended":                    "2",
		"?state=canceled":                 "2",
		"?state=missed":                   "",
		"?app=chess":                      "1",
		"?peer=" + other + "&limit=500":   "3 2 1",
		"?limit=2":                        "3 2 +2",
		"?limit=2&before=1":               "1",
		"?state=live&kind=remote&limit=1": "3",
		"?before=":                        "3 2 1",
	} {
		a := d.do("GET", "/v1/invitations"+query, "")
		var got []string
		for _, i := range a.body["invitations"].([]any) {
			id := i.(map[string]any)["id"].(string)
			got = append(got, id[len(id)-1:])
		}
		if next, ok := a.body["next"]; ok {
			if rest := d.do("GET", "/v1/invitations?before="+next.(string), ""); len(rest.body["invitations"].([]any)) == 0 {
				t.Errorf("%s: nothing at next: %s", query, rest.raw)
			}
			got = append(got, "+2")
			if len(a.body["invitations"].([]any)) != 2 {
				t.Errorf("%s: a short page has a next: %s", query, a.raw)
			}
		}
		if strings.TrimSuffix(strings.Join(got, " "), "") != want {
			t.Errorf("%s: got %v, want %s", query, got, want)
		}
	}
}

func TestWaitForTheEnd(t *testing.T) {
	d := start(t)
	id := d.device.ring("call", "")
	place := "/v1/invitations/" + id.String()
	for _, query := range []string{"", "?wait=ended&wait_ms=0", "?wait=ended&wait_ms=20"} {
		if a := d.do("GET", place+query, ""); a.status != 200 || a.body["ended_at"] != nil {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	got := make(chan answer)
	go func() { got <- d.do("GET", place+"?wait=ended", "") }()
	d.device.end(id, invitation.Failed, invitation.RemoteFailure)
	if a := <-got; a.status != 200 || a.body["state"] != "failure" {
		t.Errorf("ended: %d %s", a.status, a.raw)
	}
	d.problem(d.do("GET", place+"?wait_ms=5", ""), 422, "invalid_argument", "wait_ms")
	d.problem(d.do("GET", place+"?wait=ended&wait_ms=60001", ""), 422, "invalid_argument", "wait_ms")
	d.problem(d.do("GET", place+"?wait=soon", ""), 422, "invalid_argument", "wait")
}

func TestPeers(t *testing.T) {
	d := start(t)
	want := `{"peers":[{"peer_id":"12D3KooWOther","addresses":[],"connectedness":"connected","path":"lan","source":"connected","agent":"beckond/0.1.0","took_ms":0}]}` + "\n"
	if a := d.do("GET", "/v1/peers", ""); a.raw != want {
		t.Errorf("peers: %s", a.raw)
	}
	want = `{"peer_id":"12D3KooWOther","addresses":["/ip4/10.0.0.2/tcp/1"],"connectedness":"unreachable","path":"","source":"dht","took_ms":10000,"stages":[` +
		`{"source":"dht","event":"asked","took_ms":0,"addresses":0},{"source":"dht","event":"answered","took_ms":1,"addresses":1}]}` + "\n"
	if a := d.do("GET", "/v1/peers/"+other, ""); a.status != 200 || a.raw != want {
		t.Errorf("found: %d %s", a.status, a.raw)
	}
	if a := d.do("GET", "/v1/peers/"+other+"?timeout_ms=7", ""); a.body["took_ms"] != 7.0 {
		t.Errorf("found in time: %s", a.raw)
	}
	d.problem(d.do("GET", "/v1/peers/"+gone, ""), 404, "peer_not_found", "")
	d.problem(d.do("GET", "/v1/peers/nobody", ""), 422, "invalid_argument", "id")
	if a := d.do("POST", "/v1/peers/"+other+"/ping", ""); a.status != 200 || a.raw != `{"rtt_ms":1.235,"path":"lan"}`+"\n" {
		t.Errorf("ping: %d %s", a.status, a.raw)
	}
	d.problem(d.do("POST", "/v1/peers/"+gone+"/ping", ""), 503, "peer_unreachable", "")
	// Addresses from an invite link go on to the node as they are.
	a := d.do("GET", "/v1/peers/"+other+"?addresses=/ip4/1/tcp/1&addresses=/a,b", "")
	if a.status != 200 || !strings.Contains(a.raw, `["/ip4/10.0.0.2/tcp/1","/ip4/1/tcp/1","/a,b"]`) {
		t.Errorf("found with addresses: %d %s", a.status, a.raw)
	}
	if a := d.do("POST", "/v1/peers/"+gone+"/ping", `{"addresses":["/1","/2"]}`); a.status != 200 || a.body["path"] != "direct" {
		t.Errorf("ping with addresses: %d %s", a.status, a.raw)
	}
	for _, body := range []string{`{"addresses":"/1"}`, `{"addresses":[1]}`, `{"addresses":[["/1"]]}`, `{"addresses":[null]}`, `{"addresses":null}`, `{"addresses":["\ud800"]}`, `{"addresses":["x",{}]}`} {
		if a := d.do("POST", "/v1/peers/"+other+"/ping", body); a.status != 422 || a.body["code"] != "invalid_argument" || a.body["field"] != "addresses" {
			t.Errorf("%s: %d %s", body, a.status, a.raw)
		}
	}
}

func TestInternalErrorsStayInside(t *testing.T) {
	d := start(t)
	d.device.mark(func() { d.device.fail = errors.New("disk /secret is full") })
	a := d.do("GET", "/v1/node", "")
	d.problem(a, 500, "internal", "")
	if strings.Contains(a.raw, "secret") {
		t.Errorf("told: %s", a.raw)
	}
}

func TestMetricsAndHead(t *testing.T) {
	d := start(t)
	if a := d.do("GET", "/metrics", ""); a.status != 200 || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("metrics: %d %v", a.status, a.header)
	}
	if a := d.do(http.MethodHead, "/v1/node", ""); a.status != 200 || a.raw != "" {
		t.Errorf("head: %d %q", a.status, a.raw)
	}
}
