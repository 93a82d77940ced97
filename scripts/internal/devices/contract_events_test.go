package devices

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// split reads a cursor, EPOCH:SEQ.
func split(t *testing.T, cursor string) (epoch string, seq int) {
	t.Helper()
	epoch, number, ok := strings.Cut(cursor, ":")
	seq, err := strconv.Atoi(number)
	if !ok || err != nil || epoch == "" {
		t.Fatalf("cursor %q", cursor)
	}
	return epoch, seq
}

// checkHello holds the first record to its form.
func checkHello(t *testing.T, d *Device, f *follower) {
	t.Helper()
	h := f.hello
	if len(h.lines) != 2 || h.lines[0] != "event: hello" || !strings.HasPrefix(h.lines[1], "data: {") {
		t.Errorf("hello: %q", h.lines)
	}
	split(t, text(h.body, "cursor"))
	node := d.want(200, "GET", "/v1/node", "").body
	for _, name := range []string{"peer_id", "instance", "state"} {
		if h.body[name] != node[name] {
			t.Errorf("hello: %s %v, the node says %v", name, h.body[name], node[name])
		}
	}
	if _, ok := h.body["live"].([]any); !ok {
		t.Errorf("hello: live %v", h.body["live"])
	}
	if ct := f.header.Get("Content-Type"); ct != "text/event-stream" {
		t.Errorf("Content-Type %q", ct)
	}
}

// checkEvent holds a record of the log to its form.
func checkEvent(t *testing.T, r record) {
	t.Helper()
	if len(r.lines) != 3 || !strings.HasPrefix(r.lines[0], "id: ") || !strings.HasPrefix(r.lines[1], "event: ") || !strings.HasPrefix(r.lines[2], "data: {") {
		t.Errorf("lines %q", r.lines)
		return
	}
	_, seq := split(t, r.id)
	if num(r.body, "seq") != float64(seq) || text(r.body, "type") != r.event {
		t.Errorf("id %s, event %s, data %s", r.id, r.event, r.data)
	}
	moment(t, r.body, "time")
	if strings.HasPrefix(r.event, "node_") {
		if text(r.body, "state") == "" || text(r.body, "cause") == "" || r.body["invitation"] != nil {
			t.Errorf("%s: %s", r.event, r.data)
		}
		return
	}
	if text(r.body, "app") == "" || text(r.body, "app") != text(r.invitation(), "app") {
		t.Errorf("%s: app %q", r.event, r.body["app"])
	}
	for _, name := range invitationNames {
		if _, there := r.invitation()[name]; !there {
			t.Errorf("%s: the invitation has no %s", r.event, name)
		}
	}
}

// TestContractStream: one call as its two apps see it, byte for byte, live and
// replayed; and who sees what.
func TestContractStream(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	caller.AwaitOnline()
	callee.AwaitOnline()
	local := caller.follow("?app=call")
	first, second := callee.follow("?app=call"), callee.follow("?app=other&app=call")
	other, all := callee.follow("?app=other"), callee.follow("?observe=true")
	checkHello(t, caller, local)
	checkHello(t, callee, first)

	id := text(caller.ring(callee.ID, `"content":"offer"`), "id")
	a, b := first.await("remote_invitation_received", id), second.await("remote_invitation_received", id)
	if a.data != b.data || a.id != b.id {
		t.Errorf("two apps of one name: %q and %q", a.lines, b.lines)
	}
	if second.hello.body["cursor"] == nil || text(a.invitation(), "state") != "invitation_received" {
		t.Errorf("received: %s", a.data)
	}
	callee.want(200, "POST", "/v1/invitations/"+id+"/accept", `{"response":"answer"}`)
	b = second.await("remote_invitation_progress", id)
	c := second.await("remote_invitation_accepted", id)
	for _, r := range []record{a, b, c} {
		checkEvent(t, r)
	}
	if text(b.invitation(), "state") != "accept_sent_to_local" || text(c.invitation(), "state") != "accepted" || text(c.invitation(), "response") != "answer" {
		t.Errorf("the bid: %s then %s", b.data, c.data)
	}
	checkProgress(t, local, id)

	// The same again, from the log: the form right after each change, over
	// beside it where it was not the end.
	replay := callee.follow("?app=call&observe=true&after=" + text(first.hello.body, "cursor"))
	if replay.hello.body["cursor"] != first.hello.body["cursor"] {
		t.Errorf("resumed with %v, hello says %v", first.hello.body["cursor"], replay.hello.body["cursor"])
	}
	for _, was := range []record{a, b, c} {
		r := replay.await(was.event, id)
		if isOver := r.body["over"] == true; isOver != (was.event != c.event) {
			t.Errorf("%s: over = %v", was.event, r.body["over"])
		}
		delete(r.body, "over")
		delete(was.body, "over") // a slow reader had it from the log the first time, too
		again, before := r.invitation(), was.invitation()
		for _, o := range []object{again, before} {
			delete(o, "response") // stored once, as it is now
		}
		if fmt.Sprint(r.body) != fmt.Sprint(was.body) || r.id != was.id {
			t.Errorf("replayed %v, was %v", r.body, was.body)
		}
	}
	id = text(caller.ring(callee.ID, `"app":"other"`), "id")
	other.await("remote_invitation_received", id)
	second.await("remote_invitation_received", id)
	checkFilters(t, callee, first, other)
	checkAll(t, all, id)
}

// checkFilters logs the device out: streams of app call and of app other see
// that, and nothing of each other's.
func checkFilters(t *testing.T, d *Device, call, other *follower) {
	t.Helper()
	d.want(200, "PUT", "/v1/node/online", `{"online":false}`)
	for _, f := range []*follower{call, other} {
		for r := f.next(); r.event != "node_offline"; r = f.next() {
			if app := text(r.body, "app"); f == call && app == "other" || f == other && app == "call" {
				t.Errorf("a stream has %s of app %s", r.event, app)
			}
		}
	}
}

// checkProgress: the caller's events in their order; progress never goes back.
func checkProgress(t *testing.T, f *follower, id string) {
	t.Helper()
	order := []string{"", "locating", "connecting", "delivered", "ringing"}
	var types []string
	last := 0
	for {
		r := f.next()
		if text(r.invitation(), "id") != id {
			continue
		}
		checkEvent(t, r)
		if r.event != "local_invitation_progress" {
			types = append(types, r.event)
		}
		if r.event == "local_invitation_accepted" {
			break
		}
		at := slices.Index(order, text(r.invitation(), "progress"))
		if at < last {
			t.Errorf("progress went back to %q", r.invitation()["progress"])
		}
		last = at
	}
	if got := strings.Join(types, " "); got != "local_invitation_received_by_peer local_invitation_accepted" {
		t.Errorf("the caller's callbacks: %s", got)
	}
}

// checkAll: a stream without app sees everything, contiguous, to the node's
// logout.
func checkAll(t *testing.T, f *follower, id string) {
	t.Helper()
	_, seq := split(t, text(f.hello.body, "cursor"))
	seen := false
	for {
		r := f.next()
		checkEvent(t, r)
		_, n := split(t, r.id)
		if n != seq+1 {
			t.Errorf("%s after %d", r.id, seq)
		}
		seq = n
		seen = seen || text(r.invitation(), "id") == id
		if r.event == "node_offline" {
			break
		}
	}
	if !seen {
		t.Error("a stream without app does not see all apps")
	}
}

// TestContractCounts: who is an app that has it, and who is not.
func TestContractCounts(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	none, observer, other := callee.follow(""), callee.follow("?app=call&observe=true"), callee.follow("?app=other")
	local := caller.follow("?app=call")
	id := text(caller.ring(callee.ID, ""), "id")
	for text(local.await("local_invitation_progress", id).invitation(), "progress") != "delivered" {
	}
	callee.refused(404, "not_found", "GET", "/v1/invitations/"+id, "")
	callee.refused(404, "not_found", "POST", "/v1/invitations/"+id+"/accept", "")
	callee.refused(404, "not_found", "DELETE", "/v1/invitations/"+id, "")
	if f := callee.follow("?observe=true"); len(f.live()) != 0 {
		t.Errorf("an observer's hello lists a held one: %s", f.hello.data)
	}
	if inv := caller.want(200, "GET", "/v1/invitations/"+id, "").body; text(inv, "state") != "sent_to_remote" || text(inv, "progress") != "delivered" {
		t.Errorf("held there: %v", inv)
	}
	app := callee.follow("?app=call")
	if app.live()[id] != nil {
		t.Error("what was held is in hello, not an event after it")
	}
	app.await("remote_invitation_received", id)
	local.await("local_invitation_received_by_peer", id)
	none.await("remote_invitation_received", id)
	observer.await("remote_invitation_received", id)
	late := callee.follow("?app=call")
	if late.live()[id] == nil || text(late.live()[id], "state") != "invitation_received" {
		t.Errorf("a later app's hello: %s", late.hello.data)
	}
	app.close()
	late.close()
	// It rings on without its app, and the next one hears of it in hello.
	if inv := callee.want(200, "GET", "/v1/invitations/"+id, "").body; text(inv, "state") != "invitation_received" {
		t.Errorf("without its app: %v", inv)
	}
	if other.close(); callee.follow("?app=call&app=other").live()[id] == nil {
		t.Error("the next app does not find it")
	}
	caller.want(200, "POST", "/v1/invitations/"+id+"/cancel", "")
	end := none.await("remote_invitation_canceled", id)
	if text(end.invitation(), "reason") != "canceled" {
		t.Errorf("canceled: %s", end.data)
	}
}

// TestContractResume: a cursor goes on strictly after itself, by either way of
// giving it, across kill -9, without gap and repeat.
func TestContractResume(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	f := d.follow("?app=call")
	start := text(f.hello.body, "cursor")
	var ids []string
	fail := func() {
		id := text(d.ring(nobody, `"reach_ms":1000`), "id")
		f.await("local_invitation_failure", id)
		ids = append(ids, id)
	}
	fail()
	fail()
	middle := text(d.follow("").hello.body, "cursor")
	fail()
	d.Kill()
	d.Restart()
	f = d.follow("?app=call&after="+start, "Last-Event-ID", middle)
	if text(f.hello.body, "cursor") != middle {
		t.Errorf("Last-Event-ID does not win: %s", f.hello.data)
	}
	if r := f.await("local_invitation_failure", ""); text(r.invitation(), "id") != ids[2] {
		t.Errorf("not strictly after the cursor: %s", r.data)
	}
	fail()
	for _, f := range []*follower{d.follow("?after=" + start), d.follow("", "Last-Event-ID", start), d.follow("?app=call&observe=true&after=" + start)} {
		_, seq := split(t, start)
		var failed []string
		for len(failed) < len(ids) {
			r := f.next()
			_, n := split(t, r.id)
			if f.hello.body["cursor"] != start || n <= seq {
				t.Fatalf("%s after %d", r.id, seq)
			}
			seq = n
			if r.event == "local_invitation_failure" {
				failed = append(failed, text(r.invitation(), "id"))
			}
		}
		if !slices.Equal(failed, ids) {
			t.Errorf("replayed %v, want %v", failed, ids)
		}
	}
	epoch, head := split(t, text(d.follow("").hello.body, "cursor"))
	for _, bad := range []string{"x", epoch, epoch + ":", epoch + ":-1", epoch + ":x", "other:1", epoch + ":" + strconv.Itoa(head+1), epoch + ":01"} {
		for _, accept := range []string{"text/event-stream", "application/json"} {
			r := d.refused(410, "cursor_expired", "GET", "/v1/events?after="+bad, "", "Accept", accept)
			if r.str("cursor") != fmt.Sprintf("%s:%d", epoch, head) {
				t.Errorf("%s: 410 with cursor %q, the head is %d", bad, r.str("cursor"), head)
			}
		}
	}
}

// TestContractHeartbeat: a quiet stream has a record with only an id every
// 15 s, of the log's present, also behind a filter; SIGTERM ends it with bye.
func TestContractHeartbeat(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	f := d.follow("?app=quiet")
	before := time.Now()
	id := text(d.ring(nobody, `"reach_ms":1000`), "id")
	d.end(id)
	head := text(d.follow("").hello.body, "cursor")
	for {
		r := f.next()
		if len(r.lines) == 1 {
			if r.lines[0] != "id: "+head {
				t.Errorf("heartbeat %q, the head is %s", r.lines, head)
			}
			break
		}
		before = time.Now()
	}
	if took := time.Since(before); took < 10*time.Second || took > 20*time.Second {
		t.Errorf("a heartbeat after %v", took)
	}
	resumed := d.follow("?app=call", "Last-Event-ID", head)
	if code := d.Stop(); code != 0 {
		t.Errorf("SIGTERM: exit %d", code)
	}
	for _, f := range []*follower{f, resumed} {
		bye := f.next()
		if bye.event != "bye" || bye.id != "" || bye.body == nil {
			t.Errorf("the last record is %q", bye.lines)
		}
		if r, more := <-f.records; more {
			t.Errorf("after bye: %q", r.lines)
		}
	}
}
