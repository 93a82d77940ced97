package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

// A daemon keeps the end of its log and the latest invitations in memory too, up to
// a bound. Until that is reached it grows, as it should; what is looked for here is
// growth beyond. So the log of each first gets that many events.
const (
	warmEvents  = 6000
	warmWorkers = 16
	warmContent = "warm"
)

// warm lets all ring all as fast as they can until their logs are long.
func (s *soak) warm(ctx context.Context) error {
	begun := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	enough := make(chan struct{})
	for w := range warmWorkers {
		workers.Go(func() {
			for n := w; ctx.Err() == nil; n++ {
				select {
				case <-enough:
					return
				default:
				}
				from, to := s.crowd[n%len(s.crowd)], s.crowd[(n+1+n/len(s.crowd)%(len(s.crowd)-1))%len(s.crowd)]
				if err := s.warmRing(ctx, from, to); err != nil {
					cancel(err)
				}
			}
		})
	}
	err := s.awaitLogs(ctx, warmEvents)
	close(enough)
	workers.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.warmed = time.Since(begun)
	s.Say("soak: %d events in each log after %v", warmEvents, s.warmed.Round(time.Second))
	return err
}

func (s *soak) warmRing(ctx context.Context, from, to *member) error {
	inv, err := from.Create(ctx, api.CreateInvitation{CalleeID: to.id, App: "soak", Content: warmContent + strings.Repeat("x", s.content)})
	if err != nil {
		return err
	}
	if inv, err = from.Wait(ctx, inv.ID); err == nil && inv.State != api.AcceptedByRemote {
		err = fmt.Errorf("before anybody was killed, a ring from %s to %s ended %s %s", from.name, to.name, inv.State, inv.Error)
	}
	return err
}

func (s *soak) awaitLogs(ctx context.Context, events int) error {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		least := events
		for _, m := range s.crowd {
			page, err := m.Poll(ctx, client.EventOptions{}, 0)
			if err != nil {
				return err
			}
			_, number, _ := strings.Cut(page.Cursor, ":")
			n, err := strconv.Atoi(number)
			if err != nil {
				return err
			}
			least = min(least, n)
		}
		if least >= events {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
