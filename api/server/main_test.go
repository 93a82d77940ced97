package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/api/server"
	"github.com/beckon-p2p/beckon/api/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is the whole API on a real socket, with a device behind it.
type daemon struct {
	t      testing.TB
	device *device
	path   string
	client *http.Client
	server *socket.Server
}

func start(t testing.TB) *daemon {
	t.Helper()
	d := &daemon{t: t, device: newDevice(), path: filepath.Join(t.TempDir(), "s")}
	ln, err := socket.Listen(d.path)
	if err != nil {
		t.Fatal(err)
	}
	d.server = socket.Serve(ln, server.New(d.device, server.Options{}))
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", d.path)
	}, MaxIdleConnsPerHost: 4, ExpectContinueTimeout: 10 * time.Second}
	d.client = &http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := d.server.Shutdown(ctx); err != nil {
			t.Error("shutdown:", err)
		}
		transport.CloseIdleConnections()
	})
	return d
}

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// do makes a request. headers are "Name: value".
func (d *daemon) do(method, place, body string, headers ...string) answer {
	d.t.Helper()
	res, err := d.client.Do(d.request(method, place, body, headers...))
	if err != nil {
		d.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, raw: string(b)}
	if strings.Contains(res.Header.Get("Content-Type"), "json") && method != http.MethodHead {
		if err := json.Unmarshal(b, &a.body); err != nil {
			d.t.Fatalf("%s %s: %v in %s", method, place, err, b)
		}
	}
	return a
}

func (d *daemon) request(method, place, body string, headers ...string) *http.Request {
	d.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://beckon"+place, strings.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header[http.CanonicalHeaderKey(name)] = append(r.Header[http.CanonicalHeaderKey(name)], value)
	}
	return r
}

// problem checks that a is a whole problem and returns it.
func (d *daemon) problem(a answer, status int, code, field string) {
	d.t.Helper()
	if a.status != status || a.body["code"] != code {
		d.t.Fatalf("got %d %s, want %d %s", a.status, a.raw, status, code)
	}
	if got, _ := a.body["field"].(string); got != field {
		d.t.Errorf("field is %q, want %q: %s", got, field, a.raw)
	}
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		d.t.Errorf("Content-Type is %q", ct)
	}
	for _, key := range []string{"title", "detail"} {
		if s, _ := a.body[key].(string); s == "" {
			d.t.Errorf("no %s in %s", key, a.raw)
		}
	}
	if a.body["status"] != float64(status) {
		d.t.Errorf("status in the body: %s", a.raw)
	}
	retry := a.header.Get("Retry-After") != ""
	if want := status == 429 || status == 503; retry != want {
		d.t.Errorf("Retry-After with %d: %v", status, retry)
	}
}

// stream opens an event stream.
type stream struct {
	t      testing.TB
	res    *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
}

func (d *daemon) stream(place string, headers ...string) *stream {
	d.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	res, err := d.client.Do(d.request("GET", place, "", headers...).WithContext(ctx))
	if err != nil {
		cancel()
		d.t.Fatal(err)
	}
	s := &stream{t: d.t, res: res, lines: bufio.NewReader(res.Body), cancel: cancel}
	d.t.Cleanup(s.close)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		d.t.Fatalf("stream: %d %v", res.StatusCode, res.Header)
	}
	return s
}

func (s *stream) close() {
	s.cancel()
	_ = s.res.Body.Close()
}

// next returns the bytes of the next event, without its blank line.
func (s *stream) next() string {
	s.t.Helper()
	var b strings.Builder
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.t.Fatalf("after %q: %v", b.String(), err)
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

// ended checks that nothing comes any more.
func (s *stream) ended() {
	s.t.Helper()
	if rest, err := io.ReadAll(s.lines); err != nil || len(rest) > 0 {
		s.t.Fatalf("the stream goes on: %q, %v", rest, err)
	}
}

// until waits for a condition on the device.
func (d *daemon) until(what string, ok func() bool) {
	d.t.Helper()
	limit := time.After(10 * time.Second)
	for {
		d.device.mu.Lock()
		yes, grown := ok(), d.device.grown
		d.device.mu.Unlock()
		if yes {
			return
		}
		select {
		case <-grown:
		case <-limit:
			d.t.Fatal("never: " + what)
		}
	}
}
