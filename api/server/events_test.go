package server_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/beckon-p2p/beckon/api/server"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const (
	head   = `{"id":"01890a5d-ac96-774b-bcce-000000000001","kind":"remote","state":"`
	middle = `","app":"call","caller_id":"12D3KooWOther","callee_id":"12D3KooWSelf","channel_id":"","content":"a\nb <&>","response":"","reason":"","error":"",` +
		`"canceling":false,"progress":"","path":"","glare_with":"","merged_with":"","created_at":"2026-01-02T02:04:05.678Z","sent_at":null,"received_at":null,"answered_at":null,"ended_at":`
	tail = `}`
)

func remote(state, ended, expires, left string) string {
	return head + state + middle + ended + `,"expires_at":` + expires + `,"left_ms":` + left + tail
}

func TestStreamBytes(t *testing.T) {
	d := start(t)
	s := d.stream("/v1/events?app=call")
	if got, want := s.next(), "event: hello\ndata: {\"cursor\":\"EPOCH:0\",\"peer_id\":\"12D3KooWSelf\",\"instance\":\"i1\",\"state\":\"online\",\"live\":[]}\n"; got != want {
		t.Errorf("hello is\n%swant\n%s", got, want)
	}
	id := d.device.ring("call", "a\nb <&>")
	ringing := remote("invitation_received", "null", `"2026-01-02T02:04:35.678Z"`, "30000")
	first := `{"seq":1,"time":"2026-01-02T02:04:05.678Z","type":"remote_invitation_received","app":"call","invitation":` + ringing
	if got, want := s.next(), "id: EPOCH:1\nevent: remote_invitation_received\ndata: "+first+"}\n"; got != want {
		t.Errorf("the event is\n%swant\n%s", got, want)
	}
	d.do("PUT", "/v1/node/online", `{"online":false}`)
	if got, want := s.next(), "id: EPOCH:2\nevent: node_offline\ndata: {\"seq\":2,\"time\":\"2026-01-02T02:04:06.678Z\",\"type\":\"node_offline\",\"app\":\"\",\"state\":\"offline\",\"cause\":\"asked\"}\n"; got != want {
		t.Errorf("the node's event is\n%swant\n%s", got, want)
	}
	d.device.end(id, invitation.Canceled, invitation.RemoteCanceled)
	end := `id: EPOCH:3` + "\nevent: remote_invitation_canceled\ndata: " + `{"seq":3,"time":"2026-01-02T02:04:07.678Z","type":"remote_invitation_canceled","app":"call","invitation":` +
		remote("canceled", `"2026-01-02T02:04:07.678Z"`, "null", "null") + "}\n"
	if got := s.next(); got != end {
		t.Errorf("the end is\n%swant\n%s", got, end)
	}

	// A replay tells the same, and adds that it is over.
	s = d.stream("/v1/events?app=call&after=EPOCH:0")
	s.next()
	if got, want := s.next(), "id: EPOCH:1\nevent: remote_invitation_received\ndata: "+first+",\"over\":true}\n"; got != want {
		t.Errorf("the replay is\n%swant\n%s", got, want)
	}
	s.next()
	if got := s.next(); got != end {
		t.Errorf("the end is\n%swant\n%s", got, end)
	}
	d.device.mu.Lock()
	defer d.device.mu.Unlock()
	if len(d.device.handed) != 1 || d.device.handed[0] != id {
		t.Errorf("handed over: %v", d.device.handed)
	}
}

func TestResume(t *testing.T) {
	d := start(t)
	for range 5 {
		d.device.ring("call", "")
		d.device.ring("chess", "")
	}
	for _, c := range []struct {
		place  string
		header []string
		first  string
	}{
		{"/v1/events?after=EPOCH:3", nil, "id: EPOCH:4\n"},
		{"/v1/events?after=EPOCH:3", []string{"Last-Event-ID: EPOCH:6"}, "id: EPOCH:7\n"},
		{"/v1/events?app=chess", []string{"Last-Event-ID: EPOCH:6"}, "id: EPOCH:8\n"},
		{"/v1/events?app=chess&app=call&after=EPOCH:6", nil, "id: EPOCH:7\n"},
		{"/v1/events?app=chess&app=call&after=EPOCH:6", []string{"Last-Event-ID: "}, "id: EPOCH:7\n"},
	} {
		s := d.stream(c.place, c.header...)
		if hello := s.next(); !strings.HasPrefix(hello, "event: hello\ndata: {\"cursor\":\"EPOCH:") {
			t.Errorf("hello: %s", hello)
		}
		if got := s.next(); !strings.HasPrefix(got, c.first) {
			t.Errorf("%s %v: first is %s", c.place, c.header, got)
		}
		s.close()
	}
	a := d.do("GET", "/v1/events?after=EPOCH:99", "")
	d.problem(a, 410, "cursor_expired", "")
	if a.body["cursor"] != "EPOCH:10" {
		t.Errorf("the head is not told: %s", a.raw)
	}
	d.problem(d.do("GET", "/v1/events", "", "Last-Event-ID: x", "Accept: application/json"), 410, "cursor_expired", "")
}

func TestHandOver(t *testing.T) {
	d := start(t)
	id := d.device.ring("call", "")
	for _, place := range []string{"/v1/events", "/v1/events?app=call&observe=true", "/v1/events?app=chess"} {
		s := d.stream(place)
		s.next()
		s.close()
		d.until("closed", func() bool { return d.device.open == 0 })
	}
	d.do("GET", "/v1/events", "", "Accept: application/json")
	d.until("closed", func() bool { return d.device.open == 0 })
	d.device.mu.Lock()
	if len(d.device.handed) != 0 {
		t.Errorf("handed over to nobody: %v", d.device.handed)
	}
	d.device.mu.Unlock()

	d.stream("/v1/events?app=call").next()
	d.until("handed over by a hello", func() bool { return len(d.device.handed) == 1 && d.device.handed[0] == id })
	d.do("GET", "/v1/events?app=call", "", "Accept: application/json")
	d.until("handed over by a poll's live", func() bool { return len(d.device.handed) == 2 })
	d.do("GET", "/v1/events?app=call&after=EPOCH:0", "", "Accept: application/json")
	d.until("handed over by a poll's event", func() bool { return len(d.device.handed) == 3 })
}

func TestPoll(t *testing.T) {
	d := start(t)
	const accept = "Accept: application/json"
	if a := d.do("GET", "/v1/events?app=call", "", accept); a.status != 200 || a.raw != `{"events":[],"cursor":"EPOCH:0","live":[]}`+"\n" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("fresh: %d %s", a.status, a.raw)
	}
	got := make(chan answer)
	go func() { got <- d.do("GET", "/v1/events?app=call&after=EPOCH:0&wait_ms=60000", "", accept) }()
	d.until("it counts while it is open", func() bool { return d.device.open == 1 })
	d.device.ring("call", "")
	a := <-got
	events := a.body["events"].([]any)
	if a.status != 200 || len(events) != 1 || a.body["cursor"] != "EPOCH:1" || events[0].(map[string]any)["type"] != "remote_invitation_received" {
		t.Errorf("waited: %d %s", a.status, a.raw)
	}
	if _, ok := a.body["live"]; ok {
		t.Errorf("live on a resumed poll: %s", a.raw)
	}
	if a := d.do("GET", "/v1/events?app=call&after=EPOCH:1", "", accept); a.raw != `{"events":[],"cursor":"EPOCH:1"}`+"\n" {
		t.Errorf("nothing new: %s", a.raw)
	}
	if a := d.do("GET", "/v1/events?app=call", "", accept); len(a.body["live"].([]any)) != 1 {
		t.Errorf("live: %s", a.raw)
	}
	d.until("all closed", func() bool { return d.device.open == 0 })
}

func TestManyEventsInOrder(t *testing.T) {
	d := start(t)
	content := strings.Repeat("x", 16<<10)
	const n = 60 // about 1 MiB: several writes
	for range n {
		d.device.ring("call", content)
	}
	s := d.stream("/v1/events?after=EPOCH:0")
	s.next()
	for i := range n {
		if got := s.next(); !strings.HasPrefix(got, "id: "+cursor(int64(i+1))+"\n") {
			t.Fatalf("event %d is %.40s", i+1, got)
		}
	}
}

func TestByeOnAnOrderlyStop(t *testing.T) {
	d := start(t)
	s := d.stream("/v1/events")
	s.next()
	d.device.ring("call", "")
	s.next()
	d.device.mark(func() { d.device.stopping = true })
	if got := s.next(); got != "event: bye\ndata: {\"cursor\":\"EPOCH:1\"}\n" {
		t.Errorf("bye is %s", got)
	}
	s.ended()
	d.problem(d.do("GET", "/v1/events?wait_ms=1000", "", "Accept: application/json"), 503, "shutting_down", "")
}

func TestByeWhenTheServerStops(t *testing.T) {
	d := start(t)
	s := d.stream("/v1/events")
	s.next()
	id := d.device.ring("call", "")
	s.next()
	polled, waited, stopped := make(chan answer, 1), make(chan answer, 1), make(chan error, 1)
	go func() { polled <- d.do("GET", "/v1/events?wait_ms=60000", "", "Accept: application/json") }()
	go func() { waited <- d.do("GET", "/v1/invitations/"+id.String()+"?wait=ended", "") }()
	d.until("all wait", func() bool { return d.device.open == 2 && d.device.waits == 1 })
	go func() { stopped <- d.server.Shutdown(context.Background()) }()
	if got := s.next(); got != "event: bye\ndata: {\"cursor\":\"EPOCH:1\"}\n" {
		t.Errorf("bye is %s", got)
	}
	s.ended()
	d.problem(<-polled, 503, "shutting_down", "")
	if a := <-waited; a.status != 200 || a.body["ended_at"] != nil {
		t.Errorf("waited: %d %s", a.status, a.raw)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestLagged(t *testing.T) {
	d := start(t)
	s := d.stream("/v1/events")
	s.next()
	d.device.mark(func() { d.device.lagging = true })
	if got := s.next(); got != "event: lagged\ndata: {\"cursor\":\"EPOCH:0\"}\n" {
		t.Errorf("lagged is %s", got)
	}
	s.ended()
}

func TestStreamsAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("opens 512 streams")
	}
	d := start(t)
	d.client.Transport.(*http.Transport).MaxIdleConnsPerHost = 1
	for range 512 {
		d.stream("/v1/events").next()
	}
	d.problem(d.do("GET", "/v1/events", ""), 429, "too_many", "")
	if a := d.do("GET", "/v1/node", ""); a.status != 200 {
		t.Errorf("others are not served: %d", a.status)
	}
}

func TestAnAppThatGoesIsForgotten(t *testing.T) {
	d := start(t)
	s := d.stream("/v1/events?app=call")
	s.next()
	s.close()
	d.until("closed", func() bool { return d.device.open == 0 })
}

// tape is a reader of a stream that takes its time.
type tape struct {
	mu   sync.Mutex
	slow time.Duration // that each write takes
	text strings.Builder
}

func (w *tape) Header() http.Header { return http.Header{} }
func (w *tape) WriteHeader(int)     {}
func (w *tape) Flush()              {}

func (w *tape) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	time.Sleep(w.slow)
	return w.text.Write(b)
}

// told returns what was written since the last call.
func (w *tape) told() string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.text.Reset()
	return w.text.String()
}

// play runs f beside a stream on w, in a bubble where time costs nothing.
func play(t *testing.T, place string, w *tape, f func(d *device)) {
	synctest.Test(t, func(t *testing.T) {
		d := newDevice()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go server.New(d, server.Options{}).ServeHTTP(w, httptest.NewRequest("GET", place, nil).WithContext(ctx))
		if hello := w.told(); !strings.HasPrefix(hello, "event: hello\n") {
			t.Errorf("hello is %q", hello)
		}
		f(d)
	})
}

func TestHeartbeat(t *testing.T) {
	w := &tape{}
	play(t, "/v1/events?app=call", w, func(d *device) {
		d.ring("chess", "")
		time.Sleep(15*time.Second - 1)
		if got := w.told(); got != "" {
			t.Errorf("too early: %q", got)
		}
		for _, wait := range []time.Duration{1, 15 * time.Second} {
			time.Sleep(wait)
			if got := w.told(); got != "id: EPOCH:1\n\n" {
				t.Errorf("the heartbeat is %q", got)
			}
		}
	})
}

func TestReaderThatFallsBehind(t *testing.T) {
	w := &tape{}
	play(t, "/v1/events?app=call", w, func(d *device) {
		w.slow = 11 * time.Second
		id := d.ring("call", "")
		time.Sleep(30 * time.Second)
		d.ring("call", "") // nobody reads this
		if got := w.told(); !strings.HasPrefix(got, "id: EPOCH:1\n") || !strings.HasSuffix(got, "\n\nevent: lagged\ndata: {\"cursor\":\"EPOCH:1\"}\n\n") {
			t.Errorf("told %q", got)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.handed) != 1 || d.handed[0] != id || d.open != 0 {
			t.Errorf("handed over %v, %d open", d.handed, d.open)
		}
	})
}
