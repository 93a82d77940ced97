package apart

import (
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/scripts/netns"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		os.Stderr.WriteString(err.Error() + "\n")
		code = 1
	}
	os.Exit(code)
}

// apartFrom are two machines with a relay and an echo on the second one, UDP and
// TCP, at port 4002.
func apartFrom(t *testing.T) (*Machine, *Relay) {
	t.Helper()
	a, err := NewMachine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	b, err := NewMachine()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	var udp *net.UDPConn
	b.Do(func() { udp, err = net.ListenUDP("udp4", loopback(4002)) })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFromUDP(b)
			if err != nil {
				return
			}
			udp.WriteToUDP(append(b[:n:n], '!'), from)
		}
	}()
	t.Cleanup(func() { udp.Close(); <-done })
	r, err := NewRelay(a, b, 4001, 4002)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return a, r
}

// TestOnlyWay: the daemon's address on the other machine leads to it through the
// relay, and nowhere in bad weather.
func TestOnlyWay(t *testing.T) {
	if !netns.Run(t) {
		return
	}
	a, r := apartFrom(t)
	var c *net.UDPConn
	var err error
	a.Do(func() { c, err = net.DialUDP("udp4", loopback(4001), loopback(4002)) })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	echo := func(patience time.Duration) (string, time.Duration) {
		t.Helper()
		start := time.Now()
		if _, err := c.Write([]byte("beckon")); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		n, _ := c.Read(b)
		return string(b[:n]), time.Since(start)
	}
	if got, _ := echo(10 * time.Second); got != "beckon!" {
		t.Fatalf("fair: %q", got)
	}
	for _, w := range []Weather{{Cut: true}, {Drop: 1}} {
		r.Set(w)
		if got, _ := echo(100 * time.Millisecond); got != "" {
			t.Errorf("%v: %q", w, got)
		}
	}
	r.Set(Weather{Delay: 50 * time.Millisecond})
	if got, took := echo(10 * time.Second); got != "beckon!" || took < 100*time.Millisecond {
		t.Errorf("slow: %q after %v", got, took)
	}
	if n := r.Counts(); n.Passed != 4 || n.Dropped != 2 || n.Delayed != 2 {
		t.Errorf("counted %+v", n)
	}
	// Another port of the other machine is not to be reached, by nobody.
	a.Do(func() {
		if c, err := net.DialTimeout("tcp4", "127.0.0.1:4003", time.Second); err == nil {
			c.Close()
			t.Error("there is a way beside the relay")
		}
	})
}

// TestStreams: TCP goes through whole, waits while the way is cut, and breaks when
// the relay is told to break it.
func TestStreams(t *testing.T) {
	if !netns.Run(t) {
		return
	}
	a, r := apartFrom(t)
	var l net.Listener
	var c net.Conn
	var err error
	r.sides[1].machine.Do(func() { l, err = net.Listen("tcp4", "127.0.0.1:4002") })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a.Do(func() { c, err = net.Dial("tcp4", "127.0.0.1:4002") })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	there, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer there.Close()
	read := func(patience time.Duration) string {
		there.SetReadDeadline(time.Now().Add(patience))
		b := make([]byte, 100)
		n, _ := there.Read(b)
		return string(b[:n])
	}
	c.Write([]byte("one"))
	if got := read(10 * time.Second); got != "one" {
		t.Errorf("fair: %q", got)
	}
	r.Set(Weather{Cut: true})
	c.Write([]byte("two"))
	if got := read(100 * time.Millisecond); got != "" {
		t.Errorf("cut: %q", got)
	}
	r.Set(Weather{})
	if got := read(10 * time.Second); got != "two" {
		t.Errorf("fair again: %q", got)
	}
	r.Reset()
	there.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := there.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("reset: %v", err)
	}
}
