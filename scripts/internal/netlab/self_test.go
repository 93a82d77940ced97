//go:build linux

package netlab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/scripts/internal/wire"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

// needLab runs the calling top-level test in a network of its own and returns
// true there, if a laboratory can be there.
func needLab(t *testing.T, env ...string) bool {
	t.Helper()
	if !netns.Run(t, env...) {
		return false
	}
	if err := Possible(); err != nil {
		t.Skip("no laboratory here:", err)
	}
	return true
}

// patience bounds what must come; silence is how long nothing must come. It is
// five round trips.
const (
	patience = 10 * time.Second
	silence  = 300 * time.Millisecond
)

// bench is a laboratory for the tests of the laboratory itself.
type bench struct {
	t *testing.T
	*Lab
	one, two *Host // public, with mirrors
}

func newBench(t *testing.T) *bench {
	t.Helper()
	l := New(7)
	t.Cleanup(l.Close)
	b := &bench{t: t, Lab: l}
	b.one, b.two = b.mirror(), b.mirror()
	return b
}

func must[T any](t *testing.T, what T, err error) T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return what
}

func (b *bench) home(kind Kind) *Home {
	b.t.Helper()
	h, err := b.Home(kind)
	return must(b.t, h, err)
}

// port is where the mirrors listen, and what all devices send from.
const port = 4001

// socket opens a UDP socket on a host.
func (b *bench) socket(h *Host) *net.UDPConn {
	b.t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(unspecified(h.Addr), port)))
		return err
	})
	b.t.Cleanup(func() {
		if c != nil {
			c.Close()
		}
	})
	return must(b.t, c, err)
}

// mirror adds a public host that tells everybody who writes to it how it sees
// them.
func (b *bench) mirror() *Host {
	b.t.Helper()
	h, err := b.Public()
	must(b.t, h, err)
	c := b.socket(h)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 100)
		for {
			_, from, err := c.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			seen := netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
			_, _ = c.WriteToUDPAddrPort([]byte(seen.String()), from) // a lost answer is seen
		}
	}()
	b.t.Cleanup(func() { c.Close(); <-done })
	return h
}

// ask returns how a mirror sees a socket, and how long that took; "" if no
// answer came in time.
func (b *bench) ask(c *net.UDPConn, mirror *Host, wait time.Duration) (string, time.Duration) {
	b.t.Helper()
	start := time.Now()
	if _, err := c.WriteToUDPAddrPort([]byte("?"), netip.AddrPortFrom(mirror.Addr, port)); err != nil {
		return "", 0
	}
	text, _ := b.read(c, wait)
	return text, time.Since(start)
}

func (b *bench) read(c *net.UDPConn, wait time.Duration) (string, netip.AddrPort) {
	b.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(wait)); err != nil {
		b.t.Fatal(err)
	}
	buf := make([]byte, 100)
	n, from, err := c.ReadFromUDPAddrPort(buf)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "", from
	} else if err != nil {
		b.t.Fatal(err)
	}
	return string(buf[:n]), from
}

// TestLab: delays, losses and cuts are those that were asked for, and the
// homes are what their kinds say, as two public hosts see it.
func TestLab(t *testing.T) {
	if !needLab(t) {
		return
	}
	t.Run("delay", func(t *testing.T) { t.Parallel(); testDelay(t) })
	t.Run("loss", func(t *testing.T) { t.Parallel(); testLoss(t) })
	t.Run("cut", func(t *testing.T) { t.Parallel(); testCut(t) })
	t.Run("lan", func(t *testing.T) { t.Parallel(); testLAN(t) })
	t.Run("moves", func(t *testing.T) { t.Parallel(); testMoves(t) })
	t.Run("ipv6", func(t *testing.T) { t.Parallel(); testIPv6(t) })
	for _, kind := range Kinds {
		t.Run(string(kind), func(t *testing.T) { t.Parallel(); testKind(t, kind) })
	}
}

// between checks a round trip. The upper end is for busy machines.
func between(t *testing.T, what string, took, low time.Duration) {
	t.Helper()
	if high := low + 100*time.Millisecond; took < low || took > high {
		t.Errorf("%s: %v, want %v to %v", what, took, low, high)
	}
}

func testDelay(t *testing.T) {
	b := newBench(t)
	h := b.home(EIM)
	c := b.socket(h.Devices[0])
	_, took := b.ask(c, b.one, patience)
	between(t, "home to public host", took, 60*time.Millisecond)
	_, took = b.ask(b.socketOn(b.one), b.two, patience)
	between(t, "public host to public host", took, 80*time.Millisecond)
	h.Uplink().Change(func(l *wire.Link) { l.Delay += 50 * time.Millisecond })
	_, took = b.ask(c, b.one, patience)
	between(t, "with a slower uplink", took, 160*time.Millisecond)
}

// socketOn is socket on a host whose port is taken.
func (b *bench) socketOn(h *Host) *net.UDPConn {
	b.t.Helper()
	var c *net.UDPConn
	err := h.Do(func() (err error) { c, err = net.ListenUDP("udp", nil); return err })
	b.t.Cleanup(func() { c.Close() })
	return must(b.t, c, err)
}

func testLoss(t *testing.T) {
	b := newBench(t)
	h := b.home(EIM)
	c := b.socket(h.Devices[0])
	h.Uplink().Change(func(l *wire.Link) { l.Loss = 0.2 })
	const sent = 500
	pace := time.NewTicker(time.Millisecond) // no queue overflows
	defer pace.Stop()
	for range sent {
		<-pace.C
		must(t, 0, second(c.WriteToUDPAddrPort([]byte("?"), netip.AddrPortFrom(b.one.Addr, port))))
	}
	came := 0
	for {
		if text, _ := b.read(c, silence); text == "" {
			break
		}
		came++
	}
	// A fifth is lost each way: 0.64 come back, 320 with a deviation of 11.
	if came < 260 || came > 380 {
		t.Errorf("%d of %d answers came, want about 320", came, sent)
	}
}

func second[T any](_ T, err error) error { return err }

func testCut(t *testing.T) {
	b := newBench(t)
	h := b.home(EIM)
	c := b.socket(h.Devices[0])
	h.Uplink().Change(func(l *wire.Link) { l.Cut = true })
	if text, _ := b.ask(c, b.one, silence); text != "" {
		t.Error("an answer came through a cut uplink")
	}
	h.Uplink().Change(func(l *wire.Link) { l.Cut = false })
	if text, _ := b.ask(c, b.one, patience); text == "" {
		t.Error("no answer came through the uplink that was mended")
	}
}

func testLAN(t *testing.T) {
	b := newBench(t)
	h, other := b.home(EIM), b.home(EIM)
	d, err := h.Device()
	near := b.socket(must(t, d, err))
	h.Uplink().Change(func(l *wire.Link) { l.Cut = true })
	first := b.socket(h.Devices[0])
	to := netip.AddrPortFrom(d.Addr, port)
	must(t, 0, second(first.WriteToUDPAddrPort([]byte("hello"), to)))
	if text, from := b.read(near, patience); text != "hello" || from.Addr().Unmap() != h.Devices[0].Addr {
		t.Errorf("on the LAN came %q from %v", text, from)
	}
	must(t, 0, second(b.socket(other.Devices[0]).WriteToUDPAddrPort([]byte("stray"), to)))
	if text, _ := b.read(near, silence); text != "" {
		t.Errorf("%q came from another LAN", text)
	}
}

func testMoves(t *testing.T) {
	b := newBench(t)
	from, to := b.home(EIM), b.home(EIM)
	d := from.Devices[0]
	c := b.socket(d)
	want := func(h *Home) {
		t.Helper()
		text, _ := b.ask(c, b.one, patience)
		if got, err := netip.ParseAddrPort(text); err != nil || got.Addr() != h.Public() {
			t.Errorf("seen as %q, want %v", text, h.Public())
		}
	}
	want(from)
	if err := to.Adopt(d); err != nil {
		t.Fatal(err)
	}
	want(to)
}

func testIPv6(t *testing.T) {
	l := New(8)
	l.IPv6 = true
	t.Cleanup(l.Close)
	b := &bench{t: t, Lab: l}
	b.one, b.two = b.mirror(), b.mirror()
	h := b.home(Firewall)
	c := b.socket(h.Devices[0])
	if text, _ := b.ask(c, b.one, patience); text != netip.AddrPortFrom(h.Devices[0].Addr, port).String() {
		t.Errorf("seen as %q", text)
	}
	if b.reaches(b.two, netip.AddrPortFrom(h.Devices[0].Addr, port), c) {
		t.Error("the firewall lets a stranger in")
	}
}

// reaches reports whether what a host sends to an address comes to a socket.
func (b *bench) reaches(from *Host, to netip.AddrPort, c *net.UDPConn) bool {
	b.t.Helper()
	must(b.t, 0, second(b.socketOn(from).WriteToUDPAddrPort([]byte("hello"), to)))
	text, _ := b.read(c, silence)
	return text == "hello"
}

func testKind(t *testing.T, kind Kind) {
	b := newBench(t)
	h := b.home(kind)
	c := b.socket(h.Devices[0])
	if kind == NoUDP {
		if text, _ := b.ask(c, b.one, silence); text != "" {
			t.Errorf("UDP passes, seen as %s", text)
		}
		testTCP(t, b, h)
		return
	}
	one, _ := b.ask(c, b.one, patience)
	two, _ := b.ask(c, b.two, patience)
	seen, err := netip.ParseAddrPort(one)
	if err != nil || seen.Addr() != h.Public() {
		t.Fatalf("seen as %q, want the address %v", one, h.Public())
	}
	if same := one == two; same != (kind != Sym) {
		t.Errorf("seen as %s and as %s", one, two)
	}
	// A stranger to the socket: another port of a host that it knows.
	if in := b.reaches(b.one, seen, c); in != (kind == Open || kind == Full) {
		t.Errorf("a stranger gets in: %v", in)
	}
	testTCP(t, b, h)
}

// testTCP: connections go out from every home.
func testTCP(t *testing.T, b *bench, h *Home) {
	var l net.Listener
	err := b.one.Do(func() (err error) { l, err = net.Listen("tcp4", ":0"); return err })
	must(t, l, err)
	defer l.Close()
	to := netip.AddrPortFrom(b.one.Addr, l.Addr().(*net.TCPAddr).AddrPort().Port())
	err = h.Devices[0].Do(func() error {
		c, err := net.DialTimeout("tcp4", to.String(), patience)
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		t.Error("TCP does not get out:", err)
	}
}
