package node

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
)

// simPeers are the IDs of the devices.
var simPeers = func() (ids [6]peer.ID) {
	for i := range ids {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i)
		key, err := crypto.UnmarshalEd25519PublicKey(ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
		if err != nil {
			panic(err)
		}
		if ids[i], err = peer.IDFromPublicKey(key); err != nil {
			panic(err)
		}
	}
	return ids
}()

// simLink is one direction between two devices.
type simLink struct {
	latency, jitter time.Duration
	loss            int           // percent of the chunks that must be sent again
	cut             time.Duration // nothing gets through until then
}

func (w *simWorld) link(from, to *simDevice) *simLink { return w.links[[2]int{from.n, to.n}] }

// open reports whether something sent now arrives.
func (w *simWorld) open(from, to *simDevice) bool { return w.now >= w.link(from, to).cut }

// delay is the way of one chunk; what is lost is sent again and again.
func (w *simWorld) delay(l *simLink) time.Duration {
	d := l.latency + w.between(0, l.jitter)
	for rto := 200 * time.Millisecond; w.chance(l.loss); rto *= 2 {
		w.fault("loss")
		d += rto
	}
	return d
}

// simConn is one end of a connection, as libp2p shows it to a session.
type simConn struct {
	network.Conn
	d, remote *simDevice
	life      int
	number    int
	quic      bool // nobody is told when a process dies
	limited   bool
	closed    bool
	lost      bool // it carries nothing any more
	other     *simConn
	streams   []*simStream
}

func (c *simConn) LocalPeer() peer.ID  { return c.d.peer }
func (c *simConn) RemotePeer() peer.ID { return c.remote.peer }
func (c *simConn) IsClosed() bool      { return c.closed }
func (c *simConn) Stat() network.ConnStats {
	return network.ConnStats{Stats: network.Stats{Limited: c.limited}}
}

// stands reports whether the process that has this end still has it.
func (c *simConn) stands() bool { return !c.closed && c.d.up && c.life == c.d.life }

// Close closes this end; the other one hears of it if the network lets it.
func (c *simConn) Close() error {
	if c.stands() {
		c.end("closed")
		c.tellOther()
	}
	return nil
}

// end closes this end and breaks what is on it.
func (c *simConn) end(how string) {
	if !c.stands() {
		return
	}
	c.closed = true
	c.d.w.tracef("%s: connection %d with %s %s", c.d, c.number, c.remote, how)
	for _, s := range c.streams {
		if s.session != nil {
			s.session.Break(errors.New("the connection " + how))
		}
	}
}

// tellOther lets the other end learn that this one is no more: soon, or when its
// own patience is at an end.
func (c *simConn) tellOther() {
	w, o := c.d.w, c.other
	patience := w.between(30*time.Second, 43*time.Second)
	if w.open(c.d, c.remote) && w.now >= o.d.asleep {
		patience = w.delay(w.link(c.d, c.remote))
	}
	w.after(patience, func() { o.end("ended") })
}

// processDied is told of every connection of a process that was killed.
func (c *simConn) processDied(machine bool) {
	if c.closed {
		return
	}
	c.closed = true
	if c.quic || machine {
		w, o := c.d.w, c.other
		w.after(w.between(30*time.Second, 43*time.Second), func() { o.end("timed out") })
		return
	}
	c.tellOther()
}

// simStream is one end of a stream: bytes in order, all of them, as long as the
// connection stands.
type simStream struct {
	network.Stream
	conn    *simConn
	other   *simStream
	session *stream.ByHand // nil: nothing came yet
	name    int
	queue   []simChunk // to this end, under way
	coming  bool       // the next arrival is planned
	last    time.Duration
	keepAt  time.Duration
	dead    bool // told to be over
}

type simChunk struct {
	at    time.Duration
	bytes []byte // nil: the end
	reset bool
	since time.Duration
}

func (s *simStream) Conn() network.Conn          { return s.conn }
func (s *simStream) SetDeadline(time.Time) error { return nil }
func (s *simStream) Close() error                { return nil }
func (s *simStream) CloseWrite() error           { s.send(simChunk{}); return nil }
func (s *simStream) ResetWithError(network.StreamErrorCode) error {
	s.send(simChunk{reset: true})
	return nil
}

// send puts a chunk on its way to the other end.
func (s *simStream) send(c simChunk) {
	if !s.conn.stands() {
		return
	}
	w, o := s.conn.d.w, s.other
	c.since = w.now
	c.at = max(w.now+w.delay(w.link(s.conn.d, s.conn.remote)), o.last+1)
	o.last = c.at
	o.queue = append(o.queue, c)
	o.expect(c.at - w.now)
}

func (s *simStream) expect(wait time.Duration) {
	if !s.coming {
		s.coming = true
		s.conn.d.w.after(wait, s.arrive)
	}
}

// arrive lets the first chunk of the queue in, if the network and the machine
// let it; else it is tried again, as transports do.
func (s *simStream) arrive() {
	w, d, from := s.conn.d.w, s.conn.d, s.conn.remote
	s.coming = false
	c := s.queue[0]
	switch {
	case !s.conn.stands():
		// The machine answers that there is no such connection.
		if !s.conn.quic && w.open(from, d) && w.open(d, from) && s.other.conn.stands() {
			o := s.other.conn
			w.after(w.delay(w.link(d, from)), func() { o.end("is refused") })
		}
		s.queue = nil
		return
	case !w.open(from, d) || w.now < d.asleep || s.conn.lost:
		if w.now-c.since > 40*time.Second {
			s.queue = nil
			s.other.conn.end("timed out")
			return
		}
		s.expect(w.between(100*time.Millisecond, 1500*time.Millisecond))
		return
	}
	s.queue = s.queue[1:]
	if len(s.queue) > 0 {
		defer func() { s.expect(s.queue[0].at - w.now) }()
	}
	s.take(c)
}

// take hands a chunk to the session, which begins with the first one.
func (s *simStream) take(c simChunk) {
	d := s.conn.d
	if s.session == nil {
		if c.bytes == nil || s.dead || d.transport == nil {
			return
		}
		h, err := d.transport.OpenByHand(s, false)
		if err != nil {
			s.dead = true
			s.send(simChunk{reset: true})
			return
		}
		s.session = h
		d.streams = append(d.streams, s)
	}
	switch {
	case s.dead: // nobody reads it any more
	case c.reset:
		s.session.Break(errors.New("the peer reset the stream"))
	case c.bytes == nil:
		s.session.Arrive(nil)
	default:
		d.hears(s.conn.remote, s, c.bytes)
		s.session.Arrive(c.bytes)
	}
}

func (s *simStream) String() string { return fmt.Sprintf("session %d", s.name) }

// simReceiver hands what happens on sessions to a switchboard, as uplink's does.
type simReceiver struct{ d *simDevice }

func (r simReceiver) SessionUp(s *stream.Session) { r.d.sb.sessionUp(s.PeerText(), s) }
func (r simReceiver) Current(s *stream.Session) {
	if r.d.diskNext {
		r.d.diskNext = false
		r.d.spoilDisk(r.d.w.between(time.Millisecond, 100*time.Millisecond))
	}
	path := invitation.PathDirect
	if s.Conn().Stat().Limited {
		path = invitation.PathRelayed
	}
	r.d.sb.current(s.PeerText(), s, path)
}
func (r simReceiver) Frame(s *stream.Session, m protocol.Message) { r.d.sb.frame(s.PeerText(), s, m) }
func (r simReceiver) DoneRead(s *stream.Session, ids []protocol.ID) {
	r.d.sb.doneRead(s.PeerText(), ids)
}
func (r simReceiver) SessionDown(s *stream.Session, err error) {
	r.d.sb.sessionDown(s.PeerText(), s, err)
}

// spawn takes the place of the goroutine of a dial.
func (d *simDevice) spawn(to protocol.PeerID, dial func()) {
	o := d.w.device(to)
	done := func(c *simConn, stages bool) { d.dialed = simDialed{c, stages}; dial() }
	d.after(d.w.between(0, 2*time.Millisecond), func() {
		if c := d.connected(o); c != nil {
			done(c, false)
			return
		}
		d.handshake(o, d.w.now+dialAttempt, done)
	})
}

// handshake tries to make a connection; its first packet is sent again and again
// until the attempt is over.
func (d *simDevice) handshake(o *simDevice, until time.Duration, done func(c *simConn, stages bool)) {
	w := d.w
	way := w.delay(w.link(d, o)) + w.delay(w.link(o, d))
	d.after(min(2*way, until-w.now), func() {
		switch {
		case d.transport == nil || w.now >= until:
			done(nil, true)
		case !w.open(d, o) || !w.open(o, d) || w.now < o.asleep || !o.machine:
			d.after(min(w.between(200*time.Millisecond, 800*time.Millisecond), until-w.now), func() { d.handshake(o, until, done) })
		case !o.up || o.transport == nil:
			done(nil, true) // refused
		default:
			done(w.connect(d, o), true)
		}
	})
}

// simDialed is what came of a dial, for the Dialer that is called next.
type simDialed struct {
	conn   *simConn
	stages bool
}

// Dial is the dialer of the switchboard: the way to the peer is known by now.
func (d *simDevice) Dial(ctx context.Context, _ protocol.PeerID, stage func(invitation.Progress)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.dialed.stages {
		stage(invitation.ProgressLocating)
		stage(invitation.ProgressConnecting)
	}
	c := d.dialed.conn
	if c == nil || !c.stands() || d.transport == nil {
		return errors.New("nobody there")
	}
	w := d.w
	w.conns++
	near, far := &simStream{conn: c, name: w.conns}, &simStream{conn: c.other, name: w.conns}
	near.other, far.other = far, near
	c.streams, c.other.streams = append(c.streams, near), append(c.other.streams, far)
	h, err := d.transport.OpenByHand(near, true)
	if err != nil {
		return err
	}
	near.session = h
	d.streams = append(d.streams, near)
	w.tracef("%s: opens %s with %s on connection %d", d, near, c.remote, c.number)
	return nil
}

// connected returns the connection to open a session on, as best does.
func (d *simDevice) connected(o *simDevice) (found *simConn) {
	for _, c := range d.conns {
		if c.remote == o && c.stands() && (found == nil || !c.limited || found.limited) {
			found = c
		}
	}
	return found
}

func (w *simWorld) connect(a, b *simDevice) *simConn {
	w.conns++
	quic, limited := w.chance(60), w.chance(15)
	near := &simConn{d: a, remote: b, life: a.life, number: w.conns, quic: quic, limited: limited}
	far := &simConn{d: b, remote: a, life: b.life, number: w.conns, quic: quic, limited: limited, other: near}
	near.other = far
	a.conns, b.conns = append(a.conns, near), append(b.conns, far)
	w.tracef("%s: connection %d to %s", a, w.conns, b)
	b.sb.peerConnected(a.name)
	return near
}
