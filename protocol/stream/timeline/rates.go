package timeline

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

// maxAskers bounds the peers whose rate is remembered. Whoever has not asked
// for a while is forgotten; if all have asked just now, one more is refused.
const maxAskers = 1024

// rates bound how often a peer may ask.
type rates struct {
	now func() protocol.Instant

	mu sync.Mutex
	// until is when a peer has its whole burst again.
	until map[peer.ID]protocol.Instant
}

func newRates(now func() protocol.Instant) *rates {
	return &rates{now: now, until: map[peer.ID]protocol.Instant{}}
}

// take counts one request and reports whether it may be answered.
func (r *rates) take(p peer.ID) bool {
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.until[p]; !known && len(r.until) >= maxAskers {
		for q, until := range r.until {
			if until <= now {
				delete(r.until, q)
			}
		}
		if len(r.until) >= maxAskers {
			return false
		}
	}
	until := max(r.until[p], now).Add(protocol.ExplainEvery)
	if until.Sub(now) > protocol.ExplainBurst*protocol.ExplainEvery {
		return false
	}
	r.until[p] = until
	return true
}
