package devices

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// lonely is a device without network and peers.
func lonely(t *testing.T) *Device { return Start(t, "--network", "lan", "--listen", TCP) }

// TestContractRequests holds the rules for all requests against one device.
func TestContractRequests(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	t.Run("paths", func(t *testing.T) { contractPaths(d) })
	t.Run("bodies", func(t *testing.T) { contractBodies(d) })
	t.Run("fields", func(t *testing.T) { contractFields(d) })
	t.Run("queries", func(t *testing.T) { contractQueries(d) })
	t.Run("description", func(t *testing.T) { contractDescription(t, d) })
	t.Run("files", func(t *testing.T) { contractModes(t, d) })
}

func contractPaths(d *Device) {
	for _, path := range []string{"/", "/v1", "/v2/node", "/v1/nodes", "/v1/invitations/", "/v1/invitations//send", "/v1/node/../node", "/v1/invitations/x/dance"} {
		d.refused(404, "not_found", "GET", path, "")
	}
	for method, path := range map[string]string{
		"PUT": "/v1/node", "GET": "/v1/node/online", "DELETE": "/v1/invitations", "POST": "/v1/events",
		"PATCH": "/v1/peers", "OPTIONS": "/v1/node", "TRACE": "/metrics",
	} {
		if r := d.refused(405, "method_not_allowed", method, path, ""); r.header.Get("Allow") == "" {
			d.t.Errorf("%s %s: 405 without Allow", method, path)
		}
	}
	for _, h := range []string{"Origin", "Referer"} {
		for _, path := range []string{"/v1/node", "/v1/events", "/openapi.json", "/metrics", "/nothing"} {
			d.refused(403, "not_allowed", "GET", path, "", h, "http://localhost")
		}
		d.refused(403, "not_allowed", "POST", "/v1/invitations", "{}", h, "")
	}
	unknown := "/v1/invitations/01900000-0000-7000-8000-000000000000"
	for _, r := range [][2]string{{"GET", ""}, {"PATCH", ""}, {"DELETE", ""}, {"POST", "/send"}, {"POST", "/cancel"}, {"POST", "/accept"}, {"POST", "/refuse"}} {
		d.refused(404, "not_found", r[0], unknown+r[1], "")
	}
	if r := d.want(200, "GET", "/metrics", ""); !strings.HasPrefix(r.header.Get("Content-Type"), "text/plain") || !strings.Contains(string(r.raw), "# TYPE beckon_") {
		d.t.Errorf("metrics: %s %.200s", r.header.Get("Content-Type"), r.raw)
	}
}

func contractBodies(d *Device) {
	for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/xml", "nonsense"} {
		d.want(200, "PUT", "/v1/node/online", `{"online":true}`, "Content-Type", kind)
	}
	idle := text(d.ring(nobody, `"hold":true`), "id")
	for _, empty := range []string{"", " \n", "{}"} {
		d.want(200, "PATCH", "/v1/invitations/"+idle, empty)
	}
	if r := d.refused(422, "invalid_argument", "POST", "/v1/invitations", ""); r.str("field") != "callee_id" {
		d.t.Errorf("an empty body: field %q", r.str("field"))
	}
	for _, broken := range []string{"{", "[]", "null", `"x"`, "1", `{"online":true}x`, `{"online":true}{}`, "{'online':true}", "\xff", `{"online":"` + "\xff" + `"}`, `{"online":true,"\ud800":1}`} {
		d.refused(422, "invalid_argument", "PUT", "/v1/node/online", broken)
	}
	for body, field := range map[string]string{
		`{"online":true,"now":1}`: "now", `{"Online":true}`: "Online", `{}`: "online", `{"online":"yes"}`: "online",
		`{"online":null}`: "online", `{"online":1}`: "online",
	} {
		if r := d.refused(422, "invalid_argument", "PUT", "/v1/node/online", body); r.str("field") != field {
			d.t.Errorf("%s: field %q, want %q", body, r.str("field"), field)
		}
	}
	d.refused(422, "invalid_argument", "PATCH", "/v1/invitations/"+idle, `{"content":"\ud800"}`)
	d.refused(422, "invalid_argument", "PATCH", "/v1/invitations/"+idle, "{\"content\":\"\xc3\"}")
	most := `{"online":true}`
	most += strings.Repeat(" ", 128<<10-len(most))
	d.want(200, "PUT", "/v1/node/online", most)
	d.refused(413, "too_large", "PUT", "/v1/node/online", most+" ")
	d.refused(413, "too_large", "POST", "/v1/invitations", strings.Repeat("x", 1<<20))
}

func contractFields(d *Device) {
	me := d.want(200, "GET", "/v1/node", "").str("peer_id")
	long := strings.Repeat("é", 8192) // 16384 bytes
	for fields, at := range map[string][2]string{
		toward("", ""):                          {"callee_id", ""},
		toward("alice", ""):                     {"callee_id", ""},
		toward(me, ""):                          {"callee_id", ""},
		toward(nobody, `"content":"`+long+`x"`): {"content", "16384"},
		toward(nobody, `"channel_id":"`+strings.Repeat("é", 32)+`x"`): {"channel_id", "64"},
		toward(nobody, `"app":""`):                                    {"app", ""},
		toward(nobody, `"app":"Call"`):                                {"app", "a-z 0-9 . _ -"},
		toward(nobody, `"app":"`+strings.Repeat("a", 65)+`"`):         {"app", "64"},
		toward(nobody, `"reach_ms":999`):                              {"reach_ms", "1000"},
		toward(nobody, `"reach_ms":600001`):                           {"reach_ms", "600000"},
		toward(nobody, `"ring_ms":999`):                               {"ring_ms", "1000"},
		toward(nobody, `"ring_ms":600001`):                            {"ring_ms", "600000"},
		toward(nobody, `"ring_ms":0`):                                 {"ring_ms", ""},
		toward(nobody, `"reach_ms":"1000"`):                           {"reach_ms", ""},
		toward(nobody, `"reach_ms":1500.5`):                           {"reach_ms", ""},
		toward(nobody, `"glare":"win"`):                               {"glare", ""},
		toward(nobody, `"hold":"yes"`):                                {"hold", ""},
		toward(nobody, `"callee":"x"`):                                {"callee", ""},
		toward(nobody, `"content":{}`):                                {"content", ""},
	} {
		r := d.refused(422, "invalid_argument", "POST", "/v1/invitations", fields)
		if r.str("field") != at[0] || !strings.Contains(r.str("limit"), at[1]) {
			d.t.Errorf("%.120s: field %q limit %q, want %q", fields, r.str("field"), r.str("limit"), at)
		}
	}
	for _, fields := range []string{
		`"content":"` + long + `"`, `"channel_id":"` + strings.Repeat("é", 32) + `"`, `"app":"` + strings.Repeat("a", 64) + `"`,
		`"app":"a-z.0_9"`, `"reach_ms":1000,"ring_ms":1000`, `"reach_ms":600000,"ring_ms":600000`, `"glare":"merge"`, `"glare":"independent"`,
		`"content":"` + strings.Repeat(`\u00e9`, 8192) + `"`,
	} {
		d.ring(nobody, `"hold":true,`+fields)
	}
	idle := text(d.ring(nobody, `"hold":true`), "id")
	for body, field := range map[string]string{`{"content":"` + long + `x"}`: "content", `{"app":"x"}`: "app"} {
		if r := d.refused(422, "invalid_argument", "PATCH", "/v1/invitations/"+idle, body); r.str("field") != field {
			d.t.Errorf("%.60s: field %q", body, r.str("field"))
		}
	}
	for _, r := range [][3]string{
		{"cancel", `{"reason":"declined"}`, "reason"}, {"refuse", `{"reason":"canceled"}`, "reason"}, {"refuse", `{"reason":""}`, "reason"},
		{"accept", `{"response":"` + long + `x"}`, "response"}, {"refuse", `{"response":"` + long + `x"}`, "response"},
		{"accept", `{"reason":"busy"}`, "reason"}, {"send", `{"content":"x"}`, "content"},
	} {
		if got := d.refused(422, "invalid_argument", "POST", "/v1/invitations/"+idle+"/"+r[0], r[1]); got.str("field") != r[2] {
			d.t.Errorf("%s %.60s: field %q", r[0], r[1], got.str("field"))
		}
	}
}

func contractQueries(d *Device) {
	idle := text(d.ring(nobody, `"hold":true`), "id")
	for query, field := range map[string]string{
		"/v1/invitations?color=red": "color", "/v1/invitations?kind=both": "kind", "/v1/invitations?state=held": "state",
		"/v1/invitations?state=dead": "state", "/v1/invitations?limit=0": "limit", "/v1/invitations?limit=501": "limit",
		"/v1/invitations?limit=x": "limit", "/v1/invitations?before=x": "before", "/v1/invitations?app=A": "app",
		"/v1/invitations?peer=a/b": "peer", "/v1/node?x=1": "x", "/v1/events?observe=perhaps": "observe", "/v1/events?app=A": "app",
		"/v1/events?wait_ms=60001": "wait_ms", "/v1/events?since=1": "since", "/v1/peers?x=1": "x",
		"/v1/invitations/" + idle + "?wait=begun": "wait", "/v1/invitations/" + idle + "?wait=ended&wait_ms=60001": "wait_ms",
		"/v1/peers/" + nobody + "?timeout_ms=x": "timeout_ms", "/v1/peers/alice": "id",
	} {
		if r := d.refused(422, "invalid_argument", "GET", query, ""); r.str("field") != field {
			d.t.Errorf("%s: field %q, want %q", query, r.str("field"), field)
		}
	}
	d.refused(422, "invalid_argument", "GET", "/v1/invitations/not-an-id", "")
	for _, key := range []string{"", strings.Repeat("k", 129), "clé"} {
		d.refused(422, "invalid_argument", "POST", "/v1/invitations", toward(nobody, `"hold":true`), "Idempotency-Key", key)
	}
}

// contractDescription: what is served is what is checked in.
func contractDescription(t *testing.T, d *Device) {
	r := d.want(200, "GET", "/openapi.json", "")
	raw, err := os.ReadFile("../../../api/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file object
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	var want object
	if err := json.Unmarshal(again, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r.body, want) {
		t.Error("GET /openapi.json is not api/openapi.yaml")
	}
	paths, _ := r.body["paths"].(object)
	for path, methods := range map[string]string{
		"/v1/node": "get", "/v1/node/online": "put", "/v1/invitations": "get post", "/v1/invitations/{id}": "get patch delete",
		"/v1/invitations/{id}/send": "post", "/v1/invitations/{id}/cancel": "post", "/v1/invitations/{id}/accept": "post",
		"/v1/invitations/{id}/refuse": "post", "/v1/invitations/{id}/explain": "get", "/v1/events": "get", "/v1/peers": "get", "/v1/peers/{id}": "get", "/v1/peers/{id}/ping": "post",
	} {
		at, _ := paths[path].(object)
		for _, m := range strings.Fields(methods) {
			if at[m] == nil {
				t.Errorf("the description has no %s %s", m, path)
			}
		}
	}
}

func contractModes(t *testing.T, d *Device) {
	for path, want := range map[string]fs.FileMode{
		d.Socket: 0o600 | fs.ModeSocket, d.Dir: 0o700 | fs.ModeDir, filepath.Join(d.Dir, "identity.key"): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	if _, err := os.Stat(filepath.Join(d.Dir, "beckon.db")); err != nil {
		t.Error(err)
	}
	if d.ask("GET", "/v1/node", "", "Host", "example.com").status != http.StatusOK {
		t.Error("the host's name matters")
	}
}
