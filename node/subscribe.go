package node

import (
	"context"
	"sync"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const (
	readSize = 256  // events of one Next
	lagLimit = 4096 // events that a reader who had caught up may fall behind
)

// Subscription reads the event log from a cursor. What is old and what is new
// come by the same way: Next reads the journal, and the switchboard only says
// that there is something to read. One goroutine may use it.
type Subscription struct {
	sb      *switchboard
	stream  Stream
	hello   Hello
	filter  journal.Filter
	after   int64
	caught  bool // has been at the head
	wake    chan struct{}
	stopped chan struct{} // closed when the switchboard stops
	close   sync.Once
}

// Subscribe opens a subscription; its snapshot and its place in the log are
// taken in one step. Errors: cursor_expired, shutting_down.
func (n *Node) Subscribe(ctx context.Context, stream Stream) (*Subscription, error) {
	sub := &Subscription{
		sb: n.sb, stream: stream, filter: journal.Filter{Apps: stream.Apps},
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	_, err := ask(ctx, n.sb, func(t *turn) (struct{}, error) { return struct{}{}, t.subscribe(n, sub) })
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		sub.Close() // it may have been registered before the journal failed
		return nil, err
	}
	return sub, nil
}

func (t *turn) subscribe(n *Node, sub *Subscription) error {
	t.flush() // what earlier jobs did belongs before the snapshot
	sb := t.sb
	resumed := sub.stream.After != ""
	cursor := sub.stream.After
	if !resumed {
		cursor = sb.journal.Head()
	}
	after, err := sb.journal.ParseCursor(cursor)
	if err != nil {
		return err
	}
	sub.after = after
	sub.hello = Hello{Cursor: cursor, PeerID: sb.self, Instance: n.instance, State: sb.state, Live: sb.snapshot(t.now, sub.filter)}
	sb.subs[sub] = struct{}{}
	if !sub.stream.Counts() {
		return nil
	}
	for _, app := range sub.stream.Apps {
		sb.apps[app]++
		sb.metrics.apps(sb.apps)
	}
	for _, e := range all(sb.entries) {
		f := e.machine.Form()
		if !sub.filter.Has(f.App) {
			continue
		}
		switch {
		case f.State == invitation.Held:
			t.step(e, invitation.AppCame{})
		case resumed && f.State == invitation.InvitationReceived && e.receivedSeq != 0 && e.receivedSeq <= after:
			t.step(e, invitation.HandedOver{})
		}
	}
	return nil
}

// snapshot returns what is live and visible of these apps.
func (sb *switchboard) snapshot(now invitation.Stamp, filter journal.Filter) []invitation.View {
	views := []invitation.View{}
	for _, e := range sb.entries {
		f := e.machine.Form()
		if f.Visible() && !f.Ended() && filter.Has(f.App) {
			views = append(views, f.View(now))
		}
	}
	sortViews(views)
	return views
}

// Hello returns the snapshot that the subscription began with.
func (s *Subscription) Hello() Hello { return s.hello }

// Next waits for events after the cursor and returns up to 256 of them, in
// order. Errors: ctx's, ErrStopping when the daemon stops, ErrLagged when the
// reader is too far behind; a new subscription from Cursor loses nothing.
func (s *Subscription) Next(ctx context.Context) ([]Event, error) {
	for {
		events, last, err := s.sb.journal.Read(s.after, s.filter, s.sb.readSize)
		if err != nil {
			return nil, err
		}
		if len(events) < s.sb.readSize {
			s.caught = true
		} else if s.caught && s.behind() > s.sb.lagLimit {
			return nil, ErrLagged
		}
		s.after = last
		if len(events) > 0 {
			return events, nil
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.stopped:
			return nil, ErrStopping
		}
	}
}

func (s *Subscription) behind() int64 {
	head, err := s.sb.journal.ParseCursor(s.sb.journal.Head())
	if err != nil {
		return 0
	}
	return head - s.after
}

// Cursor returns the point up to which everything was looked at.
func (s *Subscription) Cursor() string { return s.sb.journal.Cursor(s.after) }

// HandedOver says that invitations were written to the app.
func (s *Subscription) HandedOver(ids ...protocol.ID) {
	if len(ids) == 0 || !s.stream.Counts() {
		return
	}
	s.sb.post(func(t *turn) {
		for _, id := range ids {
			if e := s.sb.entries[id]; e != nil {
				t.step(e, invitation.HandedOver{})
			}
		}
	})
}

// Close ends the subscription; its app counts no more.
func (s *Subscription) Close() {
	s.close.Do(func() {
		s.sb.post(func(t *turn) {
			if _, ok := s.sb.subs[s]; !ok {
				return
			}
			delete(s.sb.subs, s)
			if !s.stream.Counts() {
				return
			}
			for _, app := range s.stream.Apps {
				if s.sb.apps[app]--; s.sb.apps[app] == 0 {
					delete(s.sb.apps, app)
				}
			}
			s.sb.metrics.apps(s.sb.apps)
		})
	})
}

// poke says that there is something to read.
func (s *Subscription) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
