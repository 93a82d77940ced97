package server_test

import (
	"errors"
	"testing"
)

// TestDoctor: the answer is 200 whatever is found, and its outcome is the
// worst of all.
func TestDoctor(t *testing.T) {
	d := start(t)
	want := `{"outcome":"ok","checks":[{"name":"disk","outcome":"ok","found":"much free","advice":"","took_ms":12},` +
		`{"name":"online","outcome":"ok","found":"logged in","advice":"","took_ms":0}]}` + "\n"
	if a := d.do("GET", "/v1/doctor", ""); a.status != 200 || a.raw != want {
		t.Errorf("%d %s", a.status, a.raw)
	}
	d.do("PUT", "/v1/node/online", `{"online":false}`)
	if a := d.do("GET", "/v1/doctor", ""); a.status != 200 || a.body["outcome"] != "warn" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	d.problem(d.do("GET", "/v1/doctor?deep=true", ""), 422, "invalid_argument", "deep")
	d.problem(d.do("POST", "/v1/doctor", ""), 405, "method_not_allowed", "")
	d.device.mark(func() { d.device.fail = errors.New("oh") })
	d.problem(d.do("GET", "/v1/doctor", ""), 500, "internal", "")
}
