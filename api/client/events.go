package client

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// The pause before a connection is tried again: it doubles from the first to
// the last, and each is cut by up to half at random.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// EventOptions say which events to follow and from where.
type EventOptions struct {
	// Apps are the apps whose events are wanted; none means all. A stream
	// that names apps counts as an app that has their invitations: it makes
	// them ring.
	Apps []string
	// Observe makes a stream that names apps count for none.
	Observe bool
	// After is the cursor to resume strictly after; "" starts at the present.
	After string
	// FailFast makes the first connection's failure an error, also when the
	// daemon is not running or After has expired. Without it Events waits for
	// the daemon and starts afresh.
	FailFast bool
}

// Event is an entry of the event log, or the hello that opens each connection.
type Event struct {
	api.Event
	// Cursor resumes strictly after this event. Save it when the event has
	// been dealt with.
	Cursor string
	// Hello is set when Type is api.EventHello.
	Hello *api.Hello
	// Resumed, with Hello: the events that follow begin strictly after the
	// last one, and Hello.Live may be ahead of them. Otherwise the stream
	// starts at the present, because it is the first or because the cursor
	// had expired: whatever is not in Hello.Live is over.
	Resumed bool
}

// Events follows the event log until ctx is done, the loop is left, or the
// daemon refuses the request itself, which is the one error that it yields
// (see FailFast for others). A torn connection, a daemon that stops, restarts
// or is not there yet, and a reader that fell behind are all normal: it
// connects again, after 100 ms to 5 s, and resumes with its cursor, so that
// no event is lost or told twice. Each connection begins with an event of type
// api.EventHello. If the cursor has expired the next hello is not Resumed:
// compare its Live with what the app believes.
func (c *Client) Events(ctx context.Context, o EventOptions) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		f := follower{client: c, options: o, cursor: o.After, yield: yield}
		for f.again(ctx, f.once(ctx)) {
		}
	}
}

// Poll asks once for the events after o.After, and waits up to wait (at most
// 60 s) for the first of them. It is the form of Events for apps that cannot
// keep a stream open; FailFast does not matter.
func (c *Client) Poll(ctx context.Context, o EventOptions, wait time.Duration) (api.EventList, error) {
	query := o.query(o.After)
	if wait > 0 {
		query.Set("wait_ms", strconv.FormatInt(wait.Milliseconds(), 10))
	}
	var list api.EventList
	err := c.call(ctx, request{
		method: http.MethodGet, path: api.RouteEvents, query: query,
		header: http.Header{"Accept": {api.TypeJSON}},
	}, &list)
	return list, err
}

func (o EventOptions) query(cursor string) url.Values {
	query := url.Values{}
	for _, app := range o.Apps {
		query.Add("app", app)
	}
	if o.Observe {
		query.Set("observe", "true")
	}
	if cursor != "" {
		query.Set("after", cursor)
	}
	return query
}

var (
	errLeft     = errors.New("the loop was left")
	errLagged   = errors.New("the reader fell behind")
	errBadEvent = errors.New("the daemon sent an event that this client does not understand")
)

// follower is the state of one Events loop.
type follower struct {
	client  *Client
	options EventOptions
	cursor  string
	started bool // a connection was made
	pause   time.Duration
	yield   func(Event, error) bool
}

// once follows one connection to its end, which is never nil.
func (f *follower) once(ctx context.Context) error {
	s, err := f.client.open(ctx, f.options.query(f.cursor))
	if err != nil {
		return err
	}
	defer s.close()
	f.started = true
	resumed := f.cursor != ""
	for {
		ev, err := s.next()
		switch {
		case errors.Is(err, errBadEvent):
			return err
		case err != nil:
			return f.client.broken(ctx, err)
		case ev.Cursor != "":
			f.cursor = ev.Cursor
		}
		switch ev.Type {
		case "": // a heartbeat; the cursor was all
			continue
		case api.EventLagged:
			return errLagged
		case api.EventBye:
			return &NotRunningError{Socket: f.client.socket, Err: errors.New("it is stopping")}
		case api.EventHello:
			ev.Resumed = resumed
			f.pause = 0
		}
		if !f.yield(ev, nil) {
			return errLeft
		}
	}
}

// again reports whether there is to be another connection after one that
// ended with err, having waited for its time.
func (f *follower) again(ctx context.Context, err error) bool {
	impatient := f.options.FailFast && !f.started
	switch {
	case ctx.Err() != nil, err == errLeft:
		return false
	case err == errLagged:
		return true
	case !impatient && f.cursor != "" && errors.Is(err, &api.Problem{Code: api.CodeCursorExpired}):
		f.cursor = ""
		return true
	case impatient || !passing(err):
		f.yield(Event{}, err)
		return false
	}
	f.pause = min(max(2*f.pause, firstPause), lastPause)
	timer := time.NewTimer(f.pause - rand.N(f.pause/2))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// passing reports whether the same request may well succeed later.
func passing(err error) bool {
	var p *api.Problem
	if errors.As(err, &p) {
		return p.Status >= 500 || p.Status == http.StatusTooManyRequests
	}
	return errors.Is(err, ErrNotRunning)
}
