//go:build !linux

package reachability

import (
	"sync"
	"time"
)

// lookEvery is how often interfaces are looked at where the system's own word
// is not asked for.
const lookEvery = time.Second

// watcher says when it is time to look whether the network has changed.
type watcher struct {
	changes chan struct{}
	stop    chan struct{}
	ticking sync.WaitGroup
}

func newWatcher() (*watcher, error) {
	w := &watcher{changes: make(chan struct{}, 1), stop: make(chan struct{})}
	w.ticking.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				return
			case <-tick.C:
			}
			select {
			case w.changes <- struct{}{}:
			default:
			}
		}
	})
	return w, nil
}

// Close ends the watch.
func (w *watcher) Close() error {
	close(w.stop)
	w.ticking.Wait()
	return nil
}
