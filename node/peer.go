package node

import (
	"context"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// The rhythm of dialing.
const (
	dialAttempt = 4 * time.Second // one attempt
	owedFirst   = 4 * time.Second // distance of dials for what is only owed, doubling …
	owedLast    = protocol.SayAtLeast
)

// dialFresh is how old an attempt may be that a new invitation only joins.
const dialFresh = 250 * time.Millisecond

// steadyAfter is how long a session must have stood for the next dial to come
// at once.
const steadyAfter = 2 * time.Second

// liveDelays are the waits before the dials while something is live; the last
// one repeats.
var liveDelays = []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second}

// dialer opens a session to a peer: it finds the peer, dials it and tells how
// far it is. The session comes by itself, as every session does.
type dialer interface {
	Dial(ctx context.Context, p protocol.PeerID, stage func(invitation.Progress)) error
}

// peerState is what the switchboard knows of another peer while it has
// something to do with it.
type peerState struct {
	id       protocol.PeerID
	entries  map[protocol.ID]*entry
	sessions map[session]protocol.Instant // since when each is up
	session  session                      // the one to write on; nil: none
	path     invitation.Path
	reached  reached
	// heard and since outlive the sessions they were read on.
	heard, since protocol.Instant

	remotes int // RemoteInvitations from this peer that are live or owe
	needs   int // forms for which a session is needed

	tries   int // dials since something was last read from the peer
	live    int // forms that were live when it was last served
	timer   timer
	cancel  context.CancelFunc // of the running dial; nil: none
	dialing int                // number of the running dial
	dialAt  protocol.Instant   // when it began
	spared  int                // number of the dial that is not cut for a new form
}

func (sb *switchboard) peer(id protocol.PeerID) *peerState {
	p := sb.peers[id]
	if p == nil {
		p = &peerState{id: id, entries: map[protocol.ID]*entry{}, sessions: map[session]protocol.Instant{}}
		p.timer.fire = func(t *turn) { p.dial(t) }
		sb.peers[id] = p
	}
	return p
}

// link is what the machines may know of the connection.
func (p *peerState) link() invitation.Link {
	l := invitation.Link{Writable: p.session != nil, Path: p.path, LastHeard: p.heard, HeardSince: p.since}
	for s := range p.sessions {
		last, since := s.Heard()
		if last != 0 {
			l.Open = true
		}
		if last > l.LastHeard {
			l.LastHeard, l.HeardSince = last, since
		}
	}
	return l
}

// waiting is how many live forms wait for the peer.
func (p *peerState) waiting() (n int) {
	for _, e := range p.entries {
		if e.machine.Live() {
			n++
		}
	}
	return n
}

// serve gives the peer what its forms need: beats on its sessions, a dial where
// there is none, or nothing any more.
func (p *peerState) serve(t *turn) {
	sb := t.sb
	if p.needs == 0 {
		p.rest(sb)
		return
	}
	for s := range p.sessions {
		s.SetLive(true)
	}
	if len(p.sessions) > 0 || sb.dialer == nil {
		sb.timers.set(&p.timer, 0)
		return
	}
	before := p.live
	p.live = p.waiting()
	if p.live > before || p.live == 0 && before > 0 {
		p.tries = 0
		sb.timers.set(&p.timer, 0)
	}
	if p.live > before && p.cancel != nil {
		p.renew(t.now.Clock)
	}
	if p.cancel == nil && p.timer.index == 0 {
		sb.timers.set(&p.timer, t.now.Clock.Add(p.delay()))
		if p.delay() == 0 {
			sb.timers.set(&p.timer, 0)
			p.dial(t)
		}
	}
}

// rest lets go of a peer that nothing is to be said to.
func (p *peerState) rest(sb *switchboard) {
	p.stopDial()
	sb.timers.set(&p.timer, 0)
	p.tries, p.live = 0, 0
	for s := range p.sessions {
		s.SetLive(false)
	}
	if len(p.sessions) == 0 && len(p.entries) == 0 && p.cancel == nil {
		delete(sb.peers, p.id)
	}
}

// delay is the wait before the next dial.
func (p *peerState) delay() time.Duration {
	if p.live > 0 {
		return liveDelays[min(p.tries, len(liveDelays)-1)]
	}
	d := owedFirst
	for range p.tries {
		if d *= 2; d >= owedLast {
			return owedLast
		}
	}
	return d
}

// renew cuts an attempt that began before the last form came, so that the next
// one begins at once: this one may have asked its sources when they did not know
// the peer, and libp2p does not try an address again that failed in it. What was
// begun for a new form is spared, or many forms would starve each other.
func (p *peerState) renew(now protocol.Instant) {
	if p.dialing > p.spared && now >= p.dialAt.Add(dialFresh) {
		p.spared = p.dialing + 1
		p.cancel()
	}
}

// dial starts one attempt on a goroutine of its own.
func (p *peerState) dial(t *turn) {
	sb := t.sb
	if p.cancel != nil || len(p.sessions) > 0 || sb.dialer == nil || p.needs == 0 {
		return
	}
	p.tries++
	p.dialing++
	p.dialAt = t.now.Clock
	number, d := p.dialing, sb.dialer
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	ctx = withWay(ctx, p.watch(sb))
	sb.dials.Add(1)
	sb.spawn(p.id, func() {
		defer sb.dials.Done()
		ctx, end := context.WithTimeout(ctx, dialAttempt)
		defer end()
		err := d.Dial(ctx, p.id, func(stage invitation.Progress) {
			sb.post(func(t *turn) { p.staged(t, stage) })
		})
		sb.post(func(t *turn) { p.dialed(t, number, err) })
	})
}

// staged tells the forms that wait for this dial how far it is.
func (p *peerState) staged(t *turn, stage invitation.Progress) {
	for _, e := range all(p.entries) {
		t.step(e, invitation.Stage{Progress: stage})
	}
}

func (p *peerState) dialed(t *turn, number int, err error) {
	if number != p.dialing || p.cancel == nil {
		return
	}
	p.stopDial()
	if err != nil {
		log.Debugw("dial", "peer", short(p.id), "try", p.tries, "err", err)
	}
	t.consider(p)
}

func (p *peerState) stopDial() {
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
}

// short is a peer ID as logs show it.
func short(p protocol.PeerID) string {
	if len(p) <= 8 {
		return string(p)
	}
	return "…" + string(p[len(p)-8:])
}
