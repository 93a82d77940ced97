package server_test

import (
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/api/server"
)

var update = flag.Bool("update", false, "write ../openapi.yaml anew")

func TestOpenAPIFileIsGenerated(t *testing.T) {
	const file = "../openapi.yaml"
	want, err := server.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != string(want) {
		t.Errorf("%s is not what the code says (%v); run: go run ./api/server/internal/openapi > api/openapi.yaml", file, err)
	}
}

func TestOpenAPIDescribesEveryOperation(t *testing.T) {
	d := start(t)
	a := d.do("GET", "/openapi.json", "")
	if a.status != 200 || a.body["openapi"] != "3.1.0" {
		t.Fatalf("%d %.200s", a.status, a.raw)
	}
	paths := a.body["paths"].(map[string]any)
	for place, methods := range map[string]string{
		"/v1/node": "get", "/v1/doctor": "get", "/v1/node/online": "put", "/v1/invitations": "get post", "/v1/invitations/{id}": "get patch delete",
		"/v1/invitations/{id}/send": "post", "/v1/invitations/{id}/cancel": "post", "/v1/invitations/{id}/accept": "post",
		"/v1/invitations/{id}/refuse": "post", "/v1/invitations/{id}/explain": "get", "/v1/events": "get", "/v1/peers": "get", "/v1/peers/{id}": "get",
		"/v1/peers/{id}/ping": "post", "/openapi.json": "get", "/metrics": "get",
	} {
		item, _ := paths[place].(map[string]any)
		for _, method := range strings.Fields(methods) {
			op, _ := item[method].(map[string]any)
			responses, _ := op["responses"].(map[string]any)
			if responses["403"] == nil {
				t.Errorf("%s %s and its problems are not described", method, place)
			}
			if strings.Contains(place, "{id}") && !strings.Contains(toJSON(t, op), `"in":"path"`) {
				t.Errorf("%s %s: the id is not described", method, place)
			}
			if method == "post" && !strings.Contains(toJSON(t, op), `"Idempotency-Key"`) {
				t.Errorf("%s %s: the key is not described", method, place)
			}
		}
		delete(paths, place)
	}
	if len(paths) > 0 {
		t.Errorf("described and not expected: %v", paths)
	}
	schemas := a.body["components"].(map[string]any)["schemas"].(map[string]any)
	for _, name := range []string{"Invitation", "Node", "Peer", "Problem", "Event", "Doctor", "Hello", "Farewell", "EventList"} {
		s, _ := schemas[name].(map[string]any)
		if s == nil || s["additionalProperties"] == false {
			t.Errorf("schema %s is missing, or closed to growth", name)
		}
	}
}

func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	d := start(t)
	out, err := exec.Command(curl, "-sS", "--unix-socket", d.path, "http://beckon/v1/node").Output()
	if err != nil || !strings.HasPrefix(string(out), `{"peer_id":"12D3KooWSelf",`) {
		t.Errorf("%s, %v", out, err)
	}
	out, err = exec.Command(curl, "-sS", "--unix-socket", d.path, "http://beckon/v1/invitations", "-d", `{"callee_id":"`+other+`"}`).Output()
	if err != nil || !strings.Contains(string(out), `"state":"sent_to_remote"`) {
		t.Errorf("%s, %v", out, err)
	}
}
