package devices

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// doctor runs beckon doctor and returns its exit code and what it found.
func (d *Device) doctor() (code int, outcome string, checks map[string]api.Check) {
	d.t.Helper()
	cmd := exec.Command(Binary(d.t, "beckon"), "--json", "--socket", d.Socket, "doctor")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		d.t.Fatal(err)
	}
	var found api.Doctor
	if err := json.Unmarshal(out, &found); err != nil {
		d.t.Fatalf("beckon doctor: %v\n%s%s", err, out, stderr.String())
	}
	checks = map[string]api.Check{}
	for _, c := range found.Checks {
		checks[c.Name] = c
	}
	return cmd.ProcessState.ExitCode(), found.Outcome, checks
}

// expect runs the doctor until it ends with that code and a check says so.
func (d *Device) expect(code int, name, outcome, says string) map[string]api.Check {
	d.t.Helper()
	for deadline := time.Now().Add(Patience); ; {
		got, _, checks := d.doctor()
		c := checks[name]
		if got == code && c.Outcome == outcome && strings.Contains(c.Found, says) {
			return checks
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("exit code %d, %s: %+v; want %d, %s with %q", got, name, c, code, outcome, says)
		}
	}
}

// TestDoctor: two daemons on loopback are well but for loopback; a peer is
// really asked; what is broken is seen, and seen to be mended.
func TestDoctor(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	a.AwaitOnline()
	checks := b.expect(0, "found", api.CheckOK, "1 peer asked, 1 can tell")
	for _, name := range []string{"daemon", "socket", "key", "disk", "clock", "online", "dht", "second_instance"} {
		if c := checks[name]; c.Outcome != api.CheckOK || c.Found == "" || c.Advice != "" {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if c := checks["addresses"]; c.Outcome != api.CheckWarn || !strings.Contains(c.Found, "loopback only") {
		t.Errorf("addresses: %+v", c)
	}
	if d, err := b.Client.Doctor(Context(t)); err != nil || d.Outcome != api.CheckWarn || len(d.Checks) != len(checks)-2 {
		t.Errorf("by the API: %+v, %v", d, err)
	}

	key := filepath.Join(b.Dir, "identity.key")
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	c := b.expect(1, "key", api.CheckFail, "mode 0644")["key"]
	if c.Advice != "run: chmod 600 "+key {
		t.Errorf("advice %q", c.Advice)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	b.expect(0, "key", api.CheckOK, "")

	if _, err := b.SetOnline(Context(t), false); err != nil {
		t.Fatal(err)
	}
	checks = b.expect(0, "online", api.CheckWarn, "logged out")
	if checks["online"].Advice != "run: beckon online" {
		t.Errorf("online: %+v", checks["online"])
	}
	if _, err := b.SetOnline(Context(t), true); err != nil {
		t.Fatal(err)
	}
	b.expect(0, "found", api.CheckOK, "1 can tell")
}

// TestDoctorWithoutDaemon: killed, it leaves a socket that nobody answers on.
func TestDoctorWithoutDaemon(t *testing.T) {
	t.Parallel()
	d := Start(t, "--network", "lan")
	d.Kill()
	if _, err := net.Dial("unix", d.Socket); err == nil {
		t.Fatal("somebody answers")
	}
	checks := d.expect(3, "daemon", api.CheckFail, "does not answer")
	if len(checks) != 2 || checks["socket"].Outcome != api.CheckOK || !strings.Contains(checks["daemon"].Advice, "beckond") {
		t.Errorf("%+v", checks)
	}
}
