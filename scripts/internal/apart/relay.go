package apart

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Weather is how the network between two machines is. The zero value is fair.
type Weather struct {
	Cut    bool          // nothing passes; nobody is told
	Drop   float64       // of UDP packets; a TCP segment so unlucky comes late
	Delay  time.Duration // one way
	Jitter time.Duration // up to that much more; UDP overtakes itself
}

func (w Weather) String() string {
	if w.Cut {
		return "cut"
	}
	return fmt.Sprintf("drop %.0f %%, delay %v to %v", 100*w.Drop, w.Delay, w.Delay+w.Jitter)
}

// retransmit is how late a TCP segment comes that was lost once.
const retransmit = 200 * time.Millisecond

// Counts is what has come to a relay.
type Counts struct{ Passed, Dropped, Delayed, Streams int64 }

// Relay is what lies between two machines. The daemon of each has one port, for
// UDP and TCP.
type Relay struct {
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup
	sides [2]*side

	mu      sync.Mutex
	weather Weather
	changed chan struct{} // closed and replaced when the weather changes
	conns   map[net.Conn]struct{}

	passed, dropped, delayed, streams atomic.Int64
}

// side is the relay's half on one machine.
type side struct {
	relay   *Relay
	other   *side
	machine *Machine
	daemon  int // port of the daemon here

	mu  sync.Mutex
	udp map[int]*net.UDPConn // by the port on the other machine that it stands for
}

// maxPorts bounds the ports that a daemon may send from.
const maxPorts = 64

// NewRelay joins two machines whose daemons have, or will have, these ports. They
// must differ.
func NewRelay(a, b *Machine, portA, portB int) (*Relay, error) {
	ctx, stop := context.WithCancel(context.Background())
	r := &Relay{ctx: ctx, stop: stop, changed: make(chan struct{}), conns: map[net.Conn]struct{}{}}
	sa := &side{relay: r, machine: a, daemon: portA, udp: map[int]*net.UDPConn{}}
	sb := &side{relay: r, machine: b, daemon: portB, udp: map[int]*net.UDPConn{}, other: sa}
	sa.other = sb
	r.sides = [2]*side{sa, sb}
	for _, s := range r.sides {
		if _, err := s.port(s.other.daemon); err != nil {
			r.Close()
			return nil, err
		}
		if err := s.listen(); err != nil {
			r.Close()
			return nil, err
		}
	}
	return r, nil
}

// Set changes the weather.
func (r *Relay) Set(w Weather) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.weather = w
	close(r.changed)
	r.changed = make(chan struct{})
}

// now returns the weather and a channel that is closed when it changes.
func (r *Relay) now() (Weather, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.weather, r.changed
}

// Reset breaks the TCP connections that stand.
func (r *Relay) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

// Counts returns what has come so far: UDP packets and TCP segments.
func (r *Relay) Counts() Counts {
	return Counts{r.passed.Load(), r.dropped.Load(), r.delayed.Load(), r.streams.Load()}
}

// Close ends the relay and waits for all that belongs to it.
func (r *Relay) Close() {
	r.stop()
	for _, s := range r.sides {
		s.mu.Lock()
		for _, c := range s.udp {
			c.Close()
		}
		s.mu.Unlock()
	}
	r.Reset()
	r.tasks.Wait()
}

func loopback(port int) *net.UDPAddr {
	return &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
}

// port returns the UDP socket here that stands for a port of the other machine.
func (s *side) port(there int) (*net.UDPConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.udp[there]; c != nil {
		return c, nil
	}
	if len(s.udp) >= maxPorts {
		return nil, fmt.Errorf("a daemon sends from more than %d ports", maxPorts)
	}
	if s.relay.ctx.Err() != nil {
		return nil, s.relay.ctx.Err()
	}
	var c *net.UDPConn
	var err error
	s.machine.Do(func() { c, err = net.ListenUDP("udp4", loopback(there)) })
	if err != nil {
		return nil, err
	}
	s.udp[there] = c
	s.relay.tasks.Go(func() { s.carry(c, there) })
	return c, nil
}

// carry takes what is sent here to a port of the other machine over to there.
func (s *side) carry(c *net.UDPConn, to int) {
	b := make([]byte, 64<<10)
	for {
		n, from, err := c.ReadFromUDP(b)
		if s.relay.ctx.Err() != nil {
			return
		}
		if err != nil {
			continue // of an earlier packet, that nobody took
		}
		wait, ok := s.relay.fate()
		if !ok {
			continue
		}
		out, err := s.other.port(from.Port)
		if err != nil {
			continue
		}
		if wait == 0 {
			_, _ = out.WriteToUDP(b[:n], loopback(to)) // packets may be lost
			continue
		}
		packet := append([]byte(nil), b[:n]...)
		s.relay.tasks.Go(func() {
			if s.relay.wait(wait) {
				_, _ = out.WriteToUDP(packet, loopback(to)) // as above
			}
		})
	}
}

// fate decides on a packet.
func (r *Relay) fate() (wait time.Duration, passes bool) {
	w, _ := r.now()
	if w.Cut || w.Drop > 0 && rand.Float64() < w.Drop {
		r.dropped.Add(1)
		return 0, false
	}
	r.passed.Add(1)
	return r.late(w), true
}

func (r *Relay) late(w Weather) time.Duration {
	wait := w.Delay
	if w.Jitter > 0 {
		wait += rand.N(w.Jitter)
	}
	if wait > 0 {
		r.delayed.Add(1)
	}
	return wait
}

func (r *Relay) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}
