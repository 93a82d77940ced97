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
	urgent  bool
	timer   timer
	cancel  context.CancelFunc // of the running dial; nil: none
	dialing int                // number of the running dial
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

// isUrgent reports whether something live waits for the peer.
func (p *peerState) isUrgent() bool {
	for _, e := range p.entries {
		if e.machine.Live() {
			return true
		}
	}
	return false
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
	if urgent := p.isUrgent(); urgent != p.urgent {
		p.urgent, p.tries = urgent, 0
		sb.timers.set(&p.timer, 0)
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
	p.tries, p.urgent = 0, false
	for s := range p.sessions {
		s.SetLive(false)
	}
	if len(p.sessions) == 0 && len(p.entries) == 0 && p.cancel == nil {
		delete(sb.peers, p.id)
	}
}

// delay is the wait before the next dial.
func (p *peerState) delay() time.Duration {
	if p.urgent {
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

// dial starts one attempt on a goroutine of its own.
func (p *peerState) dial(t *turn) {
	sb := t.sb
	if p.cancel != nil || len(p.sessions) > 0 || sb.dialer == nil || p.needs == 0 {
		return
	}
	p.tries++
	p.dialing++
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
