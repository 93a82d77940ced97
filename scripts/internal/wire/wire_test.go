package wire

import (
	"io"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// device is a device whose user is the test.
type device struct {
	out    chan []byte // what the machine sends
	closed chan struct{}
	once   sync.Once

	mu   sync.Mutex
	came []arrival
}

type arrival struct {
	after time.Duration
	text  string
}

var _ io.ReadWriteCloser = (*device)(nil)

func newDevice() *device { return &device{out: make(chan []byte), closed: make(chan struct{})} }

func (d *device) Read(b []byte) (int, error) {
	select {
	case p := <-d.out:
		return copy(b, p), nil
	case <-d.closed:
		return 0, os.ErrClosed
	}
}

// begin is when every bubble begins.
var begin = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

func (d *device) Write(b []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.came = append(d.came, arrival{time.Since(begin), string(b[20:])})
	return len(b), nil
}

func (d *device) Close() error { d.once.Do(func() { close(d.closed) }); return nil }

// got returns what came until now, and forgets it.
func (d *device) got() []arrival {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.came
	d.came = nil
	return all
}

// internet is two machines, 52.1.0.1 and 52.2.0.1.
func internet(t *testing.T, one, two Link) (a, b *device, pa, pb *Port) {
	n := NewInternet()
	a, b = newDevice(), newDevice()
	pa, pb = Plug(n, a, 1, one), Plug(n, b, 2, two)
	n.Own(pa, netip.MustParseAddr("52.1.0.1"))
	n.Own(pb, netip.MustParseAddr("52.2.0.1"))
	t.Cleanup(func() { pa.Close(); pb.Close() })
	return a, b, pa, pb
}

// ip is an IPv4 packet to 52.N.9.9 with a payload.
func ip(to byte, text string) []byte {
	b := make([]byte, 20, 20+len(text))
	b[0] = 0x45
	copy(b[16:], []byte{52, to, 9, 9})
	return append(b, text...)
}

func pass(d time.Duration) { time.Sleep(d); synctest.Wait() }

func equal(t *testing.T, what string, got []arrival, want ...arrival) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, pa, _ := internet(t, Link{Delay: 10 * time.Millisecond}, Link{Delay: 20 * time.Millisecond})
		a.out <- ip(2, "x")
		pass(time.Millisecond)
		a.out <- ip(2, "y")
		a.out <- ip(3, "to nobody")
		a.out <- ip(1, "to itself")
		a.out <- []byte("rubbish")
		pass(time.Second)
		equal(t, "at the other", b.got(), arrival{30 * time.Millisecond, "x"}, arrival{31 * time.Millisecond, "y"})
		pa.Change(func(l *Link) { l.Delay = 0 })
		a.out <- ip(2, "z")
		pass(time.Second)
		equal(t, "on a quicker link", b.got(), arrival{1021 * time.Millisecond, "z"})
	})
}

// TestRate: 8000 bits a second are 50 packets of 20 bytes; one that would wait
// longer than 200 ms is lost.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, pa, _ := internet(t, Link{Rate: 8000}, Link{})
		for range 30 {
			a.out <- ip(2, "")
		}
		pass(time.Second)
		got := b.got()
		if len(got) != 11 || got[0].after != 20*time.Millisecond || got[10].after != 220*time.Millisecond || pa.Lost() != 19 {
			t.Errorf("%v came, %d were lost", got, pa.Lost())
		}
	})
}

func TestLossAndJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, pa, _ := internet(t, Link{Loss: 0.1, Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond}, Link{})
		for range 1000 {
			a.out <- ip(2, "")
		}
		pass(time.Second)
		got := b.got()
		if lost := 1000 - len(got); lost < 60 || lost > 140 || pa.Lost() != int64(lost) {
			t.Errorf("%d of 1000 were lost", lost)
		}
		first, last := got[0].after, got[len(got)-1].after
		if first < 5*time.Millisecond || last > 15*time.Millisecond || last-first < 8*time.Millisecond {
			t.Errorf("they came between %v and %v", first, last)
		}
	})
}

// TestCut: what is on its way is lost too.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, _, pb := internet(t, Link{}, Link{Delay: 10 * time.Millisecond})
		cut := func(c bool) { pb.Change(func(l *Link) { l.Cut = c }) }
		a.out <- ip(2, "before")
		pass(time.Millisecond)
		cut(true)
		a.out <- ip(2, "during")
		pass(time.Second)
		cut(false)
		a.out <- ip(2, "after")
		pass(time.Second)
		equal(t, "at the other", b.got(), arrival{1011 * time.Millisecond, "after"})
	})
}

func TestPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, pa, pb := internet(t, Link{}, Link{})
		pa.network.Part(pb, pa, true)
		a.out <- ip(2, "x")
		b.out <- ip(1, "y")
		synctest.Wait()
		pa.network.Part(pa, pb, false)
		a.out <- ip(2, "z")
		synctest.Wait()
		equal(t, "at the one", a.got())
		equal(t, "at the other", b.got(), arrival{0, "z"})
	})
}

// frame is an Ethernet frame, as long as an IP header.
func frame(to, from byte, text string) []byte {
	b := make([]byte, 20, 20+len(text))
	b[0], b[6] = to, from
	return append(b, text...)
}

// TestLAN: unknown addresses and groups go to all, known ones to their owner;
// a machine that is carried to another LAN is known there.
func TestLAN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, other := NewLAN(), NewLAN()
		a, b, c := newDevice(), newDevice(), newDevice()
		ports := []*Port{Plug(n, a, 1, Link{}), Plug(n, b, 2, Link{}), Plug(n, c, 3, Link{})}
		t.Cleanup(func() {
			for _, p := range ports {
				p.Close()
			}
		})
		at := func(text string) arrival { return arrival{0, text} }
		a.out <- frame(4, 2, "who")
		synctest.Wait()
		equal(t, "b", b.got(), at("who"))
		equal(t, "c", c.got(), at("who"))
		b.out <- frame(2, 4, "me")
		synctest.Wait()
		equal(t, "a", a.got(), at("me"))
		equal(t, "c", c.got())
		c.out <- frame(0xff, 6, "all")
		synctest.Wait()
		equal(t, "a", a.got(), at("all"))
		equal(t, "b", b.got(), at("all"))
		ports[1].Move(other)
		a.out <- frame(4, 2, "gone")
		b.out <- frame(2, 4, "far")
		synctest.Wait()
		equal(t, "a", a.got())
		equal(t, "b", b.got())
	})
}
