package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
	"github.com/beckon-p2p/beckon/scripts/internal/sse"
)

const (
	stallers  = 4
	stallRate = 250              // events a second; they fill a socket in a second or two
	stallLong = 12 * time.Second // longer than the 10 s after which a reader counts as fallen behind
)

// stall measures how late another reader is told, without and with readers that
// stall, in turns; these are told that they lagged and catch up.
func (r *run) stall(ctx context.Context) error {
	s, err := r.newSource(ctx, "stall")
	if err != nil {
		return err
	}
	defer s.close()
	rounds, calm := 3, stallLong
	if r.quick {
		rounds, calm = 1, time.Second
	}
	var without, with []time.Duration
	lagged, caught := 0, 0
	for i := range rounds {
		r.Say("events: stall, turn %d of %d", i+1, rounds)
		one, err := s.delays(ctx, fmt.Sprintf("w%d", i), calm)
		if err != nil {
			return err
		}
		without = append(without, one...)
		var slow []*staller
		for range stallers {
			st, err := s.newStaller(ctx)
			if err != nil {
				return err
			}
			defer st.reader.Close()
			slow = append(slow, st)
		}
		if one, err = s.delays(ctx, fmt.Sprintf("s%d", i), stallLong); err != nil {
			return err
		}
		with = append(with, one...)
		for _, st := range slow {
			if err := st.wake(ctx); err != nil {
				return err
			}
			if st.lagged {
				lagged++
			}
			log, err := s.log(ctx, st.first)
			if err != nil {
				return err
			}
			if err := compare("a stalled reader", log, st.told); err != nil {
				r.violation("%v", err)
			} else {
				caught++
			}
		}
	}
	r.judgeStall(without, with, rounds*stallers, lagged, caught)
	return nil
}

func (r *run) judgeStall(without, with []time.Duration, stalled, lagged, caught int) {
	a, b := quantile(without, 0.99), quantile(with, 0.99)
	r.line("a reader beside %d that stall for %v, %d events a second; from the POST until it has read the event", stallers, stallLong, stallRate)
	r.line("  without them: median %v, p99 %v (%d events)", quantile(without, 0.5), a, len(without))
	r.line("  with them:    median %v, p99 %v (%d events)", quantile(with, 0.5), b, len(with))
	r.line("  of %d stalled readers %d were told lagged, %d caught up with all of the log", stalled, lagged, caught)
	if lagged != stalled {
		r.violation("only %d of %d stalled readers were told lagged", lagged, stalled)
	}
	bound := 3*a + 20*time.Millisecond
	if r.quick {
		bound = time.Second // a few events beside other tests; what stalls costs seconds
	}
	if b > bound {
		r.violation("stalled readers cost the other one: p99 %v instead of %v", b, a)
	}
}

func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[min(int(float64(len(all))*q), len(all)-1)].Round(10 * time.Microsecond)
}

// delays makes events for that long and returns how late a reader had each.
func (s *source) delays(ctx context.Context, prefix string, long time.Duration) ([]time.Duration, error) {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	reader, err := sse.Open(reading, s.Socket(), nil, false, "")
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	n := int(long.Seconds() * stallRate)
	read := make(map[string]time.Time, n)
	var reads sync.WaitGroup
	reads.Go(func() {
		for len(read) < n {
			rec, err := reader.Next()
			if err != nil {
				return // fewer than n are an error
			}
			var e api.Event
			if json.Unmarshal(rec.Data, &e) == nil && e.Invitation != nil {
				read[e.Invitation.ChannelID] = rec.At
			}
		}
	})
	asked := make([]time.Time, n)
	var posts sync.WaitGroup
	begun := time.Now()
	errs := make(chan error, n)
	for i := range n {
		if !program.Sleep(ctx, time.Until(begun.Add(long*time.Duration(i)/time.Duration(n)))) {
			break
		}
		posts.Go(func() {
			asked[i] = time.Now()
			if _, err := s.emit(ctx, fmt.Sprintf("%s-%d", prefix, i)); err != nil {
				errs <- err
			}
		})
	}
	posts.Wait()
	late := time.AfterFunc(20*time.Second, stop)
	defer late.Stop()
	reads.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return nil, err
	}
	if len(read) < n {
		return nil, fmt.Errorf("a reader that does not stall was told %d of %d events", len(read), n)
	}
	var all []time.Duration
	for i := range n {
		all = append(all, read[fmt.Sprintf("%s-%d", prefix, i)].Sub(asked[i]))
	}
	return all, nil
}

// staller is a reader that reads its hello and then nothing, for a while.
type staller struct {
	source *source
	reader *sse.Reader
	first  string
	lagged bool // was told so
	told   []entry
}

func (s *source) newStaller(ctx context.Context) (*staller, error) {
	reader, err := sse.Open(ctx, s.Socket(), nil, false, "")
	if err != nil {
		return nil, err
	}
	st := &staller{source: s, reader: reader}
	rec, err := reader.Next()
	if err != nil {
		reader.Close()
		return nil, err
	}
	var h api.Hello
	if err := json.Unmarshal(rec.Data, &h); err != nil {
		return nil, err
	}
	st.first = h.Cursor
	return st, nil
}

// wake reads on to the end of the stream, and then all that is missing.
func (st *staller) wake(ctx context.Context) error {
	cursor, err := st.read(st.reader, st.first, func(rec sse.Record) bool {
		st.lagged = st.lagged || rec.Event == api.EventLagged
		return true
	})
	if err != nil {
		return err
	}
	log, err := st.source.log(ctx, cursor)
	if err != nil || len(log) == 0 {
		return err
	}
	rest, err := sse.Open(ctx, st.source.Socket(), nil, false, cursor)
	if err != nil {
		return err
	}
	defer rest.Close()
	_, err = st.read(rest, cursor, func(rec sse.Record) bool { return rec.ID != log[len(log)-1].cursor })
	return err
}

// read takes what comes until the stream ends or it is enough.
func (st *staller) read(from *sse.Reader, cursor string, more func(sse.Record) bool) (string, error) {
	for {
		rec, err := from.Next()
		if err != nil {
			return cursor, nil // it ended; what is missing comes from the cursor
		}
		if rec.ID != "" {
			cursor = rec.ID
		}
		if rec.ID != "" && rec.Event != "" {
			var e api.Event
			if err := json.Unmarshal(rec.Data, &e); err != nil {
				return cursor, err
			}
			st.told = append(st.told, entryOf(rec.ID, e))
		}
		if !more(rec) {
			return cursor, nil
		}
	}
}
