package devices

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The contract is checked on the wire: plain HTTP on the socket, the names and
// bytes as they are written, nothing of the project's own client.

// object is a JSON object.
type object = map[string]any

// reply is an answer as it came.
type reply struct {
	status int
	header http.Header
	raw    []byte
	body   object // nil: not a JSON object
}

func (r reply) str(name string) string { s, _ := r.body[name].(string); return s }

func text(o object, name string) string { s, _ := o[name].(string); return s }

// num is a JSON number; -1: absent or null.
func num(o object, name string) float64 {
	if n, ok := o[name].(float64); ok {
		return n
	}
	return -1
}

// moment reads a time of the API.
func moment(t testing.TB, o object, name string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05.000Z", text(o, name))
	if err != nil {
		t.Errorf("%s = %v: not RFC 3339 UTC with 3 decimals", name, o[name])
	}
	return at
}

// plain returns an HTTP client for a device's socket.
func (d *Device) plain() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", d.Socket)
		},
	}}
}

// ask makes one request. body is "" for none; headers are name, value, ….
func (d *Device) ask(method, path, body string, headers ...string) reply {
	d.t.Helper()
	r, err := d.tryAsk(method, path, body, headers...)
	if err != nil {
		d.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (d *Device) tryAsk(method, path, body string, headers ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://beckon"+path, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header[headers[i]] = append(req.Header[headers[i]], headers[i+1])
	}
	res, err := d.plain().Do(req)
	if err != nil {
		return reply{}, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	r := reply{status: res.StatusCode, header: res.Header, raw: raw}
	_ = json.Unmarshal(raw, &r.body) // not everything is an object
	return r, err
}

// want asks and expects a status.
func (d *Device) want(status int, method, path, body string, headers ...string) reply {
	d.t.Helper()
	r := d.ask(method, path, body, headers...)
	if r.status != status {
		d.t.Fatalf("%s %s %.200s: %d %s, want %d", method, path, body, r.status, r.raw, status)
	}
	return r
}

// refused asks and expects a problem with a code.
func (d *Device) refused(status int, code, method, path, body string, headers ...string) reply {
	d.t.Helper()
	r := d.ask(method, path, body, headers...)
	if r.status != status || r.str("code") != code {
		d.t.Errorf("%s %s %.200s: %d %.300s, want %d %s", method, path, body, r.status, r.raw, status, code)
		return r
	}
	if ct := r.header.Get("Content-Type"); ct != "application/problem+json" {
		d.t.Errorf("%s %s: a problem of type %q", method, path, ct)
	}
	if num(r.body, "status") != float64(status) || r.str("title") == "" || r.str("detail") == "" {
		d.t.Errorf("%s %s: an incomplete problem %s", method, path, r.raw)
	}
	return r
}

// ring creates an invitation to a peer with further fields, given as JSON
// members without braces.
func (d *Device) ring(callee, fields string) object {
	d.t.Helper()
	return d.want(201, "POST", "/v1/invitations", toward(callee, fields)).body
}

func toward(callee, fields string) string {
	if fields != "" {
		fields = "," + fields
	}
	return `{"callee_id":"` + callee + `"` + fields + `}`
}

// end waits for an invitation's end.
func (d *Device) end(id string) object {
	d.t.Helper()
	inv := d.want(200, "GET", "/v1/invitations/"+id+"?wait=ended&wait_ms=50000", "").body
	if inv["ended_at"] == nil {
		d.t.Fatalf("%s has not ended: %v", id, inv)
	}
	return inv
}

// record is one record of an event stream: its lines without the empty one.
type record struct {
	lines []string
	id    string
	event string
	data  string
	body  object // data
}

func (r record) invitation() object { o, _ := r.body["invitation"].(object); return o }

func (r *record) add(line string) {
	r.lines = append(r.lines, line)
	name, value, _ := strings.Cut(line, ": ")
	switch name {
	case "id":
		r.id = value
	case "event":
		r.event = value
	case "data":
		r.data = value
		d := json.NewDecoder(bytes.NewBufferString(value))
		_ = d.Decode(&r.body) // nil when it is no object, which the tests see
	}
}

// follower reads an event stream.
type follower struct {
	t       testing.TB
	close   func()
	header  http.Header
	records chan record // closed at the end of the stream
	hello   record
}

// follow opens an event stream and reads its first record.
func (d *Device) follow(query string, headers ...string) *follower {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", "http://beckon/v1/events"+query, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := d.plain().Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	if res.StatusCode != 200 {
		raw, _ := io.ReadAll(res.Body)
		d.t.Fatalf("events%s: %d %s", query, res.StatusCode, raw)
	}
	f := &follower{t: d.t, header: res.Header, records: make(chan record, 4096)}
	gone := make(chan struct{})
	f.close = func() { cancel(); <-gone }
	go func() {
		defer close(gone)
		defer res.Body.Close()
		f.read(res.Body)
	}()
	d.t.Cleanup(f.close)
	f.hello = f.next()
	if f.hello.event != "hello" {
		d.t.Fatalf("the first record is %q", f.hello.lines)
	}
	return f
}

func (f *follower) read(body io.Reader) {
	defer close(f.records)
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	var r record
	for lines.Scan() {
		if line := lines.Text(); line != "" {
			r.add(line)
			continue
		}
		f.records <- r
		r = record{}
	}
}

// next returns the next record.
func (f *follower) next() record {
	f.t.Helper()
	select {
	case r, ok := <-f.records:
		if !ok {
			f.t.Fatal("the stream has ended")
		}
		return r
	case <-time.After(Patience):
		f.t.Fatal("nothing comes on the stream")
	}
	return record{}
}

// await skips to the event of that type about an invitation; id "" is for any.
func (f *follower) await(typ, id string) record {
	f.t.Helper()
	var came []string
	for start := time.Now(); time.Since(start) < Patience; { // a heartbeat is no sign of life
		r := f.next()
		if r.event == typ && (id == "" || text(r.invitation(), "id") == id) {
			return r
		}
		came = append(came, strings.TrimSpace(r.event+" "+text(r.invitation(), "error")))
		if inv := r.invitation(); id != "" && text(inv, "id") == id && inv["ended_at"] != nil {
			break
		}
	}
	f.t.Fatalf("%s about %q did not come; came: %q", typ, id, came)
	return record{}
}

// live are the invitations that hello lists, by id.
func (f *follower) live() map[string]object { return byID(f.hello.body["live"]) }

// byID indexes a list of invitations.
func byID(list any) map[string]object {
	found := map[string]object{}
	all, _ := list.([]any)
	for _, v := range all {
		o, _ := v.(object)
		found[text(o, "id")] = o
	}
	return found
}

// nobody is the ID of a peer that does not exist.
const nobody = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"

// until waits for a condition that nothing tells of.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(Patience)
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: it did not come to that", what)
		}
	}
}
