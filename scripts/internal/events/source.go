package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/daemon"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// nobody is the peer ID of somebody who is not there.
const nobody = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"

// source is a daemon that is logged out: each invitation fails at once, with one
// event.
type source struct {
	*client.Client
	cfg daemon.Config

	mu sync.Mutex
	d  *daemon.Daemon
}

func (r *run) newSource(ctx context.Context, name string) (*source, error) {
	s := &source{cfg: daemon.Config{Binary: r.Beckond, Dir: r.Dir, Name: name, Network: "lan"}}
	s.Client = client.New(r.Dir + "/" + name + ".sock")
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	if _, err := s.SetOnline(ctx, false); err != nil {
		s.close()
		return nil, err
	}
	for { // the log is quiet once it is offline
		n, err := s.Node(ctx)
		if err != nil {
			s.close()
			return nil, err
		}
		if n.State == "offline" {
			return s, nil
		}
		if !program.Sleep(ctx, 10*time.Millisecond) {
			s.close()
			return nil, ctx.Err()
		}
	}
}

func (s *source) start(ctx context.Context) error {
	d, err := daemon.Start(ctx, s.cfg)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d = d
	return nil
}

// restart ends the daemon, in order or not, and starts it again.
func (s *source) restart(ctx context.Context, inOrder bool) error {
	s.mu.Lock()
	d := s.d
	s.mu.Unlock()
	if err := d.Err(); err != nil {
		return err
	}
	if inOrder {
		d.Stop()
	} else {
		d.Kill()
	}
	return s.start(ctx)
}

func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.d.Stop()
	s.Client.Close()
}

// emit makes one event. It goes on until the daemon answers.
func (s *source) emit(ctx context.Context, ticket string) (id string, err error) {
	in := api.CreateInvitation{CalleeID: nobody, ChannelID: ticket, Content: strings.Repeat("beckon! ", 64)}
	for {
		inv, err := s.CreateOnce(ctx, ticket, in)
		var p *api.Problem
		switch {
		case err == nil && inv.Error != "not_logged_in":
			return "", fmt.Errorf("%s is %s %s: logged out, it should have failed", ticket, inv.State, inv.Error)
		case err == nil:
			return inv.ID, nil
		case errors.As(err, &p) && p.Code != api.CodeShuttingDown:
			return "", err
		case !program.Sleep(ctx, 20*time.Millisecond):
			return "", ctx.Err()
		}
	}
}

// emitAll makes n events in about that time, and returns how often each
// invitation is expected in the log: once.
func (s *source) emitAll(ctx context.Context, n int, long time.Duration, progress func(made int)) (map[string]int, error) {
	ids := map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	for range 8 {
		workers.Go(func() {
			for i := range numbers {
				id, err := s.emit(ctx, fmt.Sprintf("e%d", i))
				if err != nil {
					cancel(err)
					return
				}
				mu.Lock()
				ids[id]++
				progress(len(ids))
				mu.Unlock()
			}
		})
	}
	begun := time.Now()
feed:
	for i := range n {
		program.Sleep(ctx, time.Until(begun.Add(long*time.Duration(i)/time.Duration(n))))
		select {
		case numbers <- i:
		case <-ctx.Done():
			break feed
		}
	}
	close(numbers)
	workers.Wait()
	return ids, context.Cause(ctx)
}

// entry is what is compared of an event.
type entry struct {
	cursor string
	seq    int64
	typ    string
	id     string
}

func entryOf(cursor string, e api.Event) entry {
	en := entry{cursor: cursor, seq: e.Seq, typ: e.Type}
	if e.Invitation != nil {
		en.id = e.Invitation.ID
	}
	return en
}

// log reads the whole log after a cursor, in pages.
func (s *source) log(ctx context.Context, after string) ([]entry, error) {
	epoch, _, _ := strings.Cut(after, ":")
	var all []entry
	for {
		page, err := s.Poll(ctx, client.EventOptions{After: after}, 0)
		if err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			return all, nil
		}
		for _, e := range page.Events {
			all = append(all, entryOf(fmt.Sprintf("%s:%d", epoch, e.Seq), e))
		}
		after = page.Cursor
	}
}

// compare checks that a reader was told the log, and says what is wrong.
func compare(who string, log, told []entry) error {
	if slices.Equal(log, told) {
		return nil
	}
	for i := range min(len(log), len(told)) {
		if log[i] != told[i] {
			return fmt.Errorf("%s: event %d of it is %v, that of the log %v", who, i, told[i], log[i])
		}
	}
	return fmt.Errorf("%s was told %d events, the log has %d", who, len(told), len(log))
}
