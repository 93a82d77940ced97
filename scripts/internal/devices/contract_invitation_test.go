package devices

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"
)

// invitationNames are the fields of an invitation, all of them always there.
var invitationNames = strings.Fields(`id kind state app caller_id callee_id channel_id content response reason error canceling progress
	path glare_with merged_with created_at sent_at received_at answered_at ended_at expires_at left_ms`)

// checkForm holds an invitation to what is true of each: all names, absent
// times null, absent text "", times with 3 decimals. nulls are the names that
// shall be null, empty those that shall be "".
func checkForm(t *testing.T, what string, inv object, state string, nulls, empty string) {
	t.Helper()
	for _, name := range invitationNames {
		v, there := inv[name]
		switch name {
		case "canceling":
			_, ok := v.(bool)
			there = there && ok
		case "left_ms":
			_, ok := v.(float64)
			there = there && (ok || v == nil)
		case "created_at", "sent_at", "received_at", "answered_at", "ended_at", "expires_at":
			if v != nil {
				moment(t, inv, name)
			}
		default:
			_, ok := v.(string)
			there = there && ok
		}
		if !there {
			t.Errorf("%s: %s = %v", what, name, v)
		}
		if isNull := v == nil; isNull != slices.Contains(strings.Fields(nulls), name) {
			t.Errorf("%s: %s = %v", what, name, v)
		}
		if isEmpty := v == ""; isEmpty != slices.Contains(strings.Fields(empty), name) {
			t.Errorf("%s: %s = %q", what, name, v)
		}
	}
	if text(inv, "state") != state {
		t.Errorf("%s: state %q, want %s", what, inv["state"], state)
	}
}

// TestContractForms: the fields of both forms, at each step.
func TestContractForms(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app := callee.follow("?app=call")
	local := caller.follow("?app=call&observe=true")

	inv := caller.ring(callee.ID, `"hold":true,"content":"first"`)
	id := text(inv, "id")
	checkForm(t, "held back", inv, "idle", "sent_at received_at answered_at ended_at expires_at left_ms",
		"channel_id response reason error progress path glare_with merged_with")
	inv = caller.want(200, "PATCH", "/v1/invitations/"+id, `{"content":"offer","channel_id":"room"}`).body
	if text(inv, "content") != "offer" || text(inv, "channel_id") != "room" {
		t.Errorf("patched: %v", inv)
	}
	inv = caller.want(200, "POST", "/v1/invitations/"+id+"/send", "").body
	checkForm(t, "sent", inv, "sent_to_remote", "received_at answered_at ended_at", "response reason error path glare_with merged_with")
	if left := num(inv, "left_ms"); left <= 0 || left > 30_000 {
		t.Errorf("reach: left_ms %v", left)
	}

	got := app.await("remote_invitation_received", id).invitation()
	if text(got, "content") != "offer" || text(got, "channel_id") != "room" || text(got, "kind") != "remote" || text(got, "app") != "call" ||
		text(got, "caller_id") != caller.ID || text(got, "callee_id") != callee.ID {
		t.Errorf("received: %v", got)
	}
	local.await("local_invitation_received_by_peer", id)
	got = callee.want(200, "GET", "/v1/invitations/"+id, "").body
	checkForm(t, "ringing there", got, "invitation_received", "sent_at answered_at ended_at", "response reason error progress glare_with merged_with")
	inv = caller.want(200, "GET", "/v1/invitations/"+id, "").body
	checkForm(t, "ringing", inv, "received_by_remote", "answered_at ended_at", "response reason error glare_with merged_with")
	if text(inv, "progress") != "ringing" || text(inv, "path") != "lan" {
		t.Errorf("ringing: progress %q path %q", inv["progress"], inv["path"])
	}
	for _, form := range []object{inv, got} {
		left, ends := num(form, "left_ms"), time.Until(moment(t, form, "expires_at"))
		if left > 60_000 || left < 50_000 || ends > 60*time.Second || ends < 45*time.Second {
			t.Errorf("ringing: left_ms %v, expires_at in %v", left, ends)
		}
	}
	got = callee.want(200, "POST", "/v1/invitations/"+id+"/accept", `{"response":"answer"}`).body
	checkForm(t, "bid", got, "accept_sent_to_local", "sent_at ended_at", "reason error progress glare_with merged_with")
	app.await("remote_invitation_accepted", id)
	ended := "reason error progress glare_with merged_with"
	checkForm(t, "accepted there", callee.end(id), "accepted", "sent_at expires_at left_ms", ended)
	inv = caller.end(id)
	checkForm(t, "accepted", inv, "accepted_by_remote", "expires_at left_ms", ended)
	if text(inv, "response") != "answer" || text(inv, "content") != "offer" {
		t.Errorf("accepted: %v", inv)
	}
}

// TestContractVerbs: each verb, its defaults and each of its errors.
func TestContractVerbs(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app := callee.follow("?app=call")
	ring := func() string {
		id := text(caller.ring(callee.ID, ""), "id")
		app.await("remote_invitation_received", id)
		return "/v1/invitations/" + id
	}
	idle := "/v1/invitations/" + text(caller.ring(callee.ID, `"hold":true`), "id")
	caller.refused(409, "not_started", "POST", idle+"/cancel", "")
	caller.refused(409, "wrong_kind", "POST", idle+"/accept", "")
	caller.refused(409, "wrong_kind", "POST", idle+"/refuse", "")
	caller.want(200, "POST", idle+"/send", "")
	caller.refused(409, "already_sent", "POST", idle+"/send", "")
	caller.refused(409, "already_sent", "PATCH", idle, `{"content":"late"}`)
	caller.refused(409, "still_live", "DELETE", idle, "")
	app.await("remote_invitation_received", strings.TrimPrefix(idle, "/v1/invitations/"))
	for _, v := range []string{"/send", "/cancel"} {
		callee.refused(409, "wrong_kind", "POST", idle+v, "")
	}
	callee.refused(409, "wrong_kind", "PATCH", idle, "{}")
	callee.refused(409, "still_live", "DELETE", idle, "")
	refusal := callee.want(200, "POST", idle+"/refuse", "").body
	if text(refusal, "state") != "refused" || text(refusal, "reason") != "declined" {
		t.Errorf("refused: %v", refusal)
	}
	if end := caller.end(strings.TrimPrefix(idle, "/v1/invitations/")); text(end, "state") != "refused_by_remote" || text(end, "reason") != "declined" {
		t.Errorf("the caller of a refused one: %v", end)
	}
	for _, v := range []string{"send", "cancel"} {
		caller.refused(409, "already_end", "POST", idle+"/"+v, "")
	}
	for _, v := range []string{"accept", "refuse"} {
		if r := callee.refused(409, "already_end", "POST", idle+"/"+v, ""); r.str("state") != "refused" {
			t.Errorf("already_end with state %q", r.str("state"))
		}
	}
	caller.refused(409, "already_end", "PATCH", idle, `{"content":"late"}`)

	reasons := ring()
	callee.want(200, "POST", reasons+"/refuse", `{"reason":"do_not_disturb","response":"später"}`)
	if end := caller.end(strings.TrimPrefix(reasons, "/v1/invitations/")); text(end, "reason") != "do_not_disturb" || text(end, "response") != "später" {
		t.Errorf("refused with a reason: %v", end)
	}
	canceled := ring()
	inv := caller.want(200, "POST", canceled+"/cancel", "").body
	if text(inv, "reason") != "canceled" {
		t.Errorf("cancel: %v", inv)
	}
	end := caller.end(strings.TrimPrefix(canceled, "/v1/invitations/"))
	if text(end, "state") != "canceled" || text(end, "reason") != "canceled" || end["canceling"] != false {
		t.Errorf("canceled: %v", end)
	}
	if end := callee.end(text(end, "id")); text(end, "state") != "canceled" || text(end, "reason") != "canceled" {
		t.Errorf("canceled there: %v", end)
	}
}

// TestContractBid: while a bid waits for the caller's word, accept and refuse
// have their own error; a cancel that waits for the callee's is said again.
func TestContractBid(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app := callee.follow("?app=call")
	first, second := text(caller.ring(callee.ID, ""), "id"), text(caller.ring(callee.ID, ""), "id")
	app.await("remote_invitation_received", second)
	caller.Freeze()
	callee.want(200, "POST", "/v1/invitations/"+first+"/accept", "", "Idempotency-Key", "bid")
	for _, v := range []string{"accept", "refuse"} {
		if r := callee.refused(409, "already_accept", "POST", "/v1/invitations/"+first+"/"+v, ""); r.str("state") != "accept_sent_to_local" {
			t.Errorf("already_accept with state %q", r.str("state"))
		}
	}
	if r := callee.want(200, "POST", "/v1/invitations/"+first+"/accept", "", "Idempotency-Key", "bid"); r.header.Get("Idempotency-Replayed") != "true" {
		t.Error("the bid was not replayed")
	}
	caller.Thaw()
	if end := callee.end(first); text(end, "state") != "accepted" {
		t.Errorf("the bid ended %v", end)
	}
	callee.Freeze()
	for range 2 {
		inv := caller.want(200, "POST", "/v1/invitations/"+second+"/cancel", "").body
		if inv["canceling"] != true || inv["ended_at"] != nil || inv["left_ms"] != nil {
			t.Errorf("canceling: %v", inv)
		}
	}
	caller.refused(409, "still_live", "DELETE", "/v1/invitations/"+second, "")
	if inv := caller.want(200, "GET", "/v1/invitations/"+second+"?wait=ended&wait_ms=50", "").body; inv["ended_at"] != nil {
		t.Errorf("it ended while the callee stood still: %v", inv)
	}
	callee.Thaw()
	if end := caller.end(second); text(end, "state") != "canceled" {
		t.Errorf("canceled: %v", end)
	}
}

// TestContractDiscard: what is discarded is gone, its payload from the event
// log too, and there is no callback.
func TestContractDiscard(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	app := callee.follow("?app=call")
	idle := text(caller.ring(callee.ID, `"hold":true,"content":"never"`), "id")
	if r := caller.ask("DELETE", "/v1/invitations/"+idle, ""); r.status/100 != 2 {
		t.Errorf("an idle one: %d %s", r.status, r.raw)
	}
	caller.refused(404, "not_found", "GET", "/v1/invitations/"+idle, "")
	caller.refused(404, "not_found", "POST", "/v1/invitations/"+idle+"/send", "")

	kept := caller.want(201, "POST", "/v1/invitations", toward(callee.ID, `"content":"secret-offer"`), "Idempotency-Key", "gone")
	id := kept.str("id")
	app.await("remote_invitation_received", id)
	callee.want(200, "POST", "/v1/invitations/"+id+"/accept", `{"response":"secret-answer"}`)
	caller.end(id)
	callee.end(id)
	for _, d := range []*Device{caller, callee} {
		if r := d.ask("DELETE", "/v1/invitations/"+id, ""); r.status/100 != 2 || len(r.raw) > 0 {
			t.Errorf("an ended one: %d %s", r.status, r.raw)
		}
		for range 2 {
			d.refused(404, "not_found", "GET", "/v1/invitations/"+id, "")
			d.refused(404, "not_found", "DELETE", "/v1/invitations/"+id, "")
			d.refused(404, "not_found", "GET", "/v1/invitations/"+id+"?wait=ended&wait_ms=100", "")
			if list := d.want(200, "GET", "/v1/invitations", ""); strings.Contains(string(list.raw), id) {
				t.Errorf("listed: %s", list.raw)
			}
			replay := d.want(200, "GET", "/v1/events?observe=true&after="+d.begin(), "", "Accept", "application/json")
			if !strings.Contains(string(replay.raw), id) || strings.Contains(string(replay.raw), "secret") {
				t.Errorf("replayed: %s", replay.raw)
			}
			d.Kill()
			d.Restart()
		}
	}
	again := caller.ask("POST", "/v1/invitations", toward(callee.ID, `"content":"secret-offer"`), "Idempotency-Key", "gone")
	if strings.Contains(string(again.raw), "secret") {
		t.Errorf("a repeated key brings back what was discarded: %d %s", again.status, again.raw)
	}
}

// begin is the cursor before the first event.
func (d *Device) begin() string {
	d.t.Helper()
	epoch, _, _ := strings.Cut(d.follow("").hello.body["cursor"].(string), ":")
	return epoch + ":0"
}

// TestContractList: order, filters and pages.
func TestContractList(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	var ids []string
	for i := range 7 {
		ids = append(ids, text(caller.ring(callee.ID, fmt.Sprintf(`"hold":true,"app":"app%d"`, i%2)), "id"))
	}
	elsewhere := text(caller.ring(nobody, `"reach_ms":1000`), "id")
	missed := text(caller.ring(callee.ID, `"reach_ms":1500,"app":"app0"`), "id")
	callee.refused(404, "not_found", "GET", "/v1/invitations/"+missed, "")
	if r := callee.want(200, "GET", "/v1/invitations", ""); len(byID(r.body["invitations"])) != 0 {
		t.Errorf("a held one is listed: %s", r.raw)
	}
	caller.end(elsewhere)
	if end := caller.end(missed); text(end, "error") != "peer_no_response" {
		t.Errorf("nobody there: %v", end)
	}
	until(t, "missed", func() bool { return callee.ask("GET", "/v1/invitations/"+missed, "").status == 200 })
	checkForm(t, "missed", callee.end(missed), "missed", "sent_at received_at answered_at expires_at left_ms",
		"channel_id content response reason error progress glare_with merged_with")

	checkPages(t, caller, 9)
	for query, want := range map[string][]string{
		"kind=local&app=app1": {ids[1], ids[3], ids[5]}, "state=live": ids, "state=idle": ids, "state=ended": {elsewhere, missed},
		"state=failure": {elsewhere, missed}, "peer=" + nobody: {elsewhere}, "kind=remote": nil, "state=missed": nil,
		"state=ended&peer=" + callee.ID: {missed}, "app=none": nil, "state=canceled": nil, "limit=500&peer=" + caller.ID: append([]string{elsewhere, missed}, ids...),
	} {
		page := caller.want(200, "GET", "/v1/invitations?"+query, "").body
		got := byID(page["invitations"])
		if _, isList := page["invitations"].([]any); !isList || len(got) != len(want) {
			t.Errorf("%s: %d, want %d", query, len(got), len(want))
		}
		for _, id := range want {
			if got[id] == nil {
				t.Errorf("%s: without %s", query, id)
			}
		}
	}
	for _, query := range []string{"state=missed", "state=ended&kind=remote&app=app0", "peer=" + caller.ID} {
		if got := byID(callee.want(200, "GET", "/v1/invitations?"+query, "").body["invitations"]); got[missed] == nil || len(got) != 1 {
			t.Errorf("%s: %v", query, got)
		}
	}
}

// checkPages reads the whole list in pages of two: newest first, what came in
// the same millisecond by id.
func checkPages(t *testing.T, d *Device, total int) {
	t.Helper()
	var all []object
	for before := ""; ; {
		page := d.want(200, "GET", "/v1/invitations?limit=2&before="+before, "").body
		list, _ := page["invitations"].([]any)
		for _, v := range list {
			all = append(all, v.(object))
		}
		next, more := page["next"].(string)
		if !more {
			break
		}
		if before = next; len(list) != 2 {
			t.Fatalf("a page of %d with a next", len(list))
		}
	}
	if len(all) != total || !sort.SliceIsSorted(all, func(i, j int) bool {
		a, b := text(all[i], "created_at"), text(all[j], "created_at")
		return a > b || a == b && text(all[i], "id") > text(all[j], "id")
	}) {
		t.Errorf("%d in the wrong order: %v", len(all), all)
	}
}
