package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// crowd lets the first workers ring as fast as they can for that long, and
// returns the complete rings, per second and in all: from the POST of the invitation until
// the caller's app has read that it was accepted.
func (c *couple) crowd(ctx context.Context, workers int, long time.Duration) (perSecond float64, n int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var complete atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	end := start.Add(long)
	for _, w := range c.workers[:workers] {
		wg.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil {
				if err := w.quick(ctx); err != nil {
					cancel(err)
					return
				}
				complete.Add(1)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return 0, 0, context.Cause(ctx)
	}
	n = complete.Load()
	return float64(n) / time.Since(start).Seconds(), n, nil
}

// quick is one complete ring of a crowd.
func (w *worker) quick(ctx context.Context) error {
	e, _, err := w.ring(ctx)
	if err != nil {
		return err
	}
	if _, err := w.accept(ctx, e.id); err != nil {
		return err
	}
	return w.answers()
}
