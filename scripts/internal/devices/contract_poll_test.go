package devices

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// poll asks for events as one JSON object.
func (d *Device) poll(query string) object {
	d.t.Helper()
	r := d.want(200, "GET", "/v1/events"+query, "", "Accept", "application/json")
	if _, ok := r.body["events"].([]any); !ok || !strings.Contains(text(r.body, "cursor"), ":") || r.header.Get("Content-Type") != "application/json" {
		d.t.Errorf("events%s: %s %s", query, r.header.Get("Content-Type"), r.raw)
	}
	return r.body
}

// named are the types of polled events about an invitation.
func named(list object, id string) string {
	var types []string
	all, _ := list["events"].([]any)
	for _, v := range all {
		e, _ := v.(object)
		if inv, _ := e["invitation"].(object); text(inv, "id") == id {
			types = append(types, text(e, "type"))
		}
	}
	return strings.Join(types, " ")
}

// TestContractPoll: an app that polls is an app while the poll is open; what
// it was written, it was handed.
func TestContractPoll(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	local := caller.follow("?app=call")
	start := time.Now()
	first := callee.poll("?app=call")
	if live, ok := first["live"].([]any); !ok || len(live) != 0 || time.Since(start) > 2*time.Second {
		t.Errorf("a poll that shall not wait: %v after %v", first, time.Since(start))
	}
	cursor := text(first, "cursor")
	held := text(caller.ring(callee.ID, ""), "id")
	for text(local.await("local_invitation_progress", held).invitation(), "progress") != "delivered" {
	}
	watched := callee.poll("?app=call&observe=true&wait_ms=300&after=" + cursor)
	if _, there := watched["live"]; there || named(watched, held) != "" {
		t.Errorf("an observing poll: %v", watched)
	}
	got := callee.poll("?app=call&wait_ms=20000&after=" + cursor)
	if named(got, held) != "remote_invitation_received" {
		t.Errorf("a poll: %v", got)
	}
	local.await("local_invitation_received_by_peer", held)
	cursor = text(got, "cursor")

	var wait sync.WaitGroup
	var answer reply
	var err error
	wait.Go(func() {
		answer, err = callee.tryAsk("GET", "/v1/events?app=call&wait_ms=30000&after="+cursor, "", "Accept", "application/json")
	})
	open := text(caller.ring(callee.ID, ""), "id")
	wait.Wait()
	if err != nil || named(answer.body, open) != "remote_invitation_received" {
		t.Errorf("an open poll: %s %v", answer.raw, err)
	}
	local.await("local_invitation_received_by_peer", open)
	if again := callee.poll("?app=call&after=" + text(answer.body, "cursor")); named(again, open) != "" {
		t.Errorf("told again: %v", again)
	}
	if fresh := callee.poll("?app=call"); byID(fresh["live"])[held] == nil || byID(fresh["live"])[open] == nil {
		t.Errorf("a poll without cursor: %v", fresh)
	}
	start = time.Now()
	if quiet := callee.poll("?app=none&wait_ms=700"); time.Since(start) < 700*time.Millisecond {
		t.Errorf("a quiet poll came after %v: %v", time.Since(start), quiet)
	}
}

// TestContractKeys: a repeated request is answered as it was, also after
// kill -9; a key is for one request.
func TestContractKeys(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	body := toward(nobody, `"hold":true,"content":"x"`)
	made := d.want(201, "POST", "/v1/invitations", body, "Idempotency-Key", "one")
	id := made.str("id")
	if made.header.Get("Idempotency-Replayed") != "" {
		t.Error("the first answer is marked as replayed")
	}
	d.want(200, "PATCH", "/v1/invitations/"+id, `{"content":"y"}`)
	sent := "/v1/invitations/" + id + "/send"
	for round := range 2 {
		again := d.want(201, "POST", "/v1/invitations", body, "Idempotency-Key", "one")
		if again.header.Get("Idempotency-Replayed") != "true" || again.str("id") != id || again.str("content") != "y" {
			t.Errorf("round %d: %v %s", round, again.header, again.raw)
		}
		d.refused(409, "idempotency_conflict", "POST", "/v1/invitations", toward(nobody, `"hold":true`), "Idempotency-Key", "one")
		d.refused(409, "idempotency_conflict", "POST", sent, "", "Idempotency-Key", "one")
		r := d.want(200, "POST", sent, "", "Idempotency-Key", strings.Repeat("k", 128))
		if replayed := r.header.Get("Idempotency-Replayed") == "true"; replayed != (round > 0) {
			t.Errorf("send, round %d: replayed %v", round, replayed)
		}
		d.refused(409, "already_sent", "POST", sent, "")
		d.Kill()
		d.Restart()
	}
	if n := len(byID(d.want(200, "GET", "/v1/invitations", "").body["invitations"])); n != 1 {
		t.Errorf("%d invitations of one key", n)
	}
}

// TestContractPayload: the largest content and response arrive as they are.
func TestContractPayload(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app := callee.follow("?app=call")
	most := strings.Repeat("𝄞é<&>\t \"\\xyz", 16384/16) // 16 bytes each
	if len(most) != 16384 {
		t.Fatalf("%d bytes", len(most))
	}
	quoted := strings.NewReplacer("\\", `\\`, `"`, `\"`, "\t", `\t`).Replace(most)
	id := text(caller.ring(callee.ID, `"content":"`+quoted+`"`), "id")
	if got := app.await("remote_invitation_received", id); text(got.invitation(), "content") != most {
		t.Errorf("content of %d bytes", len(text(got.invitation(), "content")))
	}
	callee.want(200, "POST", "/v1/invitations/"+id+"/accept", `{"response":"`+quoted+`"}`)
	if end := caller.end(id); text(end, "response") != most || text(end, "content") != most {
		t.Errorf("response of %d bytes", len(text(end, "response")))
	}
}

// TestContractHandOver: an app that resumes with a cursor at or after the event
// has it, and so has one that was written a hello.
func TestContractHandOver(t *testing.T) {
	t.Parallel()
	caller := Start(t)
	callee := Start(t, "--bootstrap", caller.Address("quic"))
	local, app := caller.follow("?app=call"), callee.follow("?app=call")
	id := text(caller.ring(callee.ID, ""), "id")
	cursor := app.await("remote_invitation_received", id).id
	local.await("local_invitation_received_by_peer", id)
	app.close()
	callee.Kill()
	callee.Restart()
	back := callee.follow("?app=call", "Last-Event-ID", cursor)
	if back.live()[id] == nil {
		t.Errorf("a resumed hello: %s", back.hello.data)
	}
	callee.want(200, "POST", "/v1/invitations/"+id+"/accept", "")
	back.await("remote_invitation_accepted", id)
	expectEnd(t, caller.end(id), "accepted_by_remote", "")
	if terminal := local.await("local_invitation_accepted", id); terminal.body["over"] == true {
		t.Errorf("live: %s", terminal.data)
	}
}
