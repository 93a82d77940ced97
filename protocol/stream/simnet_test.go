package stream

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	libp2pquic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	"github.com/marcopolo/simnet"
	"github.com/quic-go/quic-go"
	"go.uber.org/fx"

	"github.com/beckon-p2p/beckon/protocol"
)

// oneWay is how long a packet is under way.
const oneWay = 25 * time.Millisecond

// simEnd is an end on a virtual network, whose packets out can be lost.
type simEnd struct {
	*end
	mute *atomic.Bool
}

// lossyConn loses what is sent while mute.
type lossyConn struct {
	net.PacketConn
	mute *atomic.Bool
}

func (c lossyConn) WriteTo(b []byte, to net.Addr) (int, error) {
	if c.mute.Load() {
		return len(b), nil
	}
	return c.PacketConn.WriteTo(b, to)
}

type fixedSource struct{ ip atomic.Pointer[net.IP] }

func (f *fixedSource) PreferredSourceIPForDestination(*net.UDPAddr) (net.IP, error) {
	return *f.ip.Load(), nil
}

func newSimHost(t *testing.T, nw *simnet.Simnet, n int, mute *atomic.Bool) *end {
	link := simnet.LinkSettings{BitsPerSecond: 50_000_000}
	source := &fixedSource{}
	reuse := func(l fx.Lifecycle, k quic.StatelessResetKey, g quic.TokenGeneratorKey, o ...quicreuse.Option) (*quicreuse.ConnManager, error) {
		cm, err := quicreuse.NewConnManager(k, g, o...)
		if err == nil {
			l.Append(fx.StopHook(cm.Close))
		}
		return cm, err
	}
	return newEnd(t, newHost(t, fmt.Sprintf("/ip4/%s/udp/8000/quic-v1", simnet.IntToPublicIPv4(n)),
		libp2p.Transport(libp2pquic.NewTransport),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.DisableRelay(),
		libp2p.QUICReuse(reuse,
			quicreuse.OverrideSourceIPSelector(func() (quicreuse.SourceIPSelector, error) { return source, nil }),
			quicreuse.OverrideListenUDP(func(_ string, addr *net.UDPAddr) (net.PacketConn, error) {
				source.ip.Store(&addr.IP)
				c := nw.NewEndpoint(addr, simnet.NodeBiDiLinkSettings{Downlink: link, Uplink: link})
				return lossyConn{c, mute}, nil
			}))))
}

// simulate runs play with two connected ends in virtual time. The peer ID of
// the first is the lower one.
func simulate(t *testing.T, play func(t *testing.T, a, b simEnd)) {
	simulateAt(t, oneWay, play)
}

func simulateAt(t *testing.T, latency time.Duration, play func(t *testing.T, a, b simEnd)) {
	synctest.Test(t, func(t *testing.T) {
		nw := &simnet.Simnet{LatencyFunc: simnet.StaticLatency(latency)}
		t.Cleanup(nw.Close)
		var ends [2]simEnd
		for i := range ends {
			mute := &atomic.Bool{}
			ends[i] = simEnd{newSimHost(t, nw, i, mute), mute}
		}
		nw.Start()
		a, b := ends[0], ends[1]
		if b.ID() < a.ID() {
			a, b = b, a
		}
		connect(t, a, b)
		time.Sleep(time.Second) // let libp2p have its say
		play(t, a, b)
		a.mute.Store(false)
		b.mute.Store(false)
	})
}

// meet opens a session from a to b that both have heard from, and returns both ends of it.
func meet(t *testing.T, a, b simEnd) (out, in *Session) {
	t.Helper()
	out = a.open(t, b.ID())
	there, back := protocol.NewID(), protocol.NewID()
	send(t, out, protocol.Delivered{ID: there})
	in = b.awaitFrame(t, there).s
	send(t, in, protocol.Delivered{ID: back})
	a.awaitFrame(t, back)
	return out, in
}

func TestBlackHoleIsNoticedInTime(t *testing.T) {
	for name, c := range map[string]struct {
		muteA, muteB bool
		liveB        bool
		backlog      int // bytes that a still wants to write
	}{
		"both ways, both live":        {muteA: true, muteB: true, liveB: true},
		"both ways, one live":         {muteA: true, muteB: true},
		"what we say is lost":         {muteA: true},
		"what the peer says is lost":  {muteB: true},
		"while our write is stuck":    {muteA: true, muteB: true, backlog: 900 << 10},
		"stuck, only our side is cut": {muteA: true, backlog: 900 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			simulate(t, func(t *testing.T, a, b simEnd) {
				out, in := meet(t, a, b)
				out.SetLive(true)
				in.SetLive(c.liveB)
				time.Sleep(20 * time.Second)
				a.mute.Store(c.muteA)
				b.mute.Store(c.muteB)
				for range c.backlog / protocol.MaxResponse {
					send(t, out, large())
				}
				checkSilent(t, a, out, b)
				if c.liveB {
					checkSilent(t, b, in, a)
				}
			})
		})
	}
}

func checkSilent(t *testing.T, e simEnd, s *Session, other simEnd) {
	t.Helper()
	down := e.awaitDown(t, s)
	last, _ := s.Heard()
	if took := down.at.Sub(last); !errors.Is(down.err, ErrSilent) || took < protocol.SessionSilence || took > protocol.SessionSilence+cutTime+50*time.Millisecond {
		t.Errorf("ended %v after the last frame with %v", took, down.err)
	}
	if n := len(e.Network().ConnsToPeer(other.ID())); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

func TestLiveSessionStaysAndQuietOneIdlesOut(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		out, in := meet(t, a, b)
		out.SetLive(true)
		time.Sleep(10 * time.Minute)
		if a.t.Current(b.ID()) != out || b.t.Current(a.ID()) != in {
			t.Fatal("the live session did not last")
		}
		last, since := out.Heard()
		if ago := now().Sub(last); ago > protocol.BeatEvery {
			t.Errorf("last heard %v ago", ago)
		}
		if stretch := now().Sub(since); stretch < 10*time.Minute-time.Second {
			t.Errorf("the stretch is only %v long", stretch)
		}
		out.SetLive(false)
		quiet := now()
		for _, x := range []struct {
			e simEnd
			s *Session
		}{{a, out}, {b, in}} {
			down := x.e.awaitDown(t, x.s)
			if after := down.at.Sub(quiet); down.err != nil || after < IdleTime-protocol.BeatEvery || after > IdleTime+time.Second {
				t.Errorf("idled out after %v with %v", after, down.err)
			}
		}
		if n := len(a.Network().ConnsToPeer(b.ID())); n != 1 {
			t.Errorf("%d connections are left, want the one", n)
		}
	})
}

func TestStretchBeginsAnewAfterStandStill(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		out, in := meet(t, a, b)
		_, first := out.Heard()
		time.Sleep(protocol.StandStill - time.Second)
		near := protocol.NewID()
		send(t, in, protocol.Delivered{ID: near})
		a.awaitFrame(t, near)
		if _, since := out.Heard(); since != first {
			t.Error("a short pause began a new stretch")
		}
		time.Sleep(protocol.StandStill + time.Second)
		far := protocol.NewID()
		send(t, in, protocol.Delivered{ID: far})
		a.awaitFrame(t, far)
		if last, since := out.Heard(); since != last {
			t.Errorf("heard at %d since %d: a long pause began no new stretch", last, since)
		}
	})
}

func TestAcceptedStreamMustSpeak(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		raw := rawStream(t, a, b.ID())
		write(t, raw, nil) // names the protocol, no more
		opened := now()
		_, err := raw.Read(make([]byte, 1))
		if !errors.Is(err, &network.StreamError{Remote: true, ErrorCode: network.StreamProtocolViolation}) {
			t.Errorf("ended with %v", err)
		}
		if took := now().Sub(opened); took < FirstFrameTime || took > FirstFrameTime+time.Second {
			t.Errorf("ended after %v", took)
		}
		if len(b.events()) != 0 {
			t.Errorf("told %+v about a session that never was", b.events())
		}
	})
}

func TestDoneReadComesOnlyWhenThePeerHasReadIt(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		release := b.block()
		first, second, third := protocol.NewID(), protocol.NewID(), protocol.NewID()
		out := a.open(t, b.ID())
		out.SetLive(true)
		synctest.Wait() // a Beat is under way, whose answer must not count
		send(t, out, protocol.Done{ID: first, Outcome: protocol.OutcomeUnknown}, protocol.Done{ID: second, Outcome: protocol.OutcomeUnknown})
		b.awaitFrame(t, first)
		send(t, out, protocol.Done{ID: third, Outcome: protocol.OutcomeUnknown})
		time.Sleep(5 * time.Second)
		read := func(e event) bool { return e.kind == "done_read" }
		if a.has(read) {
			t.Fatal("told before the peer had taken it")
		}
		release()
		got := a.await(t, "DoneRead", read)
		if len(got.ids) != 2 || got.ids[0] != first || got.ids[1] != second {
			t.Errorf("read %v, want the first two", got.ids)
		}
		got = a.await(t, "the second DoneRead", func(e event) bool { return read(e) && e.ids[0] == third })
		if len(got.ids) != 1 {
			t.Errorf("read %v, want the third", got.ids)
		}
	})
}

func TestDonesInBulkAreAllReadWithoutFlooding(t *testing.T) {
	simulateAt(t, time.Millisecond, func(t *testing.T, a, b simEnd) {
		out, in := meet(t, a, b)
		const n = 1000
		for range n {
			send(t, out, protocol.Done{ID: protocol.NewID(), Outcome: protocol.OutcomeUnknown})
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		read := 0
		for _, e := range a.events() {
			read += len(e.ids)
		}
		if read != n {
			t.Errorf("%d of %d were told to be read", read, n)
		}
		if b.t.Current(a.ID()) != in {
			t.Error("the session did not survive")
		}
	})
}

func TestBusyReceiverIsNotTakenForASilentPeer(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		out, in := meet(t, a, b)
		release := a.block()
		out.SetLive(true)
		id := protocol.NewID()
		send(t, in, protocol.Delivered{ID: id})
		a.awaitFrame(t, id)
		time.Sleep(2 * protocol.SessionSilence)
		release()
		time.Sleep(2 * protocol.SessionSilence)
		if a.t.Current(b.ID()) != out {
			t.Errorf("the session ended: %+v", a.events())
		}
	})
}

func TestSessionThatWasHeardFromIsPreferred(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		deaf := a.open(t, b.ID())
		if a.t.Current(b.ID()) != deaf {
			t.Error("the only session is not the current one")
		}
		out, in := meet(t, a, b)
		checkCurrent(t, a, b, out)
		checkCurrent(t, b, a, in)
	})
}

func TestNewerSessionReplacesOlder(t *testing.T) {
	simulate(t, func(t *testing.T, a, b simEnd) {
		oldOut, oldIn := meet(t, a, b)
		time.Sleep(10 * time.Second)
		newOut := a.open(t, b.ID())
		if a.t.Current(b.ID()) != oldOut {
			t.Error("a session that nothing was read from is preferred")
		}
		id := protocol.NewID()
		send(t, newOut, protocol.Delivered{ID: id})
		newIn := b.awaitFrame(t, id).s
		send(t, newIn, protocol.Received{ID: id})
		read := a.await(t, "Received", func(e event) bool { return e.kind == "frame" && e.s == newOut })
		down := a.awaitDown(t, oldOut)
		if after := down.at.Sub(read.at); down.err != nil || after < SupersededTime || after > SupersededTime+time.Second {
			t.Errorf("the older one ended after %v with %v", after, down.err)
		}
		b.awaitDown(t, oldIn)
		checkCurrent(t, a, b, newOut)
		checkCurrent(t, b, a, newIn)
	})
}

// checkCurrent checks what is and what was last told.
func checkCurrent(t *testing.T, e, other simEnd, want *Session) {
	t.Helper()
	if e.t.Current(other.ID()) != want {
		t.Error("the wrong session is the current one")
	}
	var told *Session
	for _, ev := range e.events() {
		if ev.kind == "current" {
			told = ev.s
		}
	}
	if told != want {
		t.Error("the wrong session was told last")
	}
}

func TestBothOpenAtOnceKeepsOne(t *testing.T) {
	for _, apart := range []time.Duration{0, oneWay / 2, time.Second, BothOpenTime - oneWay/2, BothOpenTime + oneWay/2, BothOpenTime + 2*time.Second} {
		for _, bFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v apart, lower first %v", apart, !bFirst), func(t *testing.T) {
				simulate(t, func(t *testing.T, a, b simEnd) {
					one, two := a, b
					if bFirst {
						one, two = b, a
					}
					// As daemons do that have something live.
					x := one.open(t, two.ID())
					x.SetLive(true)
					send(t, x, protocol.Delivered{ID: protocol.NewID()})
					time.Sleep(apart)
					y := two.open(t, one.ID())
					y.SetLive(true)
					send(t, y, protocol.Delivered{ID: protocol.NewID()})
					time.Sleep(20 * time.Second)
					checkOneLeft(t, one, two, apart)
				})
			})
		}
	}
}

// checkOneLeft checks that a and b write on the same session, and that it carries.
func checkOneLeft(t *testing.T, a, b simEnd, apart time.Duration) {
	t.Helper()
	x, y := a.t.Current(b.ID()), b.t.Current(a.ID())
	if x == nil || y == nil {
		t.Fatal("no session is left")
	}
	there, back := protocol.NewID(), protocol.NewID()
	send(t, x, protocol.Delivered{ID: there})
	send(t, y, protocol.Delivered{ID: back})
	b.awaitFrame(t, there)
	a.awaitFrame(t, back)
	ended := 0
	for _, e := range a.events() {
		if e.kind == "down" {
			ended++
		}
	}
	// Close to the border the sides may not agree; then none is closed.
	if border := (apart - BothOpenTime).Abs() < 2*oneWay; ended != 1 && (!border || ended > 1) {
		t.Errorf("%d sessions ended, want one", ended)
	}
	if ended == 1 && x.Opener() == y.Opener() {
		t.Error("the two write on different sessions")
	}
}
