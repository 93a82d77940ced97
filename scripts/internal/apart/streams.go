package apart

import (
	"errors"
	"math/rand/v2"
	"net"
	"time"
)

// listen takes TCP connections here for the daemon of the other machine.
func (s *side) listen() error {
	var l *net.TCPListener
	var err error
	addr := loopback(s.other.daemon)
	s.machine.Do(func() { l, err = net.ListenTCP("tcp4", &net.TCPAddr{IP: addr.IP, Port: addr.Port}) })
	if err != nil {
		return err
	}
	s.relay.tasks.Go(func() {
		<-s.relay.ctx.Done()
		l.Close()
	})
	s.relay.tasks.Go(func() {
		for {
			in, err := l.Accept()
			switch {
			case err == nil:
				s.relay.tasks.Go(func() { s.join(in.(*net.TCPConn)) })
			case s.relay.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
				return
			}
		}
	})
	return nil
}

// join connects to the daemon of the other machine, once there is a way, and
// carries both directions until one ends.
func (s *side) join(in *net.TCPConn) {
	r := s.relay
	r.streams.Add(1)
	if !r.keep(in) {
		return
	}
	defer r.drop(in)
	if !r.clear() {
		return
	}
	var c net.Conn
	var err error
	addr := loopback(s.other.daemon)
	s.other.machine.Do(func() { c, err = net.DialTCP("tcp4", nil, &net.TCPAddr{IP: addr.IP, Port: addr.Port}) })
	if err != nil || !r.keep(c) {
		return
	}
	defer r.drop(c)
	done := make(chan struct{})
	go func() { defer close(done); r.pump(in, c) }()
	r.pump(c, in)
	in.Close()
	c.Close()
	<-done
}

func (r *Relay) keep(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = struct{}{}
	if r.ctx.Err() != nil {
		c.Close()
		delete(r.conns, c)
		return false
	}
	return true
}

func (r *Relay) drop(c net.Conn) {
	c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
}

// clear waits until the way is not cut.
func (r *Relay) clear() bool {
	for {
		w, changed := r.now()
		if !w.Cut {
			return true
		}
		select {
		case <-changed:
		case <-r.ctx.Done():
			return false
		}
	}
}

// segment is what was read at once, and when it is to be written.
type segment struct {
	data []byte
	due  time.Time
	last bool // the end of the stream, which must travel too
}

// pump carries one direction, in order and each segment in its time, until an end
// closes.
func (r *Relay) pump(to, from net.Conn) {
	way := make(chan segment, 256)
	done := make(chan struct{})
	go func() { defer close(done); r.deliver(to, from, way) }()
	for {
		b := make([]byte, 16<<10)
		n, err := from.Read(b)
		w, _ := r.now()
		s := segment{data: b[:n], due: time.Now().Add(r.late(w)), last: err != nil}
		if w.Drop > 0 && rand.Float64() < w.Drop {
			r.dropped.Add(1)
			s.due = s.due.Add(retransmit)
		}
		way <- s
		if err != nil {
			break
		}
	}
	close(way)
	<-done
}

// deliver takes everything off the way, also when nobody wants it any more.
func (r *Relay) deliver(to, from net.Conn, way <-chan segment) {
	broken := false
	for s := range way {
		broken = broken || !r.wait(time.Until(s.due)) || !r.clear()
		if !broken && len(s.data) > 0 {
			r.passed.Add(1)
			_, err := to.Write(s.data)
			broken = err != nil
		}
		if broken {
			from.Close()
		}
		if broken || s.last {
			to.Close()
		}
	}
}
