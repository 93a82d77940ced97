// Package sse reads the stream of events as bytes, for programs in scripts that
// must see what really came: where a connection broke, which id stood there. The
// package api/client hides just that from apps. It must not know what an
// invitation is.
package sse

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Record is one record of a stream that was read to its end, an empty line.
type Record struct {
	ID    string // cursor; "" has none
	Event string // "" is a heartbeat
	Data  []byte
	At    time.Time // when it had been read
}

// Reader is one open stream. One goroutine may use it.
type Reader struct {
	conn net.Conn
	body *bufio.Reader
	res  *http.Response
	stop func() bool
}

// StatusError is an answer that is not a stream.
type StatusError int

func (e StatusError) Error() string { return fmt.Sprintf("the stream was answered %d", int(e)) }

// Open asks for a stream. An After of "" starts at the present. The stream ends
// with ctx.
func Open(ctx context.Context, socket string, apps []string, observe bool, after string) (*Reader, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	r := &Reader{conn: conn, stop: context.AfterFunc(ctx, func() { conn.Close() })}
	query := url.Values{"app": apps}
	if observe {
		query.Set("observe", "true")
	}
	head := "GET /v1/events?" + query.Encode() + " HTTP/1.1\r\nHost: beckon\r\nAccept: text/event-stream\r\n"
	if after != "" {
		head += "Last-Event-ID: " + after + "\r\n"
	}
	if _, err := conn.Write([]byte(head + "\r\n")); err != nil {
		r.Close()
		return nil, err
	}
	if r.res, err = http.ReadResponse(bufio.NewReaderSize(conn, 4<<10), nil); err != nil {
		r.Close()
		return nil, err
	}
	if r.res.StatusCode != http.StatusOK {
		r.Close()
		return nil, StatusError(r.res.StatusCode)
	}
	r.body = bufio.NewReaderSize(r.res.Body, 64<<10)
	return r, nil
}

// Next returns the next whole record. What was torn in the middle is no record.
func (r *Reader) Next() (Record, error) {
	var rec Record
	for {
		line, err := r.body.ReadBytes('\n')
		if err != nil {
			return Record{}, err
		}
		line = line[:len(line)-1]
		if len(line) == 0 {
			if rec.ID == "" && rec.Event == "" {
				continue
			}
			rec.At = time.Now()
			return rec, nil
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "id":
			rec.ID = string(value)
		case "event":
			rec.Event = string(value)
		case "data":
			rec.Data = value
		}
	}
}

// Discard reads up to n bytes of the stream and forgets them: with Close after
// it, a connection that is torn anywhere.
func (r *Reader) Discard(n int) (int, error) { return r.body.Discard(n) }

// Close ends the stream.
func (r *Reader) Close() {
	r.stop()
	r.conn.Close()
}
