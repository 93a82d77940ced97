package dht

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	kaddht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/routing"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	// queryTime bounds one query, which would otherwise wait for a target that
	// cannot be dialed for as long as its context lets it.
	queryTime = 10 * time.Second
	// queryAlone is how long a query runs before the next one may start beside
	// it: one asks every server once, waits for those that died without a word,
	// and would not hear what the living have learned since.
	queryAlone = time.Second
	// Between two queries for one peer.
	firstPause = 250 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Name returns "dht".
func (d *DHT) Name() string { return "dht" }

// Find yields what the DHT says about id, each answer as it comes. The public
// DHT is asked in two ways at once, where the peer id is and who has announced
// himself under its key; neither waits for the other. If this peer has not
// joined yet Find waits for that; when a query has ended, or has taken a second,
// it asks again after 250 ms, 500 ms, 1 s and so on, for id may be joining just
// now. It returns when ctx ends or the DHT is closed. A query may dial id.
func (d *DHT) Find(ctx context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	kad, ok := d.enter()
	if !ok {
		return errors.New("the DHT is not running")
	}
	defer d.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()

	var mu sync.Mutex // one answer at a time
	say := func(addrs []ma.Multiaddr) {
		if addrs = d.filter(addrs); len(addrs) > 0 {
			mu.Lock()
			defer mu.Unlock()
			yield(addrs)
		}
	}
	var asking sync.WaitGroup
	asking.Go(func() {
		d.again(ctx, func(ctx context.Context) { queryPeer(ctx, kad, id, say) })
	})
	if d.public() {
		asking.Go(func() {
			d.again(ctx, func(ctx context.Context) { d.queryRecord(ctx, kad, id, say) })
		})
	}
	asking.Wait()
	return ctx.Err()
}

// again asks once and once more until ctx ends.
func (d *DHT) again(ctx context.Context, query func(context.Context)) {
	var running sync.WaitGroup
	defer running.Wait()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-d.tableFilled():
		case <-ctx.Done():
			return
		}
		alone, over := context.WithTimeout(ctx, queryAlone)
		running.Go(func() {
			limited, cancel := context.WithTimeout(ctx, queryTime)
			query(limited)
			cancel()
			over()
		})
		<-alone.Done()
		if !sleep(ctx, pause) {
			return
		}
	}
}

// enter counts the caller among what Close waits for, if the DHT runs.
func (d *DHT) enter() (*kaddht.IpfsDHT, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kad == nil {
		return nil, false
	}
	d.running.Add(1)
	return d.kad, true
}

// queryPeer asks once where the peer is. The addresses in the answers on the
// way are what counts: the query's own result comes late, and not at all if a
// dial of id fails.
func queryPeer(ctx context.Context, kad *kaddht.IpfsDHT, id peer.ID, say func([]ma.Multiaddr)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	qctx, events := routing.RegisterForQueryEvents(ctx)
	ended := make(chan peer.AddrInfo, 1)
	go func() {
		info, err := kad.FindPeer(qctx, id)
		if err != nil {
			log.Debug("query ended", "peer", id, "err", err)
		}
		ended <- info
		cancel() // closes events
	}()
	for e := range events {
		if e.Type != routing.PeerResponse {
			continue
		}
		for _, r := range e.Responses {
			if r.ID == id {
				say(r.Addrs)
			}
		}
	}
	say((<-ended).Addrs)
}

// queryRecord asks once for the provider record of id. Anybody can put himself
// under its key; only id's own entry counts, and what it says is hearsay like
// the rest. The library hands out the first entry that it gets and no later
// one, so that a server with an old record would hide the new one; but it notes
// them all in the peerstore, before it tells of the answer.
func (d *DHT) queryRecord(ctx context.Context, kad *kaddht.IpfsDHT, id peer.ID, say func([]ma.Multiaddr)) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	book := d.cfg.Host.Peerstore()
	before := book.Addrs(id) // somebody else's word
	qctx, events := routing.RegisterForQueryEvents(ctx)
	found := kad.FindProvidersAsync(qctx, providerKey(id), 0) // 0: ask everybody near the key
	for found != nil {
		select {
		case p, ok := <-found:
			if !ok {
				found = nil
			} else if p.ID == id {
				say(p.Addrs)
			}
		case e, ok := <-events:
			if !ok {
				events = nil
			} else if e.Type == routing.PeerResponse {
				say(slices.DeleteFunc(book.Addrs(id), func(a ma.Multiaddr) bool {
					return slices.ContainsFunc(before, a.Equal)
				}))
			}
		}
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
