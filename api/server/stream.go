package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// errBehind ends a stream whose reader took too long over one write.
var errBehind = errors.New("the reader has fallen behind")

// stream writes one subscription as Server-Sent Events. One goroutine, the
// request's, does everything.
type stream struct {
	w      http.ResponseWriter
	conn   *http.ResponseController
	sub    Subscription
	counts bool // it is an app that invitations are handed to
	buf    bytes.Buffer
	json   *json.Encoder // into buf
	shown  []protocol.ID // in buf, not yet written
	told   string        // cursor of the last event written
}

func newStream(w http.ResponseWriter, sub Subscription, how node.Stream) *stream {
	s := &stream{w: w, conn: http.NewResponseController(w), sub: sub, counts: how.Counts()}
	s.json = json.NewEncoder(&s.buf)
	s.json.SetEscapeHTML(false)
	return s
}

// run writes the hello and then events until the reader goes, falls behind, or
// the daemon stops.
func (s *stream) run(ctx context.Context) {
	s.w.Header().Set("Content-Type", api.TypeEventStream)
	err := s.hello()
	for err == nil {
		err = s.more(ctx)
	}
	switch {
	case errors.Is(err, node.ErrLagged), errors.Is(err, errBehind):
		s.farewell(api.EventLagged, cutTime)
	case errors.Is(err, node.ErrStopping), ctx.Err() != nil:
		// The request's context ends with its reader, who will not mind, or
		// with the server.
		s.farewell(api.EventBye, byeTime)
	}
}

func (s *stream) hello() error {
	h := s.sub.Hello()
	s.told = h.Cursor
	s.shown = ringing(h.Live)
	s.event("", api.EventHello, api.Hello{
		Cursor: h.Cursor, PeerID: string(h.PeerID), Instance: h.Instance,
		State: string(h.State), Live: invitationsOf(h.Live),
	})
	return s.flush(cutTime)
}

// more writes what comes next, or a heartbeat when nothing does.
func (s *stream) more(ctx context.Context) error {
	quiet, cancel := context.WithTimeout(ctx, heartbeat)
	events, err := s.sub.Next(quiet)
	cancel()
	if err != nil {
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		s.told = s.sub.Cursor()
		s.buf.WriteString("id: " + s.told + "\n\n")
		return s.flush(cutTime)
	}
	for _, e := range events {
		s.event(e.Cursor, e.Type, eventOf(e))
		s.shown = append(s.shown, handed(e)...)
		s.told = e.Cursor
		if s.buf.Len() >= batchBytes {
			if err := s.flush(cutTime); err != nil {
				return err
			}
		}
	}
	return s.flush(cutTime)
}

// event puts one event into the buffer. data is encoded on one line.
func (s *stream) event(id, name string, data any) {
	if id != "" {
		s.buf.WriteString("id: " + id + "\n")
	}
	s.buf.WriteString("event: " + name + "\ndata: ")
	if err := s.json.Encode(data); err != nil { // ends the line
		log.Errorw("an event cannot be encoded", "type", name, "error", err)
		s.buf.WriteString("{}\n")
	}
	s.buf.WriteByte('\n')
}

// flush writes the buffer in one piece, and then says what was handed over.
func (s *stream) flush(most time.Duration) error {
	if s.buf.Len() == 0 {
		return nil
	}
	start := time.Now()
	// Writers without deadlines are tests'.
	_ = s.conn.SetWriteDeadline(start.Add(most))
	_, err := s.w.Write(s.buf.Bytes())
	s.buf.Reset()
	if err != nil {
		return err
	}
	if err := s.conn.Flush(); err != nil {
		return err
	}
	if s.counts && len(s.shown) > 0 {
		s.sub.HandedOver(s.shown...)
	}
	s.shown = s.shown[:0]
	if time.Since(start) > behindTime {
		return errBehind
	}
	return nil
}

// farewell writes the last event of the stream.
func (s *stream) farewell(name string, most time.Duration) {
	s.buf.Reset()
	s.shown = nil
	s.event("", name, api.Farewell{Cursor: s.told})
	_ = s.flush(most)
}

// handed returns the invitation that an app is handed by being shown e.
func handed(e node.Event) []protocol.ID {
	if e.Type == string(invitation.RemoteReceived) && !e.Over {
		return []protocol.ID{e.View.ID}
	}
	return nil
}
