package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
	"github.com/beckon-p2p/beckon/scripts/internal/sse"
)

// torn reads all events through torn connections and restarts, twice: as bytes,
// and with the Go client.
func (r *run) torn(ctx context.Context) error {
	s, err := r.newSource(ctx, "torn")
	if err != nil {
		return err
	}
	defer s.close()
	hello, err := s.Poll(ctx, client.EventOptions{}, 0)
	if err != nil {
		return err
	}
	rip, err := newRipper(r.Dir+"/rip.sock", s.Socket(), r.reconnects, rand.New(rand.NewPCG(r.seed, 2)))
	if err != nil {
		return err
	}
	defer rip.close()
	raw := &rawReader{source: s, rng: rand.New(rand.NewPCG(r.seed, 1)), cursor: hello.Cursor, most: r.reconnects}
	goClient := &clientReader{socket: r.Dir + "/rip.sock", after: hello.Cursor}

	readers, stop := context.WithCancel(ctx)
	defer stop()
	var reading sync.WaitGroup
	reading.Go(func() { raw.run(readers) })
	reading.Go(func() { goClient.run(readers) })

	// A torn connection of the client costs it up to 100 ms of pause.
	long := max(4*time.Second, time.Duration(r.reconnects)*110*time.Millisecond)
	var restarting sync.WaitGroup
	var failed error
	restarting.Go(func() { failed = r.restartOften(ctx, s, long) })
	ids, err := s.emitAll(ctx, r.events, long, func(made int) {
		if made%2500 == 0 {
			r.Say("events: %d made, the readers have %d and %d", made, raw.count.Load(), goClient.count.Load())
		}
	})
	restarting.Wait()
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	return r.judgeTorn(ctx, s, hello.Cursor, ids, raw, goClient, rip, func() { stop(); reading.Wait() })
}

func (r *run) restartOften(ctx context.Context, s *source, long time.Duration) error {
	rng := rand.New(rand.NewPCG(r.seed, 3))
	step := long / time.Duration(r.restarts+1)
	for i := range r.restarts {
		if !program.Sleep(ctx, step/2+time.Duration(rng.Int64N(int64(step)))) {
			return ctx.Err()
		}
		if err := s.restart(ctx, i%2 == 1); err != nil {
			return err
		}
	}
	return nil
}

// judgeTorn waits until the readers have all, or no more comes, and compares.
func (r *run) judgeTorn(ctx context.Context, s *source, first string, ids map[string]int, raw *rawReader, goClient *clientReader, rip *ripper, stop func()) error {
	log, err := s.log(ctx, first)
	if err != nil {
		return err
	}
	for range 600 {
		enough := raw.torn.Load() >= int64(r.reconnects) && rip.ripped() >= r.reconnects
		if enough && int(raw.count.Load()) >= len(log) && int(goClient.count.Load()) >= len(log) {
			break
		}
		if !program.Sleep(ctx, 100*time.Millisecond) {
			return ctx.Err()
		}
	}
	stop()
	// Time tells whether something comes twice: nothing was made meanwhile.
	again, err := s.log(ctx, first)
	if err != nil {
		return err
	}
	for _, e := range again {
		if e.typ == api.LocalInvitationFailure {
			ids[e.id]--
		}
	}
	for id, n := range ids {
		if n != 0 {
			r.violation("the log has %d events too few or too many of %s", n, id)
		}
	}
	for i, e := range again {
		if i > 0 && e.seq != again[i-1].seq+1 {
			r.violation("the log has event %d after %d", e.seq, again[i-1].seq)
		}
	}
	for _, err := range []error{compare("the reader of bytes", again, raw.told), compare("the Go client", again, goClient.told), goClient.err} {
		if err != nil {
			r.violation("%v", err)
		}
	}
	r.line("%d events of %d invitations; %d restarts, every other one kill -9", len(again), len(ids), r.restarts)
	r.line("  a reader of bytes, torn %d times (%d of them within an event): %d events, as in the log", raw.torn.Load(), raw.within, len(raw.told))
	r.line("  the Go client, torn %d times: %d events, as in the log; %d of its connections lived to a hello", rip.ripped(), len(goClient.told), goClient.hellos)
	if raw.torn.Load() < int64(r.reconnects) || rip.ripped() < r.reconnects {
		r.violation("the connections were torn %d and %d times, not %d", raw.torn.Load(), rip.ripped(), r.reconnects)
	}
	return nil
}

// rawReader reads records and resumes with the id of the last whole one.
type rawReader struct {
	source *source
	rng    *rand.Rand
	cursor string
	most   int
	within int // torn within an event
	told   []entry
	count  atomic.Int64
	torn   atomic.Int64
}

func (r *rawReader) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.once(ctx)
		program.Sleep(ctx, time.Duration(r.rng.Int64N(int64(20*time.Millisecond))))
	}
}

// once reads a random number of whole records of one connection, then some bytes
// of the next, and tears it.
func (r *rawReader) once(ctx context.Context) {
	long, cancel := context.WithTimeout(ctx, 10*time.Millisecond+time.Duration(r.rng.Int64N(int64(150*time.Millisecond))))
	defer cancel()
	if r.torn.Load() >= int64(r.most) {
		long = ctx
	}
	s, err := sse.Open(long, r.source.Socket(), nil, false, r.cursor)
	if err != nil {
		return
	}
	defer s.Close()
	for left := r.rng.IntN(40); ; left-- {
		if left <= 0 && r.torn.Load() < int64(r.most) {
			if n, _ := s.Discard(1 + r.rng.IntN(400)); n > 0 {
				r.within++
			}
			break
		}
		rec, err := s.Next()
		if err != nil {
			if long.Err() == nil {
				return // the daemon's doing
			}
			break
		}
		if rec.ID == "" {
			continue
		}
		r.cursor = rec.ID
		if rec.Event == "" {
			continue
		}
		var e api.Event
		if json.Unmarshal(rec.Data, &e) == nil { // else it is missed in the comparison
			r.told = append(r.told, entryOf(rec.ID, e))
			r.count.Add(1)
		}
	}
	r.torn.Add(1)
}

// clientReader is an app that uses api/client and knows of no torn connections.
type clientReader struct {
	socket, after string
	told          []entry
	hellos        int
	count         atomic.Int64
	err           error
}

func (r *clientReader) run(ctx context.Context) {
	c := client.New(r.socket)
	defer c.Close()
	for ev, err := range c.Events(ctx, client.EventOptions{After: r.after}) {
		switch {
		case err != nil:
			r.err = err
			return
		case ev.Type == api.EventHello:
			r.hellos++
		default:
			r.told = append(r.told, entryOf(ev.Cursor, ev.Event))
			r.count.Add(1)
		}
	}
}
