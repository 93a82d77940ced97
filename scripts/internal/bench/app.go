package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
)

// payload is the size of content and response, and of a raw request and reply.
const payload = 1 << 10

// appName is the app of all invitations here.
const appName = "bench"

var text = strings.Repeat("beckon 8", payload/8)

// line is one kept connection of an app to its daemon. It is as lean as one can
// be, so that what is measured is the daemon: a request is written as it stands.
type line struct {
	conn net.Conn
	in   *bufio.Reader
	out  []byte
}

func dial(ctx context.Context, socket string) (*line, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	return &line{conn: conn, in: bufio.NewReaderSize(conn, 16<<10)}, nil
}

// post writes a POST and does not wait for the answer.
func (l *line) post(path string, body ...string) error {
	n := 0
	for _, b := range body {
		n += len(b)
	}
	l.out = append(l.out[:0], "POST "...)
	l.out = append(l.out, path...)
	l.out = append(l.out, " HTTP/1.1\r\nHost: beckon\r\nContent-Type: application/json\r\nContent-Length: "...)
	l.out = strconv.AppendInt(l.out, int64(n), 10)
	l.out = append(l.out, "\r\n\r\n"...)
	for _, b := range body {
		l.out = append(l.out, b...)
	}
	_, err := l.conn.Write(l.out)
	return err
}

// answered reads the answer to post.
func (l *line) answered() error {
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode >= 300 {
		b, _ := io.ReadAll(res.Body) // what came is shown
		return fmt.Errorf("%s: %s", res.Status, b)
	}
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// invite posts an invitation. The ticket, of letters and digits, comes back with
// its events.
func (l *line) invite(callee, ticket string) error {
	return l.post(api.RouteInvitations, `{"app":"`+appName+`","callee_id":"`, callee, `","channel_id":"`, ticket, `","content":"`, text, `"}`)
}

func (l *line) accept(id string) error {
	return l.post(api.RouteInvitations+"/"+id+"/"+api.VerbAccept, `{"response":"`, text, `"}`)
}

// told is one event that an app was told.
type told struct {
	typ, id, ticket string
	at              time.Time // when it had been read
}

// listener is an app's counting stream of events.
type listener struct {
	line *line
	body *bufio.Reader
}

// listen attaches an app and reads its hello.
func listen(ctx context.Context, d *daemon.Daemon) (*listener, error) {
	l, err := dial(ctx, d.Socket())
	if err != nil {
		return nil, err
	}
	if _, err := fmt.Fprintf(l.conn, "GET %s?app=%s HTTP/1.1\r\nHost: beckon\r\nAccept: %s\r\n\r\n", api.RouteEvents, appName, api.TypeEventStream); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(l.in, nil)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("events of the %s: %s", d.Name, res.Status)
	}
	a := &listener{l, bufio.NewReaderSize(res.Body, 64<<10)}
	first, err := a.next()
	if err == nil && first.typ != api.EventHello {
		err = fmt.Errorf("events of the %s begin with %q", d.Name, first.typ)
	}
	return a, err
}

// next reads one event and takes from it what the measurement needs.
func (a *listener) next() (e told, err error) {
	for {
		text, err := a.body.ReadSlice('\n')
		if err != nil {
			return e, err
		}
		if name, ok := bytes.CutPrefix(text, []byte("event: ")); ok {
			e.typ = string(bytes.TrimSpace(name))
		} else if data, ok := bytes.CutPrefix(text, []byte("data: ")); ok {
			e.id, e.ticket = value(data, `"id":"`), value(data, `"channel_id":"`)
		} else if len(text) == 1 && e.typ != "" {
			e.at = time.Now()
			return e, nil
		}
	}
}

// value returns what stands after key, up to the next quote.
func value(data []byte, key string) string {
	i := bytes.Index(data, []byte(key))
	if i < 0 {
		return ""
	}
	data = data[i+len(key):]
	return string(data[:max(bytes.IndexByte(data, '"'), 0)])
}
