package devices

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// stall opens an event stream and reads nothing of it until it is told to.
func (d *Device) stall(query string) (read func() *follower) {
	d.t.Helper()
	c, err := net.Dial("unix", d.Socket)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { c.Close() })
	// The records are all that is wanted: HTTP/1.0 has no chunks around them.
	if _, err := c.Write([]byte("GET /v1/events" + query + " HTTP/1.0\r\nHost: beckon\r\n\r\n")); err != nil {
		d.t.Fatal(err)
	}
	return func() *follower {
		f := &follower{t: d.t, records: make(chan record, 4096)}
		go f.read(c) // ends with the connection
		f.next()     // the head of the answer, up to its empty line
		if f.hello = f.next(); f.hello.event != "hello" {
			d.t.Fatalf("the first record is %q", f.hello.lines)
		}
		return f
	}
}

// TestContractLagged: a reader that does not read is told so and closed. It
// resumes from its cursor and loses nothing; nobody else is slowed.
func TestContractLagged(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	read := d.stall("?app=call")
	prompt := d.follow("?app=call")
	content := `"reach_ms":1000,"content":"` + strings.Repeat("x", 16<<10) + `"`
	const rings = 60 // with two events each: 2 MB, far more than a socket holds
	var last string
	for range rings {
		last = text(d.ring(nobody, content), "id")
	}
	began := time.Now()
	var told []string // the cursors of all events
	for ended := 0; ended < rings; {
		r := prompt.next()
		told = append(told, r.id)
		if r.invitation()["ended_at"] != nil {
			ended++
		}
	}
	if took := time.Since(began); took > 2*time.Second+late {
		t.Errorf("beside a reader that does not read, the end of %s came after %v", last, took)
	}
	// The first heartbeat of a quiet stream comes 15 s from now: by then the
	// other one has kept a write waiting for more than the 10 s it may.
	if r := d.follow("?app=quiet").next(); len(r.lines) != 1 {
		t.Errorf("a quiet stream has %q", r.lines)
	}

	slow := read()
	var got []string
	lagged := slow.next()
	for ; lagged.event != "lagged"; lagged = slow.next() {
		got = append(got, lagged.id)
	}
	if lagged.id != "" || len(lagged.lines) != 2 || len(got) == 0 || lagged.body["cursor"] != got[len(got)-1] {
		t.Errorf("lagged: %q after %d events", lagged.lines, len(got))
	}
	if r, more := <-slow.records; more {
		t.Errorf("after lagged: %q", r.lines)
	}
	if len(got) >= len(told) {
		t.Fatalf("the socket took all %d events; the test shows nothing", len(told))
	}
	again := d.follow("?app=call", "Last-Event-ID", got[len(got)-1])
	for len(got) < len(told) {
		got = append(got, again.next().id)
	}
	if fmt.Sprint(got) != fmt.Sprint(told) {
		t.Errorf("the reader that fell behind has\n%v, the prompt one\n%v", got, told)
	}
}

// TestContractTooMany: over the bound of requests that wait, one more is told
// to come back; what waits goes on, and what does not wait is served.
func TestContractTooMany(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	first := d.follow("?app=call")
	var open []net.Conn
	for range 511 {
		c, err := net.Dial("unix", d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET /v1/events HTTP/1.1\r\nHost: beckon\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	for _, c := range open { // each has its place once it is answered
		if _, err := c.Read(make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
	}
	id := text(d.ring(nobody, `"reach_ms":1000`), "id")
	for _, path := range []string{"/v1/events", "/v1/events?app=call&observe=true", "/v1/invitations/" + id + "?wait=ended"} {
		if r := d.refused(429, "too_many", "GET", path, ""); r.header.Get("Retry-After") == "" || r.str("limit") == "" {
			t.Errorf("%s: 429 without Retry-After or limit: %v %s", path, r.header, r.raw)
		}
	}
	first.await("local_invitation_failure", id)
	open[0].Close()
	until(t, "a place is free again", func() bool {
		return d.ask("GET", "/v1/invitations/"+id+"?wait=ended", "").status == 200
	})
}
