package devices

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

// binKey is the environment variable that hands the built commands to a test
// that runs again in a network of its own.
const binKey = "DEVICES_BIN"

// onLAN reports whether the test runs in a network of its own now, with the
// commands that the outer process built.
func onLAN(t *testing.T) bool {
	t.Helper()
	dir := os.Getenv(binKey)
	if dir == "" {
		dir = filepath.Dir(Binary(t, "beckond"))
	}
	if !netns.Run(t, binKey+"="+dir) {
		return false
	}
	build.once.Do(func() { build.dir = dir })
	t.Cleanup(func() { build.dir = "" }) // not this process's to take away
	return true
}

// onFar starts a device on the other machine of the LAN.
func onFar(t *testing.T, args ...string) (d *Device) {
	t.Helper()
	netns.Far(t, func() { d = Start(t, args...) })
	return d
}

// everywhere is what a device listens on that is not told where.
var everywhere = []string{"--listen", "/ip4/0.0.0.0/udp/0/quic-v1", "--listen", "/ip4/0.0.0.0/tcp/0",
	"--listen", "/ip6/::/udp/0/quic-v1", "--listen", "/ip6/::/tcp/0", "--mdns=true"}

// TestLANAlone: without a DHT, two machines on one LAN find each other by
// multicast.
func TestLANAlone(t *testing.T) { meetOnLAN(t, "lan") }

// TestLANWithDefaults: so do two that would use the public network, which
// cannot be reached.
func TestLANWithDefaults(t *testing.T) { meetOnLAN(t, "public") }

func meetOnLAN(t *testing.T, network string) {
	t.Parallel()
	if !onLAN(t) {
		return
	}
	args := append([]string{"--network", network}, everywhere...)
	near := Start(t, args...)
	app := near.NewApp()
	start := time.Now()
	far := onFar(t, args...)
	farApp := far.NewApp()
	inv := near.Ring(far, nil)
	farApp.Await(api.RemoteInvitationReceived, inv.ID)
	got := app.Await(api.LocalInvitationReceivedByPeer, inv.ID)
	took := time.Since(start)
	t.Logf("from the start of the second device to a ring: %v", took)
	if took > 5*time.Second {
		t.Error("that is too long")
	}
	if got.Invitation.Path != api.PathLAN {
		t.Errorf("path %q", got.Invitation.Path)
	}
	ringBothWays(t, near, far)
	near.findsOnLAN(onFar(t, args...))
	onFar(t, args...).findsOnLAN(near)
}

// findsOnLAN asks beckon where a device is that this one has no connection to.
func (d *Device) findsOnLAN(other *Device) {
	d.t.Helper()
	for _, a := range []string{"/ip4/10.77.0.", "/ip6/fd77::"} {
		other.Address(a) // or the test fails
	}
	out, err := exec.Command(Binary(d.t, "beckon"), "--json", "--socket", d.Socket, "find", other.ID).CombinedOutput()
	if err != nil {
		d.t.Fatalf("beckon find: %v\n%s", err, out)
	}
	var peer api.Peer
	if err := json.Unmarshal(out, &peer); err != nil {
		d.t.Fatal(err)
	}
	if peer.Source != "lan" || peer.Path != api.PathLAN {
		d.t.Errorf("source %q, path %q", peer.Source, peer.Path)
	}
}
