package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// socketPath returns a place for a socket, short enough for every system.
func socketPath(t *testing.T) string {
	dir, err := os.MkdirTemp("", "beckon")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// serve answers on a Unix socket as a daemon would, until the test ends.
func serve(t *testing.T, socket string, h http.HandlerFunc) {
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
}

func dial(t *testing.T, h http.HandlerFunc) *client.Client {
	socket := socketPath(t)
	serve(t, socket, h)
	c := client.New(socket)
	t.Cleanup(c.Close)
	return c
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", api.TypeProblem)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"code":%q,"title":"t","status":%d,"detail":"d","state":"canceled"}`, code, status)
}

func TestCallsSayWhatTheContractSays(t *testing.T) {
	type seen struct{ line, body string }
	requests := make(chan seen, 1)
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		requests <- seen{r.Method + " " + r.URL.String(), string(b)}
		w.Write([]byte(`{"id":"i1","ended_at":"2026-01-02T03:04:05.678Z","state":"accepted"}`))
	})
	ctx := t.Context()
	for _, tc := range []struct {
		line, body string
		call       func() error
	}{
		{"GET /v1/node", "", func() error { _, err := c.Node(ctx); return err }},
		{"PUT /v1/node/online", `{"online":false}`, func() error { _, err := c.SetOnline(ctx, false); return err }},
		{"POST /v1/invitations", `{"callee_id":"B","ring_ms":5000}`, func() error {
			_, err := c.Create(ctx, api.CreateInvitation{CalleeID: "B", RingMS: 5000})
			return err
		}},
		{"PATCH /v1/invitations/i1", `{"content":""}`, func() error {
			_, err := c.Update(ctx, "i1", api.PatchInvitation{Content: new(string)})
			return err
		}},
		{"DELETE /v1/invitations/i1", "", func() error { return c.Discard(ctx, "i1") }},
		{"GET /v1/invitations/a%2Fb", "", func() error { _, err := c.Get(ctx, "a/b"); return err }},
		{"GET /v1/invitations/i1?wait=ended&wait_ms=60000", "", func() error { _, err := c.Wait(ctx, "i1"); return err }},
		{"POST /v1/invitations/i1/send", "{}", func() error { _, err := c.Send(ctx, "i1"); return err }},
		{"POST /v1/invitations/i1/cancel", "{}", func() error { _, err := c.Cancel(ctx, "i1", ""); return err }},
		{"POST /v1/invitations/i1/accept", `{"response":"r"}`, func() error { _, err := c.Accept(ctx, "i1", "r"); return err }},
		{"POST /v1/invitations/i1/refuse", `{"reason":"busy"}`, func() error { _, err := c.Refuse(ctx, "i1", "busy", ""); return err }},
		{"GET /v1/invitations?limit=7&state=live", "", func() error {
			_, err := c.List(ctx, client.ListOptions{State: "live", Limit: 7})
			return err
		}},
		{"GET /v1/peers", "", func() error { _, err := c.Peers(ctx); return err }},
		{"GET /v1/peers/B?timeout_ms=1500", "", func() error { _, err := c.FindPeer(ctx, "B", 1500*time.Millisecond); return err }},
		{"POST /v1/peers/B/ping", "{}", func() error { _, err := c.Ping(ctx, "B"); return err }},
		{"GET /v1/peers/B?addresses=%2Fip4%2F1&addresses=%2Fip4%2F2", "", func() error { _, err := c.FindPeer(ctx, "B", 0, "/ip4/1", "/ip4/2"); return err }},
		{"POST /v1/peers/B/ping", `{"addresses":["/ip4/1"]}`, func() error { _, err := c.Ping(ctx, "B", "/ip4/1"); return err }},
		{"GET /v1/events?after=E%3A1&app=a&app=b&observe=true&wait_ms=10", "", func() error {
			_, err := c.Poll(ctx, client.EventOptions{Apps: []string{"a", "b"}, Observe: true, After: "E:1"}, 10*time.Millisecond)
			return err
		}},
		{"GET /openapi.json", "", func() error { _, err := c.OpenAPI(ctx); return err }},
		{"GET /metrics", "", func() error { _, err := c.Metrics(ctx); return err }},
	} {
		if err := tc.call(); err != nil {
			t.Errorf("%s: %v", tc.line, err)
		}
		if got := <-requests; got.line != tc.line || got.body != tc.body {
			t.Errorf("got %q with body %q, want %q with %q", got.line, got.body, tc.line, tc.body)
		}
	}
}

func TestEveryPostHasAnIdempotencyKey(t *testing.T) {
	keys := make(chan string, 3)
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Header.Get(api.HeaderIdempotencyKey)
		w.Write([]byte(`{}`))
	})
	c.Create(t.Context(), api.CreateInvitation{})
	c.Create(t.Context(), api.CreateInvitation{})
	c.CreateOnce(t.Context(), "mine", api.CreateInvitation{})
	first, second, third := <-keys, <-keys, <-keys
	if first == "" || first == second {
		t.Errorf("two requests had the keys %q and %q", first, second)
	}
	if third != "mine" {
		t.Errorf("the key given was %q, that sent %q", "mine", third)
	}
}

func TestAllWalksThePages(t *testing.T) {
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("before") {
		case "":
			w.Write([]byte(`{"invitations":[{"id":"3"},{"id":"2"}],"next":"p2"}`))
		case "p2":
			w.Write([]byte(`{"invitations":[{"id":"1"}]}`))
		}
	})
	var ids string
	for inv, err := range c.All(t.Context(), client.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		ids += inv.ID
	}
	if ids != "321" {
		t.Errorf("got %s", ids)
	}
}

func TestProblemsAreErrors(t *testing.T) {
	c := dial(t, func(w http.ResponseWriter, r *http.Request) { problem(w, 409, api.CodeAlreadyEnd) })
	_, err := c.Accept(t.Context(), "i", "")
	var p *api.Problem
	if !errors.As(err, &p) || p.Code != api.CodeAlreadyEnd || p.Status != 409 || p.State != "canceled" {
		t.Errorf("got %#v", err)
	}
	if errors.Is(err, client.ErrNotRunning) {
		t.Error("an answer was taken for silence")
	}
}

func TestAForeignServerIsToldApart(t *testing.T) {
	c := dial(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	_, err := c.Node(t.Context())
	var p *api.Problem
	if !errors.As(err, &p) || p.Status != 502 || !strings.Contains(p.Detail, "not beckond") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	socket := socketPath(t)
	c := client.New(socket)
	_, err := c.Node(t.Context())
	var gone *client.NotRunningError
	if !errors.Is(err, client.ErrNotRunning) || !errors.As(err, &gone) || gone.Socket != socket {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), socket) || !strings.Contains(gone.Hint(), "beckond") {
		t.Errorf("neither the place nor the way out is told: %v; %s", err, gone.Hint())
	}
}

func TestADaemonThatDiesInTheMiddleDoesNotAnswer(t *testing.T) {
	c := dial(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	if _, err := c.Node(t.Context()); !errors.Is(err, client.ErrNotRunning) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Node(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("called off, it says %v", err)
	}
}

func TestDefaultSocket(t *testing.T) {
	home := t.TempDir()
	for _, tc := range []struct {
		name, want string
		env        map[string]string
		make       string
	}{
		{name: "its own variable wins", env: map[string]string{"BECKON_SOCKET": "/s", "XDG_RUNTIME_DIR": "/run/u"}, want: "/s"},
		{name: "runtime directory", env: map[string]string{"XDG_RUNTIME_DIR": "/run/u", "BECKON_DATA_DIR": "/d"}, want: "/run/u/beckon/beckon.sock"},
		{name: "data directory", env: map[string]string{"BECKON_DATA_DIR": "/d", "XDG_DATA_HOME": "/x"}, want: "/d/beckon.sock"},
		{name: "data home", env: map[string]string{"XDG_DATA_HOME": "/x"}, want: "/x/beckon/beckon.sock"},
		{name: "a relative directory is none", env: map[string]string{"XDG_RUNTIME_DIR": "run", "XDG_DATA_HOME": "/x"}, want: "/x/beckon/beckon.sock"},
		{name: "started without a session", env: map[string]string{"XDG_RUNTIME_DIR": home + "/run", "BECKON_DATA_DIR": home},
			make: home + "/beckon.sock", want: home + "/beckon.sock"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"BECKON_SOCKET", "XDG_RUNTIME_DIR", "BECKON_DATA_DIR", "XDG_DATA_HOME"} {
				t.Setenv(name, tc.env[name])
			}
			if tc.make != "" {
				if err := os.WriteFile(tc.make, nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := client.DefaultSocket(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
