package server

import (
	"context"
	"net/http"
	"time"

	logging "github.com/ipfs/go-log/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/node/doctor"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var log = logging.Logger("api")

// Node is what the server asks of the device. Its errors are *protocol.Error;
// any other is answered as 500 and logged.
type Node interface {
	Info(ctx context.Context) (node.Info, error)
	// SetOnline keeps the wish and returns at once.
	SetOnline(ctx context.Context, online bool) (node.Info, error)
	// Doctor looks at what lets the device ring and be rung.
	Doctor(ctx context.Context) ([]doctor.Check, error)

	Create(ctx context.Context, r node.CreateRequest, i node.Idempotency) (node.Result, error)
	Update(ctx context.Context, id protocol.ID, p node.Patch) (invitation.View, error)
	Discard(ctx context.Context, id protocol.ID) error
	Do(ctx context.Context, id protocol.ID, v node.Verb, i node.Idempotency) (node.Result, error)

	Get(ctx context.Context, id protocol.ID) (invitation.View, error)
	// Wait returns the invitation once it has ended, or as it is when ctx ends.
	Wait(ctx context.Context, id protocol.ID) (invitation.View, error)
	// Explain tells why it did or did not ring; with merge it asks the other party too.
	Explain(ctx context.Context, id protocol.ID, merge bool) (node.Explanation, error)
	// List returns a page, newest first, and where the next one begins.
	List(ctx context.Context, q journal.Query) (page []invitation.View, next string, err error)
	// Subscribe registers the stream and takes its snapshot in one atomic step.
	Subscribe(ctx context.Context, s node.Stream) (Subscription, error)

	Peers(ctx context.Context) ([]node.Peer, error)
	// FindPeer looks the peer up for at most timeout, also at these addresses.
	FindPeer(ctx context.Context, id string, addresses []string, timeout time.Duration) (node.Peer, error)
	Ping(ctx context.Context, id string, addresses []string) (rtt time.Duration, path invitation.Path, err error)
}

// Subscription is one reader of the event log. It is used by one goroutine.
type Subscription interface {
	Hello() node.Hello
	// Next returns the events after the cursor, in order, and moves the cursor
	// past them. It blocks until there are some; then ctx.Err() when ctx ends,
	// node.ErrStopping or node.ErrLagged. An ended ctx never costs an event:
	// the cursor moves only past what was returned or filtered out.
	Next(ctx context.Context) ([]node.Event, error)
	// Cursor is the point up to which everything was returned or filtered out.
	Cursor() string
	// HandedOver says that these invitations were written to the app.
	HandedOver(ids ...protocol.ID)
	Close()
}

// Options are what the server needs beside the Node.
type Options struct {
	Metrics http.Handler // answers GET /metrics; nil for an empty page
}

// Limits of the server itself.
const (
	// maxStreams bounds the requests that wait: streams, polls and waits.
	maxStreams = 512
	// bodyTime is how long a request's body may take to arrive.
	bodyTime = 10 * time.Second
	// behindTime is how long one write to a stream may take before the reader
	// counts as fallen behind, cutTime how long before it is cut off.
	behindTime = 10 * time.Second
	cutTime    = 30 * time.Second
	// byeTime is how long a bye may take: the stop has to wait for it.
	byeTime = time.Second
	// heartbeat is the longest silence on a stream.
	heartbeat = api.HeartbeatSecs * time.Second
	// pollGrace is how long a poll that shall not wait looks for events.
	pollGrace = 100 * time.Millisecond
	// batchBytes is how much is gathered for one write to a stream.
	batchBytes = 256 << 10
)

// server holds what the operations share.
type server struct {
	node    Node
	streams chan struct{} // one token for each waiting request
}

// New returns the handler of the whole API. It refuses browsers, but does not
// check who is calling: that is the socket's part.
func New(n Node, o Options) http.Handler {
	s := &server{node: n, streams: make(chan struct{}, maxStreams)}
	mux := http.NewServeMux()
	described := s.register(mux)
	mux.Handle("GET "+api.RouteOpenAPI, openAPIHandler(described))
	metrics := o.Metrics
	if metrics == nil {
		metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		})
	}
	mux.Handle("GET "+api.RouteMetrics, metrics)
	return &front{mux: mux}
}

// wait takes a token for a request that will wait, or says that there are too
// many. The caller gives it back.
func (s *server) wait() (release func(), err error) {
	select {
	case s.streams <- struct{}{}:
		return func() { <-s.streams }, nil
	default:
		e := protocol.Errorf(protocol.CodeTooMany, "%d requests are waiting already; close some streams and try again", maxStreams)
		e.Limit = "512 waiting requests"
		return nil, fail(e)
	}
}
