package main

import (
	"context"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// feed brings events to a loop that also waits for other things.
type feed struct {
	events chan client.Event // closed at the end
	err    error             // why it ended; read it after the close
	cancel context.CancelFunc
}

// subscribe follows the events until stop is called.
func (p *program) subscribe(ctx context.Context, o client.EventOptions) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{events: make(chan client.Event), cancel: cancel}
	go func() {
		defer close(f.events)
		for ev, err := range p.client.Events(ctx, o) {
			if err != nil {
				f.err = err
				return
			}
			select {
			case f.events <- ev:
			case <-ctx.Done():
				return
			}
		}
	}()
	return f
}

// stop ends the feed and waits until it has ended.
func (f *feed) stop() {
	f.cancel()
	for range f.events {
	}
}

// The pause between two tries of something that the daemon does not answer.
const (
	firstPause = 50 * time.Millisecond
	lastPause  = 2 * time.Second
)

// persist repeats do while the daemon is away, until ctx is done.
func persist(ctx context.Context, do func() error) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := do()
		away := errors.Is(err, client.ErrNotRunning) || errors.Is(err, &api.Problem{Code: api.CodeShuttingDown})
		if !away || !wait(ctx, pause) {
			return err
		}
	}
}
