package discovery

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// MaxPerSource is how many addresses of one peer a source can bring into one
// search: a peer listens on a dozen at most, and a liar must not drown the rest.
const MaxPerSource = 32

// Candidate is one answer of one source: addresses of ID that no source gave
// before in this search, without /p2p/ID at their end. They are hearsay until
// a dial succeeds.
type Candidate struct {
	ID     peer.ID
	Addrs  []ma.Multiaddr
	Source string // connected, link, cache, lan, dht or static
}

// Source is one place to ask.
type Source interface {
	// Name is one word for people: connected, link, cache, lan, dht or static.
	Name() string
	// Find yields addresses of id as it learns them. It returns when it knows
	// no more, and soon after ctx ends. It does not dial id in order to answer.
	// yield never blocks and keeps no reference to the slice.
	Find(ctx context.Context, id peer.ID, yield func(addrs []ma.Multiaddr)) error
}

// Stage is a step of a search, for showing it to people.
type Stage struct {
	Source string
	Event  StageEvent
	Took   time.Duration // since the search began
	Addrs  int           // new addresses that came with answered; 0: it knows none
	Err    error         // with failed
}

// StageEvent is what happened in a Stage.
type StageEvent string

// The events of a source in a search: asked, then answered once for each new
// batch of addresses, and at the end nothing, or one of: answered without
// addresses, failed, gave_up (the search ended before it did).
const (
	Asked    StageEvent = "asked"
	Answered StageEvent = "answered"
	Failed   StageEvent = "failed"
	GaveUp   StageEvent = "gave_up"
)

// Finder finds peers by asking several sources. Its methods may be called
// from any goroutine.
type Finder struct{ sources []Source }

// NewFinder returns a Finder that asks the sources given.
func NewFinder(sources ...Source) *Finder { return &Finder{sources: sources} }

// Find asks all sources at once and yields candidates as they come. It ends
// when all sources are done, ctx ends or the caller breaks, and by then has
// waited for every source to return. A slow caller does not hold up a source.
func (f *Finder) Find(ctx context.Context, id peer.ID) iter.Seq[Candidate] {
	return f.FindStages(ctx, id, nil)
}

// FindStages is Find that also tells observe, unless it is nil, how the search
// goes. observe runs on the caller's goroutine, between candidates.
func (f *Finder) FindStages(ctx context.Context, id peer.ID, observe func(Stage)) iter.Seq[Candidate] {
	if observe == nil {
		observe = func(Stage) {}
	}
	return func(yield func(Candidate) bool) {
		ctx, cancel := context.WithCancel(ctx)
		s := &search{id: id, start: time.Now(), seen: make(map[string]bool), news: make(chan struct{}, 1)}
		var running sync.WaitGroup
		defer func() {
			cancel()
			running.Wait()
		}()
		open := make(map[int]bool) // sources that are not done yet
		for i, src := range f.sources {
			open[i] = true
			observe(Stage{Source: src.Name(), Event: Asked, Took: time.Since(s.start)})
			running.Go(func() { s.ask(ctx, i, src) })
		}
		if s.consume(ctx, open, observe, yield) {
			return
		}
		for i := range f.sources {
			if open[i] {
				observe(Stage{Source: f.sources[i].Name(), Event: GaveUp, Took: time.Since(s.start)})
			}
		}
	}
}

// search is one Find under way: the sources put reports in, the caller takes
// them out.
type search struct {
	id    peer.ID
	start time.Time
	news  chan struct{} // has room for one: reports is not empty

	mu      sync.Mutex
	seen    map[string]bool // addresses that were reported
	reports []report
}

type report struct {
	source int
	stage  Stage
	addrs  []ma.Multiaddr // not empty: a candidate
	done   bool           // the source returned
}

// consume hands reports to the caller until all sources are done (true) or the
// caller or ctx ends the search (false). It keeps open up to date.
func (s *search) consume(ctx context.Context, open map[int]bool, observe func(Stage), yield func(Candidate) bool) bool {
	for len(open) > 0 {
		select {
		case <-s.news:
		case <-ctx.Done():
			return false
		}
		for _, r := range s.take() {
			if r.done {
				delete(open, r.source)
			}
			if r.stage.Event != "" {
				observe(r.stage)
			}
			if len(r.addrs) > 0 && !yield(Candidate{ID: s.id, Addrs: r.addrs, Source: r.stage.Source}) {
				return false
			}
			if ctx.Err() != nil {
				return false
			}
		}
	}
	return true
}

// ask runs one source to its end.
func (s *search) ask(ctx context.Context, i int, src Source) {
	name, brought := src.Name(), 0
	var mu sync.Mutex // a source may yield from several goroutines
	err := find(ctx, src, s.id, func(addrs []ma.Multiaddr) {
		mu.Lock()
		defer mu.Unlock()
		brought += s.add(i, name, addrs, MaxPerSource-brought)
	})
	end := report{source: i, done: true}
	switch {
	case ctx.Err() != nil:
		end.stage = Stage{Source: name, Event: GaveUp}
	case err != nil:
		end.stage = Stage{Source: name, Event: Failed, Err: err}
	case brought == 0:
		end.stage = Stage{Source: name, Event: Answered}
	}
	end.stage.Took = time.Since(s.start)
	s.mu.Lock()
	s.put(end)
	s.mu.Unlock()
}

// find calls the source and turns its panic into an error: the other sources
// can still find the peer.
func find(ctx context.Context, src Source, id peer.ID, yield func([]ma.Multiaddr)) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("source %s panicked: %v", src.Name(), v)
		}
	}()
	return src.Find(ctx, id, yield)
}

// add reports those of addrs that are new, at most limit, and returns how many.
func (s *search) add(source int, name string, addrs []ma.Multiaddr, limit int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []ma.Multiaddr
	for _, a := range addrs {
		a, ok := dialable(s.id, a)
		if !ok || len(fresh) >= limit || s.seen[string(a.Bytes())] {
			continue
		}
		s.seen[string(a.Bytes())] = true
		fresh = append(fresh, a)
	}
	if len(fresh) > 0 {
		stage := Stage{Source: name, Event: Answered, Took: time.Since(s.start), Addrs: len(fresh)}
		s.put(report{source: source, stage: stage, addrs: fresh})
	}
	return len(fresh)
}

// put is called with mu held.
func (s *search) put(r report) {
	s.reports = append(s.reports, r)
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *search) take() []report {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.reports
	s.reports = nil
	return r
}
