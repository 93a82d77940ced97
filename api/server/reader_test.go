package server_test

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/beckon-p2p/beckon/api/server"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
)

// reader is a subscription to a device.
type reader struct {
	d     *device
	how   node.Stream
	hello node.Hello
	after int
}

func (d *device) Subscribe(_ context.Context, s node.Stream) (server.Subscription, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := &reader{d: d, how: s, after: len(d.events)}
	if s.After != "" {
		seq, err := strconv.Atoi(strings.TrimPrefix(s.After, "EPOCH:"))
		if err != nil || seq > len(d.events) {
			return nil, &protocol.Error{Code: protocol.CodeCursorExpired, Detail: "open without a cursor", Cursor: cursor(int64(len(d.events)))}
		}
		r.after = seq
	}
	r.hello = node.Hello{Cursor: cursor(int64(r.after)), PeerID: self, Instance: "i1", State: d.state()}
	for _, id := range d.order {
		if f := d.forms[id]; f != nil && !f.Ended() && r.wants(f.App) {
			r.hello.Live = append(r.hello.Live, d.view(f))
		}
	}
	d.open++
	d.wake()
	return r, nil
}

func (r *reader) wants(app string) bool {
	return app == "" || len(r.how.Apps) == 0 || slices.Contains(r.how.Apps, app)
}

func (r *reader) Hello() node.Hello { return r.hello }
func (r *reader) Cursor() string    { return cursor(int64(r.after)) }
func (r *reader) Close()            { r.d.mark(func() { r.d.open-- }) }

func (r *reader) HandedOver(ids ...protocol.ID) {
	r.d.mark(func() { r.d.handed = append(r.d.handed, ids...) })
}

func (r *reader) Next(ctx context.Context) ([]node.Event, error) {
	for {
		r.d.mu.Lock()
		var found []node.Event
		for _, e := range r.d.events[r.after:] {
			if r.wants(e.App) {
				found = append(found, e)
			}
		}
		r.after = len(r.d.events)
		grown, stopping, lagging := r.d.grown, r.d.stopping, r.d.lagging
		r.d.mu.Unlock()
		switch {
		case len(found) > 0:
			return found, nil
		case stopping:
			return nil, node.ErrStopping
		case lagging:
			return nil, node.ErrLagged
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
