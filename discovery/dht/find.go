package dht

import (
	"context"
	"errors"
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
	// Between two queries for one peer.
	firstPause = 250 * time.Millisecond
	lastPause  = 30 * time.Second
)

// Name returns "dht".
func (d *DHT) Name() string { return "dht" }

// Find yields what the DHT says about id, each answer as it comes. If the
// peer has not joined yet it waits for that; when a query ends it asks again
// after 250 ms, 500 ms, 1 s and so on, for id may be joining just now. It returns
// when ctx ends or the DHT is closed. A query may dial id.
func (d *DHT) Find(ctx context.Context, id peer.ID, yield func([]ma.Multiaddr)) error {
	kad, ok := d.enter()
	if !ok {
		return errors.New("the DHT is not running")
	}
	defer d.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()

	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-d.tableFilled():
		case <-ctx.Done():
			return ctx.Err()
		}
		d.query(ctx, kad, id, yield)
		if !sleep(ctx, pause) {
			return ctx.Err()
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

// query asks once. The addresses in the answers on the way are what counts:
// the query's own result comes late, and not at all if a dial of id fails.
func (d *DHT) query(ctx context.Context, kad *kaddht.IpfsDHT, id peer.ID, yield func([]ma.Multiaddr)) {
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	say := func(addrs []ma.Multiaddr) {
		if addrs = d.filter(addrs); len(addrs) > 0 {
			yield(addrs)
		}
	}
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
