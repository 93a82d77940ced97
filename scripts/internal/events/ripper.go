package main

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// ripper stands before a socket and tears connections after a random number of
// bytes, or after a while, so that whoever uses it sees a bad network.
type ripper struct {
	listener net.Listener
	to       string
	left     int // connections to tear
	rng      *rand.Rand
	tasks    sync.WaitGroup

	mu    sync.Mutex
	torn  int
	conns map[net.Conn]struct{}
}

func newRipper(socket, to string, tear int, rng *rand.Rand) (*ripper, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	r := &ripper{listener: l, to: to, left: tear, rng: rng, conns: map[net.Conn]struct{}{}}
	r.tasks.Go(r.accept)
	return r, nil
}

func (r *ripper) ripped() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.torn
}

func (r *ripper) close() {
	r.listener.Close()
	r.mu.Lock()
	for c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.tasks.Wait()
}

func (r *ripper) accept() {
	for {
		in, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		r.mu.Lock()
		r.conns[in] = struct{}{}
		bytes, long := int64(1)<<40, time.Hour
		if r.torn < r.left {
			bytes, long = 1+r.rng.Int64N(6000), time.Duration(r.rng.Int64N(int64(150*time.Millisecond)))
		}
		r.mu.Unlock()
		r.tasks.Go(func() { r.carry(in, bytes, long) })
	}
}

// carry carries that many bytes of the answer, and tears.
func (r *ripper) carry(in net.Conn, bytes int64, long time.Duration) {
	defer func() {
		in.Close()
		r.mu.Lock()
		delete(r.conns, in)
		r.mu.Unlock()
	}()
	out, err := net.Dial("unix", r.to)
	if err != nil {
		return // the daemon is away
	}
	defer out.Close()
	r.tasks.Go(func() {
		_, _ = io.Copy(out, in) // ends with either
		out.Close()
	})
	late := time.AfterFunc(long, func() { out.Close() })
	n, err := io.CopyN(in, out, bytes)
	if early := late.Stop(); n == bytes || err != nil && !early {
		r.mu.Lock()
		r.torn++
		r.mu.Unlock()
	}
}
