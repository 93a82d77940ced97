package devices

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// A dead peer is noticed within 6 s of the last frame read from it. A frame may
// have been read up to the moment of the freeze; the margin is for a busy
// machine.
const (
	noticed = 6 * time.Second
	margin  = 1500 * time.Millisecond
	early   = 3500 * time.Millisecond // 6 s less one beat: nothing is given up on sooner
)

// awaitGone waits until d is no longer connected to an address that has the
// given words and returns how long it took.
func awaitGone(t *testing.T, d *Device, words string) time.Duration {
	t.Helper()
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		peers, err := d.Peers(Context(t))
		if err != nil {
			t.Fatal(err)
		}
		there := false
		for _, p := range peers {
			there = there || strings.Contains(p.PeerID+" "+strings.Join(p.Addresses, " "), words)
		}
		if !there {
			return time.Since(start)
		}
		if time.Since(start) > Patience {
			t.Fatal("the dead peer is still connected")
		}
	}
	return 0
}

func checkNoticed(t *testing.T, took time.Duration) {
	t.Helper()
	t.Logf("noticed after %v", took.Round(time.Millisecond))
	if took > noticed+margin || took < early {
		t.Errorf("noticed after %v, want about %v", took, noticed)
	}
}

// live is a state of an invitation between two devices in which one of them is
// frozen.
type live struct {
	name    string
	frozen  string // caller or callee
	prepare func(t *testing.T, caller, callee *Device) (inv api.Invitation)
	act     func(t *testing.T, caller, callee *Device, id string) // after the freeze
}

func held(t *testing.T, caller, callee *Device) api.Invitation {
	app := caller.NewApp()
	inv := caller.Ring(callee, nil)
	app.AwaitProgress(inv.ID, "delivered")
	return inv
}

func ringing(t *testing.T, caller, callee *Device) api.Invitation {
	callee.NewApp()
	app := caller.NewApp()
	inv := caller.Ring(callee, nil)
	app.Await(api.LocalInvitationReceivedByPeer, inv.ID)
	return inv
}

var liveStates = []live{
	{"held, callee dies", "callee", held, nil},
	{"held, caller dies", "caller", held, nil},
	{"ringing, callee dies", "callee", ringing, nil},
	{"ringing, caller dies", "caller", ringing, nil},
	{"canceling", "callee", ringing, func(t *testing.T, caller, _ *Device, id string) {
		if _, err := caller.Cancel(Context(t), id, ""); err != nil {
			t.Error(err)
		}
	}},
	{"accept sent", "caller", ringing, func(t *testing.T, _, callee *Device, id string) {
		if _, err := callee.Accept(Context(t), id, ""); err != nil {
			t.Error(err)
		}
	}},
}

// TestFrozenPeer stops the other process in every live state. No error ever
// comes from the network then.
func TestFrozenPeer(t *testing.T) {
	for transport, listen := range map[string]string{"quic": QUIC, "tcp": TCP} {
		for _, s := range liveStates {
			t.Run(transport+", "+s.name, func(t *testing.T) {
				t.Parallel()
				callee := Start(t, "--listen", listen)
				caller := Start(t, "--listen", listen, "--bootstrap", callee.Address("/ip4/"))
				inv := s.prepare(t, caller, callee)
				dead, other := callee, caller
				if s.frozen == "caller" {
					dead, other = caller, callee
				}
				dead.Freeze()
				defer dead.Thaw()
				if s.act != nil {
					s.act(t, caller, callee, inv.ID)
				}
				checkNoticed(t, awaitGone(t, other, dead.ID))
			})
		}
	}
}

// TestFrozenCallerStopsRinging: a callee rings at most 10 s without its caller.
func TestFrozenCallerStopsRinging(t *testing.T) {
	t.Parallel()
	callee := Start(t)
	caller := Start(t, "--bootstrap", callee.Address("quic"))
	inv := ringing(t, caller, callee)
	app := callee.NewApp()
	caller.Freeze()
	start := time.Now()
	e := app.AwaitEnd(inv.ID)
	if took := time.Since(start); took > 10*time.Second+margin || took < 10*time.Second-noticed {
		t.Errorf("it rang on for %v", took)
	}
	if e.Type != api.RemoteInvitationFailure || e.Invitation.Error != "peer_offline" {
		t.Errorf("%s %s", e.Type, e.Invitation.Error)
	}
}

// relay carries TCP connections or UDP packets to a device until it is cut;
// then it swallows everything without a word.
type relay struct {
	addr string // host port
	mu   sync.Mutex
	cut  bool
}

func (r *relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
}

func (r *relay) open() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.cut
}

// pump copies until an end closes; after the cut it only reads.
func (r *relay) pump(to io.Writer, from io.Reader) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if r.open() {
			to.Write(b[:n])
		}
	}
}

func relayTCP(t *testing.T, to string) *relay {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &relay{addr: l.Addr().String()}
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp4", to)
			if err != nil {
				in.Close()
				continue
			}
			t.Cleanup(func() { in.Close(); out.Close() })
			go r.pump(out, in)
			go r.pump(in, out)
		}
	}()
	return r
}

func relayUDP(t *testing.T, to string) *relay {
	l, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Dial("udp4", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); out.Close() })
	r := &relay{addr: l.LocalAddr().String()}
	var mu sync.Mutex
	var client net.Addr
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := l.ReadFrom(b)
			if err != nil {
				return
			}
			mu.Lock()
			client = from
			mu.Unlock()
			if r.open() {
				out.Write(b[:n])
			}
		}
	}()
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			mu.Lock()
			to := client
			mu.Unlock()
			if r.open() && to != nil {
				l.WriteTo(b[:n], to)
			}
		}
	}()
	return r
}

// through is the multiaddr of a device by way of a relay.
func through(t *testing.T, d *Device, transport string) (*relay, string) {
	t.Helper()
	parts := strings.Split(d.Address("/"+transport+"/"), "/") // "", ip4, IP, transport, port, …
	r := relayTCP
	if transport == "udp" {
		r = relayUDP
	}
	relay := r(t, net.JoinHostPort(parts[2], parts[4]))
	_, port, _ := net.SplitHostPort(relay.addr)
	parts[4] = port
	return relay, strings.Join(parts, "/")
}

// TestBlackHole swallows everything on the path of the session. The other side
// is noticed to be gone on that path, is reached by another one, and the ring
// goes on: the invitation is accepted as if nothing had been.
func TestBlackHole(t *testing.T) {
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			listen := map[string]string{"udp": QUIC, "tcp": TCP}[transport]
			callee := Start(t, "--listen", listen)
			relay, addr := through(t, callee, transport)
			caller := Start(t, "--listen", listen, "--bootstrap", addr)
			inv := ringing(t, caller, callee)
			callerApp, calleeApp := caller.NewApp(), callee.NewApp()
			_, port, _ := net.SplitHostPort(relay.addr)
			relay.Cut()
			checkNoticed(t, awaitGone(t, caller, "/"+port))
			if _, err := callee.Accept(Context(t), inv.ID, "answer"); err != nil {
				t.Fatal(err)
			}
			if e := callerApp.AwaitEnd(inv.ID); e.Type != api.LocalInvitationAccepted {
				t.Errorf("caller: %s %s", e.Type, e.Invitation.Error)
			}
			if e := calleeApp.AwaitEnd(inv.ID); e.Type != api.RemoteInvitationAccepted {
				t.Errorf("callee: %s %s", e.Type, e.Invitation.Error)
			}
		})
	}
}
