package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/protocol"
)

// stageConnected is the last event of a search that led to a connection: a
// dial of an address of that source succeeded.
const stageConnected discovery.StageEvent = "connected"

// maxStages bounds what is told of one search: each source asks and ends once,
// and brings at most 32 addresses, one by one at the worst.
const maxStages = 200

// timing follows a search from its begin. It is of the searching goroutine
// until the dials are over, but for what the race's lock guards.
type timing struct {
	start time.Time
	seen  []discovery.Stage
	from  []origin // guarded by the race's mu, and so is won
	won   how      // how the connection came about, if one did
}

// origin is where addresses came from, and when.
type origin struct {
	source string
	at     time.Duration // since the search began
	addrs  []ma.Multiaddr
}

func (t *timing) stage(s discovery.Stage) {
	if len(t.seen) < maxStages {
		t.seen = append(t.seen, s)
	}
}

// tell says how the search went, once its dials are over.
func (t *timing) tell(f *found) {
	f.stages = t.seen
	if f.conn != nil {
		f.source = t.won.source
		f.stages = append(f.stages, discovery.Stage{Source: t.won.source, Event: stageConnected, Took: t.won.lookup + t.won.dial})
	}
	slices.SortStableFunc(f.stages, func(a, b discovery.Stage) int { return cmp.Compare(a.Took, b.Took) })
}

// stood is a search that was none: a connection stood.
var stood = []discovery.Stage{{Source: "connected", Event: stageConnected}}

// how is how a connection came about, told before it is used.
type how struct {
	source string
	lookup time.Duration // until the source named the address
	dial   time.Duration // from then until the connection stood
}

// winner tells where the address of a connection came from. libp2p joins the
// dials of a peer: who asked for one says nothing.
func (t *timing) winner(c network.Conn) how {
	now := time.Since(t.start)
	best := t.from[0]
	for _, o := range t.from {
		for _, a := range o.addrs {
			if a.Equal(c.RemoteMultiaddr()) {
				best = o
			}
		}
	}
	return how{source: best.source, lookup: best.at, dial: now - best.at}
}

// reachedBy tells the switchboard how a peer was reached. It comes before all
// that is said on the connection.
func (sb *switchboard) reachedBy(id protocol.PeerID, h how) {
	sb.post(func(t *turn) {
		if p := sb.peers[id]; p != nil {
			p.reached = reached{how: h, at: t.now.Clock}
		}
	})
}

// reached is how and when a peer was reached last by dialing it.
type reached struct {
	how
	at protocol.Instant
}
