package node

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/doctor"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// examine returns what the doctor finds, by name.
func examine(t testing.TB, n *Node) map[string]doctor.Check {
	t.Helper()
	checks, err := n.Doctor(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]doctor.Check{}
	for _, c := range checks {
		found[c.Name] = c
	}
	return found
}

// settled examines until a check says so.
func settled(t testing.TB, n *Node, name string, want doctor.Outcome, says string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		c := examine(t, n)[name]
		if c.Outcome == want && strings.Contains(c.Found, says) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %+v, want %s with %q", name, c, want, says)
		}
	}
}

func TestDoctorAsksOthers(t *testing.T) {
	a, _ := trio(t)
	settled(t, a, "found", doctor.OK, "can tell where this one is")
	found := examine(t, a)
	for name, want := range map[string]doctor.Outcome{
		"key": doctor.OK, "disk": doctor.OK, "clock": doctor.OK, "online": doctor.OK, "addresses": doctor.Warn, "mdns": doctor.OK,
		"dht": doctor.OK, "found": doctor.OK, "reachable": doctor.OK, "relay": doctor.OK, "nat": doctor.OK, "udp": doctor.OK, "second_instance": doctor.OK,
	} {
		if c := found[name]; c.Outcome != want {
			t.Errorf("%s: %+v, want %s", name, c, want)
		}
		delete(found, name)
	}
	if len(found) > 0 {
		t.Errorf("unexpected: %v", found)
	}
}

func TestDoctorLooksAtTheFiles(t *testing.T) {
	n := startNode(t, Config{Network: "lan"})
	dir := n.settings.DataDir
	key := filepath.Join(dir, keyFile)
	raw, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	expect := func(name string, want doctor.Outcome, says string) {
		t.Helper()
		if c := examine(t, n)[name]; c.Outcome != want || !strings.Contains(c.Found, says) {
			t.Errorf("%s: %+v, want %s with %q", name, c, want, says)
		}
	}
	expect("key", doctor.OK, "")
	must(os.Chmod(key, 0o644))
	expect("key", doctor.Fail, "mode 0644")
	must(os.Chmod(key, 0o600))
	must(os.Chmod(dir, 0o755))
	expect("key", doctor.Warn, "mode 0755")
	must(os.Chmod(dir, 0o700))
	must(os.Rename(key, key+".away"))
	expect("key", doctor.Fail, "is gone")
	_, err = makeKey(key)
	must(err)
	expect("key", doctor.Fail, "another key")
	must(os.WriteFile(key, []byte("x"), 0o600))
	expect("key", doctor.Fail, "damaged")
	must(os.Remove(key))
	must(os.Mkdir(key, 0o700))
	expect("key", doctor.Fail, "not a file")
	must(os.Remove(key))
	must(os.WriteFile(key, raw, 0o600))
	expect("key", doctor.OK, "")

	expect("second_instance", doctor.OK, "no other device")
	must(os.Remove(filepath.Join(dir, lockFile)))
	expect("second_instance", doctor.Warn, "the lock")
	must(os.WriteFile(filepath.Join(dir, lockFile), nil, 0o600))
	expect("second_instance", doctor.Warn, "the lock")
}

// TestDoctorSeesItsDouble: a copy of the key at work on another device is
// found by asking others, and proven by its answer.
func TestDoctorSeesItsDouble(t *testing.T) {
	boot := startNode(t, Config{})
	info, err := boot.Info(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	a := startNode(t, Config{Bootstrap: info.Addresses})
	settled(t, a, "found", doctor.OK, "")
	settled(t, a, "second_instance", doctor.OK, "no other device")
	key, err := os.ReadFile(filepath.Join(a.settings.DataDir, keyFile))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	if err := os.WriteFile(filepath.Join(copied, keyFile), key, 0o600); err != nil {
		t.Fatal(err)
	}
	double := startNode(t, Config{DataDir: copied, Bootstrap: info.Addresses})
	if double.self != a.self {
		t.Fatal("it is no double")
	}
	settled(t, a, "second_instance", doctor.Fail, "another device is this peer")
}

func TestDoctorOfOneWhoIsLoggedOut(t *testing.T) {
	n := startNode(t, Config{Network: "lan"})
	if _, err := n.SetOnline(testContext(t), false); err != nil {
		t.Fatal(err)
	}
	settled(t, n, "online", doctor.Warn, "logged out")
	for deadline := time.Now().Add(patience); len(examine(t, n)) != 5; {
		if time.Now().After(deadline) {
			t.Fatalf("looked at: %v", examine(t, n))
		}
	}
	if c := examine(t, n)["online"]; c.Advice != "run: beckon online" {
		t.Errorf("%+v", c)
	}
}

func TestDoctorOfOneWhoStops(t *testing.T) {
	n := startNode(t, Config{Network: "lan"})
	n.Stop()
	for name, c := range examine(t, n) {
		if c.Outcome != doctor.Warn {
			t.Errorf("%s: %+v", name, c)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Doctor(ctx); err == nil {
		t.Error("an answer that nobody waits for")
	}
}

func TestJumpOfTheWallClock(t *testing.T) {
	wall := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	from := invitation.Stamp{Clock: 1000, Wall: wall}
	to := func(clock, wallTime time.Duration) invitation.Stamp {
		return invitation.Stamp{Clock: protocol.Instant(1000).Add(clock), Wall: wall.Add(wallTime)}
	}
	for want, s := range map[time.Duration]invitation.Stamp{
		0: to(time.Hour, time.Hour), time.Minute: to(time.Hour, time.Hour+time.Minute), -2 * time.Hour: to(time.Hour, -time.Hour),
	} {
		if got := jump(from, s); got != want {
			t.Errorf("jump %v, want %v", got, want)
		}
	}
}
