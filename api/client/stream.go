package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/beckon-p2p/beckon/api"
)

// stream reads one connection's Server-Sent Events.
type stream struct {
	body io.ReadCloser
	in   *bufio.Reader
}

func (c *Client) open(ctx context.Context, query url.Values) (*stream, error) {
	res, err := c.send(ctx, request{
		method: http.MethodGet, path: api.RouteEvents, query: query,
		header: http.Header{"Accept": {api.TypeEventStream}},
	})
	if err != nil {
		return nil, err
	}
	return &stream{body: res.Body, in: bufio.NewReaderSize(res.Body, 32<<10)}, nil
}

func (s *stream) close() { s.body.Close() }

// next returns the next event; one without a type is a heartbeat. An error is
// the end of the connection.
func (s *stream) next() (Event, error) {
	var name, id string
	var data []byte
	for {
		line, err := s.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull { // rare: a payload or a long live list
			var rest []byte
			line = append([]byte(nil), line...)
			rest, err = s.in.ReadBytes('\n')
			line = append(line, rest...)
		}
		if err != nil {
			return Event{}, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			if name == "" && id == "" && data == nil {
				continue
			}
			return decode(name, id, data)
		}
		field, value, _ := strings.Cut(text, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			if data != nil {
				data = append(data, '\n')
			}
			data = append(data, value...)
		}
	}
}

func decode(name, id string, data []byte) (Event, error) {
	ev := Event{Cursor: id}
	var err error
	switch {
	case data == nil:
	case name == api.EventHello:
		ev.Hello = &api.Hello{}
		err = json.Unmarshal(data, ev.Hello)
		ev.Type, ev.Cursor = name, ev.Hello.Cursor
	case name == api.EventLagged, name == api.EventBye:
		var f api.Farewell
		err = json.Unmarshal(data, &f)
		ev.Type, ev.Cursor = name, f.Cursor
	default:
		err = json.Unmarshal(data, &ev.Event)
		if ev.Type == "" {
			ev.Type = name
		}
	}
	if err != nil {
		return Event{}, fmt.Errorf("%w (%s %s): %w", errBadEvent, name, id, err)
	}
	return ev, nil
}
