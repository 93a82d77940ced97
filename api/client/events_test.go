package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// A conversation is what a daemon does on the first, the second, … connection
// to its event stream. After the last of them it is silent.
type conversation []func(w http.ResponseWriter, r *http.Request)

func (c conversation) handler(after chan<- string) http.HandlerFunc {
	next := make(chan func(http.ResponseWriter, *http.Request), len(c))
	for _, f := range c {
		next <- f
	}
	return func(w http.ResponseWriter, r *http.Request) {
		after <- r.URL.Query().Get("after")
		select {
		case f := <-next:
			f(w, r)
		default:
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}
}

// says writes blocks of Server-Sent Events and ends the connection.
func says(blocks ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", api.TypeEventStream)
		for _, b := range blocks {
			fmt.Fprint(w, b, "\n\n")
		}
	}
}

func hello(cursor string, live ...string) string {
	list := make([]string, len(live))
	for i, id := range live {
		list[i] = fmt.Sprintf(`{"id":%q}`, id)
	}
	return fmt.Sprintf("event: hello\ndata: {\"cursor\":%q,\"live\":[%s]}", cursor, strings.Join(list, ","))
}

func event(seq int) string {
	return fmt.Sprintf("id: E:%d\nevent: node_online\ndata: {\"seq\":%d,\"type\":\"node_online\"}", seq, seq)
}

// follow collects n events in short form, and the cursors that the daemon was
// asked for.
func follow(t *testing.T, n int, o client.EventOptions, conv conversation) (heard, after []string, err error) {
	asked := make(chan string, 100)
	c := dial(t, conv.handler(asked))
	for ev, e := range c.Events(t.Context(), o) {
		switch {
		case e != nil:
			err = e
		case ev.Hello != nil:
			heard = append(heard, fmt.Sprintf("hello %s live=%d resumed=%t", ev.Cursor, len(ev.Hello.Live), ev.Resumed))
		default:
			heard = append(heard, fmt.Sprintf("%s %d", ev.Cursor, ev.Seq))
		}
		if len(heard) == n {
			break
		}
	}
	for len(asked) > 0 {
		after = append(after, <-asked)
	}
	return heard, after, err
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestEventsGoOnAfterATornConnection(t *testing.T) {
	heard, after, err := follow(t, 4, client.EventOptions{}, conversation{
		says(hello("E:1", "a"), event(2), "id: E:3\nevent: node_online\ndata: {\"seq\""),
		says(hello("E:2"), event(3)),
	})
	if err == nil {
		t.Error("half an event was taken for one")
	}
	same(t, "heard", heard, "hello E:1 live=1 resumed=false", "E:2 2")
	same(t, "asked for", after, "")

	cut := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, hello("E:1", "a"), "\n\n", event(2), "\n\nid: E:3\nevent: node_online\n")
	}
	heard, after, err = follow(t, 4, client.EventOptions{}, conversation{cut, says(hello("E:2"), event(3))})
	if err != nil {
		t.Error(err)
	}
	same(t, "heard", heard, "hello E:1 live=1 resumed=false", "E:2 2", "hello E:2 live=0 resumed=true", "E:3 3")
	same(t, "asked for", after, "", "E:2")
}

func TestHeartbeatsMoveTheCursor(t *testing.T) {
	heard, after, _ := follow(t, 2, client.EventOptions{}, conversation{
		says(hello("E:1"), "id: E:9"),
		says(hello("E:9")),
	})
	same(t, "heard", heard, "hello E:1 live=0 resumed=false", "hello E:9 live=0 resumed=true")
	same(t, "asked for", after, "", "E:9")
}

func TestLaggedAndByeAreNormal(t *testing.T) {
	heard, after, err := follow(t, 5, client.EventOptions{After: "E:1"}, conversation{
		says(hello("E:1"), event(2), "event: lagged\ndata: {\"cursor\":\"E:2\"}"),
		says(hello("E:2"), event(3), "event: bye\ndata: {\"cursor\":\"E:5\"}"),
		says(hello("E:5")),
	})
	if err != nil {
		t.Error(err)
	}
	same(t, "heard", heard, "hello E:1 live=0 resumed=true", "E:2 2", "hello E:2 live=0 resumed=true", "E:3 3", "hello E:5 live=0 resumed=true")
	same(t, "asked for", after, "E:1", "E:2", "E:5")
}

func TestAnExpiredCursorStartsAfresh(t *testing.T) {
	expired := func(w http.ResponseWriter, r *http.Request) { problem(w, 410, api.CodeCursorExpired) }
	heard, after, err := follow(t, 2, client.EventOptions{After: "OLD:7"}, conversation{expired, says(hello("E:1", "a", "b"), event(2))})
	if err != nil {
		t.Error(err)
	}
	same(t, "heard", heard, "hello E:1 live=2 resumed=false", "E:2 2")
	same(t, "asked for", after, "OLD:7", "")

	_, _, err = follow(t, 1, client.EventOptions{After: "OLD:7", FailFast: true}, conversation{expired})
	if !errors.Is(err, &api.Problem{Code: api.CodeCursorExpired}) {
		t.Errorf("failing fast, it says %v", err)
	}
}

func TestARefusedRequestEndsTheLoop(t *testing.T) {
	_, after, err := follow(t, 1, client.EventOptions{Apps: []string{"NO"}}, conversation{
		func(w http.ResponseWriter, r *http.Request) { problem(w, 503, api.CodeShuttingDown) },
		func(w http.ResponseWriter, r *http.Request) { problem(w, 429, api.CodeTooMany) },
		func(w http.ResponseWriter, r *http.Request) { problem(w, 422, api.CodeInvalidArgument) },
	})
	if !errors.Is(err, &api.Problem{Code: api.CodeInvalidArgument}) {
		t.Errorf("got %v", err)
	}
	same(t, "asked for", after, "", "", "")
}

func TestEventsWaitForTheDaemon(t *testing.T) {
	socket := socketPath(t)
	c := client.New(socket)
	t.Cleanup(c.Close)
	for _, err := range c.Events(t.Context(), client.EventOptions{FailFast: true}) {
		if !errors.Is(err, client.ErrNotRunning) {
			t.Errorf("failing fast, it says %v", err)
		}
	}
	heard := make(chan client.Event)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer close(heard)
		for ev, err := range c.Events(ctx, client.EventOptions{}) {
			if err != nil {
				t.Error(err)
			}
			heard <- ev
		}
	}()
	asked := make(chan string, 1)
	serve(t, socket, conversation{func(w http.ResponseWriter, r *http.Request) {
		says(hello("E:1"))(w, r)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}}.handler(asked))
	if ev := <-heard; ev.Type != api.EventHello {
		t.Errorf("got %+v", ev)
	}
	cancel()
	if ev, more := <-heard; more {
		t.Errorf("called off, it still told %+v", ev)
	}
}

func TestLargeAndOddlyWrittenEvents(t *testing.T) {
	content := strings.Repeat("x", 200_000)
	odd := ": a comment\r\nretry: 5\r\nid:E:2\r\nevent:remote_invitation_received\r\ndata:{\"seq\":2,\r\ndata:\"invitation\":{\"id\":\"a\",\"content\":\"" + content + "\"}}\r\n\r\n"
	c := dial(t, conversation{says(hello("E:1"), odd)}.handler(make(chan string, 10)))
	for ev, err := range c.Events(t.Context(), client.EventOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if ev.Hello != nil {
			continue
		}
		if ev.Type != api.RemoteInvitationReceived || ev.Cursor != "E:2" || ev.Invitation.Content != content {
			t.Errorf("got %s at %s with %d bytes", ev.Type, ev.Cursor, len(ev.Invitation.Content))
		}
		return
	}
}
