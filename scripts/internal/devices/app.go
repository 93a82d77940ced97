package devices

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// App is an app on a device: it follows the events and remembers them.
type App struct {
	Device *Device
	t      testing.TB
	cancel context.CancelFunc
	gone   chan struct{}

	mu     sync.Mutex
	events []client.Event
	news   chan struct{} // closed and replaced at each event
}

// NewApp starts an app that counts for app "call". It follows the device
// through restarts and has connected when NewApp returns.
func (d *Device) NewApp() *App {
	d.t.Helper()
	a := &App{Device: d, t: d.t, gone: make(chan struct{}), news: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	hello := make(chan struct{})
	go a.follow(ctx, sync.OnceFunc(func() { close(hello) }))
	d.t.Cleanup(a.Close)
	select {
	case <-hello:
	case <-a.gone:
		d.t.Fatal("the app's stream ended")
	case <-time.After(Patience):
		d.t.Fatal("no hello for the app")
	}
	return a
}

func (a *App) follow(ctx context.Context, connected func()) {
	defer close(a.gone)
	for e, err := range a.Device.Events(ctx, client.EventOptions{Apps: []string{"call"}}) {
		if err != nil {
			if ctx.Err() == nil {
				a.t.Errorf("events: %v", err)
			}
			return
		}
		if e.Type == api.EventHello {
			connected()
			continue
		}
		a.mu.Lock()
		a.events = append(a.events, e)
		close(a.news)
		a.news = make(chan struct{})
		a.mu.Unlock()
	}
}

// Close ends the app.
func (a *App) Close() {
	a.cancel()
	<-a.gone
}

// Of returns the events of an invitation so far, without progress.
func (a *App) Of(id string) []client.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	var of []client.Event
	for _, e := range a.events {
		if e.Invitation != nil && e.Invitation.ID == id && !strings.HasSuffix(e.Type, "_progress") {
			of = append(of, e)
		}
	}
	return of
}

// Await waits for an event of that type about an invitation; "" for any.
func (a *App) Await(typ, id string) client.Event {
	a.t.Helper()
	e, err := a.TryAwait(typ, id)
	if err != nil {
		a.t.Fatal(err)
	}
	return e
}

// TryAwait is Await that returns the error, for goroutines of a test.
func (a *App) TryAwait(typ, id string) (client.Event, error) {
	e, ok := a.find(func(e client.Event) bool {
		return e.Type == typ && e.Invitation != nil && (id == "" || e.Invitation.ID == id)
	})
	if !ok {
		return e, fmt.Errorf("%s: %s about %s did not come; came: %s", a.Device.ID, typ, id, a.summary(id))
	}
	return e, nil
}

// AwaitProgress waits until an invitation has come that far.
func (a *App) AwaitProgress(id, progress string) {
	a.t.Helper()
	if _, ok := a.find(func(e client.Event) bool {
		return e.Invitation != nil && e.Invitation.ID == id && e.Invitation.Progress == progress
	}); !ok {
		a.t.Fatalf("%s: %s did not come to %s", a.Device.ID, id, progress)
	}
}

// find waits for an event that fits.
func (a *App) find(fits func(client.Event) bool) (client.Event, bool) {
	deadline := time.After(Patience)
	for i := 0; ; {
		a.mu.Lock()
		for ; i < len(a.events); i++ {
			e := a.events[i]
			if fits(e) {
				a.mu.Unlock()
				return e, true
			}
		}
		news := a.news
		a.mu.Unlock()
		select {
		case <-news:
		case <-deadline:
			return client.Event{}, false
		}
	}
}

func (a *App) summary(id string) string {
	var types []string
	for _, e := range a.Of(id) {
		types = append(types, e.Type)
	}
	return strings.Join(types, ", ")
}

// AwaitEnd waits for the terminal event of an invitation.
func (a *App) AwaitEnd(id string) client.Event {
	a.t.Helper()
	deadline := time.After(Patience)
	for {
		a.mu.Lock()
		news := a.news
		a.mu.Unlock()
		for _, e := range a.Of(id) {
			if !e.Invitation.EndedAt.IsZero() {
				return e
			}
		}
		select {
		case <-news:
		case <-deadline:
			a.t.Fatalf("%s: no end of %s; came: %s", a.Device.ID, id, a.summary(id))
		}
	}
}

// Terminals returns how many terminal callbacks came about an invitation.
func (a *App) Terminals(id string) (n int) {
	for _, e := range a.Of(id) {
		if !e.Invitation.EndedAt.IsZero() && e.Type != api.LocalInvitationAcceptUnconfirmed {
			n++
		}
	}
	return n
}

// Ring sends an invitation to another device.
func (d *Device) Ring(to *Device, change func(*api.CreateInvitation)) api.Invitation {
	d.t.Helper()
	in := api.CreateInvitation{CalleeID: to.ID, Content: "offer"}
	if change != nil {
		change(&in)
	}
	inv, err := d.Create(Context(d.t), in)
	if err != nil {
		d.t.Fatal(err)
	}
	return inv
}
