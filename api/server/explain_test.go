package server_test

import (
	"context"
	"testing"

	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/protocol"
)

// Explain tells two steps, the second one the other side's if merged.
func (d *device) Explain(ctx context.Context, id protocol.ID, merge bool) (node.Explanation, error) {
	v, err := d.Get(ctx, id)
	if err != nil {
		return node.Explanation{}, err
	}
	x := node.Explanation{View: v, Other: node.OtherNotAsked, Verdict: explain.Judge(v.Form, nil), Steps: []node.Step{
		{Code: explain.DialFailed, Side: explain.Here, At: 1_772_366_400_000, Since: 1500, Count: 3, Last: 2_000_000, Error: explain.ErrRefused, Address: "/ip4/192.0.2.1/tcp/1", Transport: "tcp"},
	}}
	if merge {
		x.Other, x.Alignment = node.OtherMerged, explain.Alignment{Pairs: 2, Within: 250}
		x.Steps = append(x.Steps, node.Step{Code: explain.InviteRead, Side: explain.There, Since: 2_000_500})
	}
	return x, nil
}

func TestExplain(t *testing.T) {
	d := start(t)
	id := d.device.ring("call", "secret words")
	a := d.do("GET", "/v1/invitations/"+id.String()+"/explain", "")
	if a.status != 200 || a.body["other"] != "merged" || a.body["id"] != id.String() || a.body["kind"] != "remote" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	want := `[{"address":"/ip4/192.0.2.1/tcp/1","at":"2026-03-01T12:00:00.000Z","code":"dial_failed","count":3,"error":"refused","last_ms":2000,"side":"here","since_ms":1.5,` +
		`"text":"/ip4/192.0.2.1/tcp/1: refused, nothing listens there, 3 times, the last at 2.0 s.","transport":"tcp"},` +
		`{"at":"1970-01-01T00:00:00.000Z","code":"invite_read","side":"there","since_ms":2000.5,"text":"The Invite arrived at the callee."}]`
	if got := toJSON(t, a.body["steps"]); got != want {
		t.Errorf("steps\n%s\nwant\n%s", got, want)
	}
	if got := toJSON(t, a.body["alignment"]); got != `{"pairs":2,"within_ms":0.25}` {
		t.Errorf("alignment %s", got)
	}
	verdict, _ := a.body["verdict"].(map[string]any)
	if verdict["code"] != "rings_here" || verdict["sentence"] == "" || toJSON(t, verdict["warnings"]) != "[]" {
		t.Errorf("verdict %v", verdict)
	}

	a = d.do("GET", "/v1/invitations/"+id.String()+"/explain?merge=false", "")
	if a.status != 200 || a.body["other"] != "not_asked" || a.body["alignment"] != nil {
		t.Errorf("%d %s", a.status, a.raw)
	}
	for query, status := range map[string]int{
		"/v1/invitations/" + id.String() + "/explain?merge=perhaps": 422,
		"/v1/invitations/" + id.String() + "/explain?deep=true":     422,
		"/v1/invitations/" + protocol.NewID().String() + "/explain": 404,
		"/v1/invitations/nonsense/explain":                          422,
	} {
		if a := d.do("GET", query, ""); a.status != status {
			t.Errorf("%s: %d %s", query, a.status, a.raw)
		}
	}
	if a := d.do("POST", "/v1/invitations/"+id.String()+"/explain", ""); a.status != 405 {
		t.Errorf("POST: %d %s", a.status, a.raw)
	}
}
