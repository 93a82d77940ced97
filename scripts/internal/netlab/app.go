//go:build linux

package netlab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// told is an event and when the app had it.
type told struct {
	client.Event
	at time.Time
}

// app is an app of a peer that follows the events of app "call".
type app struct {
	stop context.CancelFunc
	gone chan struct{}

	mu     sync.Mutex
	events []told
	news   chan struct{} // closed and replaced at each event
}

// attach starts an app and waits for its hello.
func attach(ctx context.Context, c *client.Client) (*app, error) {
	a := &app{gone: make(chan struct{}), news: make(chan struct{})}
	var follow context.Context
	follow, a.stop = context.WithCancel(context.Background())
	go a.follow(follow, c)
	if _, err := a.await(ctx, func(e told) bool { return e.Type == api.EventHello }); err != nil {
		a.close()
		return nil, fmt.Errorf("an app's stream does not begin: %w", err)
	}
	return a, nil
}

func (a *app) follow(ctx context.Context, c *client.Client) {
	defer close(a.gone)
	for e, err := range c.Events(ctx, client.EventOptions{Apps: []string{api.DefaultApp}}) {
		if err != nil {
			return
		}
		a.mu.Lock()
		a.events = append(a.events, told{e, time.Now()})
		close(a.news)
		a.news = make(chan struct{})
		a.mu.Unlock()
	}
}

func (a *app) close() {
	a.stop()
	<-a.gone
}

// await waits for an event that fits; those before count.
func (a *app) await(ctx context.Context, fits func(told) bool) (told, error) {
	for i := 0; ; {
		a.mu.Lock()
		for ; i < len(a.events); i++ {
			if e := a.events[i]; fits(e) {
				a.mu.Unlock()
				return e, nil
			}
		}
		news := a.news
		a.mu.Unlock()
		select {
		case <-news:
		case <-ctx.Done():
			return told{}, context.Cause(ctx)
		case <-a.gone:
			return told{}, fmt.Errorf("the app's stream has ended")
		}
	}
}

// about fits an event of a type about an invitation.
func about(id, typ string) func(told) bool {
	return func(e told) bool { return e.Type == typ && e.Invitation != nil && e.Invitation.ID == id }
}

// endOf fits the event that ends an invitation.
func endOf(id string) func(told) bool {
	return func(e told) bool {
		return e.Invitation != nil && e.Invitation.ID == id && e.Invitation.Ended() && !strings.HasSuffix(e.Type, "_progress")
	}
}
