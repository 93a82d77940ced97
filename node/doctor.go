package node

import (
	"context"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/node/doctor"
)

// doctors are the probes of the doctor that are under way.
type doctors struct {
	one    chan struct{} // has room for one examination at a time
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	closed  bool
	running sync.WaitGroup
}

func newDoctors() *doctors {
	d := &doctors{one: make(chan struct{}, 1)}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// spawn runs a probe, unless the node is stopping.
func (d *doctors) spawn(run func()) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.running.Go(run)
	return true
}

// close ends what runs, waits for it and lets nothing begin any more.
func (d *doctors) close() {
	d.cancel()
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.running.Wait()
}

// Doctor looks at everything that lets this node ring and be rung, within
// about 5 s. While it is logged out, its network is not looked at. Of several
// callers at once each waits for its own turn. Errors: ctx's.
func (n *Node) Doctor(ctx context.Context) ([]doctor.Check, error) {
	select {
	case n.doctors.one <- struct{}{}:
		defer func() { <-n.doctors.one }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	looking, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(n.doctors.ctx, cancel)()
	checks := doctor.Examine(looking, n.probes(), n.doctors.spawn)
	return checks, ctx.Err()
}

// probes are the checks, in the order in which people read them: this machine,
// then the network from near to far.
func (n *Node) probes() []doctor.Probe {
	now := func(name string, judge func() doctor.Verdict) doctor.Probe {
		return doctor.Probe{Name: name, Run: func(context.Context) doctor.Verdict { return judge() }}
	}
	u := n.uplink.Load()
	probes := []doctor.Probe{
		now("key", func() doctor.Verdict { return doctor.Key(n.keyFacts()) }),
		{Name: "disk", Run: func(ctx context.Context) doctor.Verdict { return doctor.Disk(n.diskFacts(ctx)) }},
		now("clock", func() doctor.Verdict { return doctor.Clock(n.clockFacts(u)) }),
		now("online", func() doctor.Verdict { return doctor.Online(n.onlineFacts(u)) }),
	}
	if u == nil {
		return append(probes, now("second_instance", func() doctor.Verdict {
			return doctor.SecondInstance(doctor.InstanceFacts{LockGone: n.lockGone()})
		}))
	}
	// One question to others answers two checks.
	asked := sync.OnceValue(func() knowledge { return n.askOthers(u) })
	return append(probes,
		now("addresses", func() doctor.Verdict { return doctor.Addresses(u.addressFacts()) }),
		now("mdns", func() doctor.Verdict { return doctor.MDNS(n.mdnsFacts(u)) }),
		now("dht", func() doctor.Verdict { return doctor.DHT(n.dhtFacts(u)) }),
		now("found", func() doctor.Verdict { return doctor.Found(u.foundFacts(asked())) }),
		now("reachable", func() doctor.Verdict { return doctor.Reachable(n.reachFacts(u)) }),
		now("relay", func() doctor.Verdict { return doctor.Relay(n.relayFacts(u)) }),
		now("nat", func() doctor.Verdict { return doctor.NAT(u.natFacts()) }),
		now("udp", func() doctor.Verdict { return doctor.UDP(u.udpFacts()) }),
		doctor.Probe{Name: "second_instance", Run: func(ctx context.Context) doctor.Verdict {
			return doctor.SecondInstance(n.instanceFacts(ctx, u, asked()))
		}},
	)
}

// askTime is how long other peers may take to say where this one is.
const askTime = 3 * time.Second
