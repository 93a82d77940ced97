package wire

import (
	"container/heap"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Link is what a port does to packets, in each direction.
type Link struct {
	Delay  time.Duration
	Jitter time.Duration // at most so much more or less; may re-order
	Loss   float64       // share of packets, 0 to 1
	Rate   int           // bits a second; 0: no bound
	Cut    bool          // everything is lost, silently
}

const (
	// maxPacket is more than any link here carries at once.
	maxPacket = 16 << 10
	// maxWait is how long a packet waits for a link with a rate before it is lost.
	maxWait = 200 * time.Millisecond
	// notUp is how long a device that is not up yet is left alone.
	notUp = 5 * time.Millisecond
)

// Port is one end of a cable: a device, and the network that it is plugged into.
type Port struct {
	device  io.ReadWriteCloser
	wake    chan struct{}
	closing chan struct{}
	closed  sync.Once
	running sync.WaitGroup
	lost    atomic.Int64
	carried atomic.Int64

	mu      sync.Mutex // guards the rest
	network *Network
	link    Link
	dice    *rand.Rand
	out, in time.Time // when a link with a rate is free again
	queue   packets
	order   uint64
}

// Plug connects a device to a network. seed decides which packets are lost.
func Plug(n *Network, device io.ReadWriteCloser, seed uint64, link Link) *Port {
	p := &Port{device: device, wake: make(chan struct{}, 1), closing: make(chan struct{}),
		network: n, link: link, dice: rand.New(rand.NewPCG(seed, 0))}
	n.join(p)
	p.running.Go(p.read)
	p.running.Go(p.deliver)
	return p
}

// Move plugs the port into another network.
func (p *Port) Move(n *Network) {
	p.mu.Lock()
	old := p.network
	p.network = n
	p.mu.Unlock()
	old.leave(p)
	n.join(p)
}

// Change changes the link from the next packet on; a cut takes those on their
// way too.
func (p *Port) Change(how func(*Link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how(&p.link)
}

// Lost returns how many packets were lost here.
func (p *Port) Lost() int64 { return p.lost.Load() }

// Carried returns how many packets were delivered to the device.
func (p *Port) Carried() int64 { return p.carried.Load() }

// Close takes the port away and closes its device.
func (p *Port) Close() {
	p.closed.Do(func() {
		p.mu.Lock()
		n := p.network
		p.mu.Unlock()
		n.leave(p)
		close(p.closing)
		_ = p.device.Close() // what fails here is gone anyway
	})
	p.running.Wait()
}

// read takes what the device sends.
func (p *Port) read() {
	buf := make([]byte, maxPacket)
	for {
		n, err := p.device.Read(buf)
		switch {
		case err == nil:
			p.send(append([]byte(nil), buf[:n]...))
		case errors.Is(err, os.ErrClosed) || errors.Is(err, io.EOF):
			return
		case !p.pause(notUp):
			return
		}
	}
}

// pause returns false if the port closes meanwhile.
func (p *Port) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.closing:
		return false
	}
}

// send carries a packet over both cables. Packets are never changed, so that
// many receivers can share one.
func (p *Port) send(b []byte) {
	p.mu.Lock()
	n := p.network
	at, ok := p.cross(time.Now(), &p.out, len(b))
	p.mu.Unlock()
	if !ok {
		return
	}
	for _, to := range n.targets(p, b) {
		to.take(at, b)
	}
}

// take queues a packet that reaches this cable at a time.
func (p *Port) take(at time.Time, b []byte) {
	p.mu.Lock()
	at, ok := p.cross(at, &p.in, len(b))
	first := false
	if ok {
		p.order++
		heap.Push(&p.queue, packet{at, p.order, b})
		first = p.queue[0].order == p.order
	}
	p.mu.Unlock()
	if first {
		select {
		case p.wake <- struct{}{}:
		default:
		}
	}
}

// cross returns when a packet that enters the cable at a time leaves it, unless
// it is lost. It is called with the lock held.
func (p *Port) cross(at time.Time, free *time.Time, size int) (time.Time, bool) {
	l := p.link
	if l.Cut || l.Loss > 0 && p.dice.Float64() < l.Loss {
		p.lost.Add(1)
		return at, false
	}
	if l.Rate > 0 {
		start := at
		if free.After(at) {
			start = *free
		}
		if start.Sub(at) > maxWait {
			p.lost.Add(1)
			return at, false
		}
		at = start.Add(time.Duration(size) * 8 * time.Second / time.Duration(l.Rate))
		*free = at
	}
	at = at.Add(l.Delay)
	if l.Jitter > 0 {
		at = at.Add(time.Duration((2*p.dice.Float64() - 1) * float64(l.Jitter)))
	}
	return at, true
}

// deliver hands packets to the device when their time has come.
func (p *Port) deliver() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due, wait := p.due(time.Now())
		for _, b := range due {
			if _, err := p.device.Write(b); err != nil {
				p.lost.Add(1) // the link is down
			} else {
				p.carried.Add(1)
			}
		}
		if len(due) > 0 {
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.closing:
			return
		}
	}
}

// due returns the packets whose time has come, or how long to wait for one.
func (p *Port) due(now time.Time) (all [][]byte, wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 && !p.queue[0].at.After(now) {
		b := heap.Pop(&p.queue).(packet).data
		if p.link.Cut {
			p.lost.Add(1)
			continue
		}
		all = append(all, b)
	}
	if len(p.queue) == 0 {
		return all, time.Hour
	}
	return all, p.queue[0].at.Sub(now)
}

type packet struct {
	at    time.Time
	order uint64
	data  []byte
}

// packets is a heap, the next one to leave first.
type packets []packet

func (q packets) Len() int { return len(q) }
func (q packets) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].order < q[j].order
}
func (q packets) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *packets) Push(x any)   { *q = append(*q, x.(packet)) }
func (q *packets) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	(*q)[last] = packet{}
	*q = (*q)[:last]
	return x
}
