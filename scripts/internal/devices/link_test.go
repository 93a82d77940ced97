package devices

import (
	"bytes"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// beckon runs the command line against the device.
func (d *Device) beckon(args ...string) *exec.Cmd {
	return exec.Command(Binary(d.t, "beckon"), append([]string{"--socket", d.Socket}, args...)...)
}

// TestInviteLink: two devices that share no network to be found on meet by an
// invite link alone, and not by the ID.
func TestInviteLink(t *testing.T) {
	t.Parallel()
	callee := lonely(t)
	callee.nodeState("online")
	out, err := callee.beckon("id").Output()
	if err != nil {
		t.Fatal(err)
	}
	link := strings.Fields(string(out))[1]
	app := callee.follow("?app=call")

	caller := lonely(t)
	var answer, log bytes.Buffer
	ring := caller.beckon("invite", link, "--reach", "20s")
	ring.Stdout, ring.Stderr = &answer, &log
	caller.nodeState("online")
	if code := exitCode(t, caller.beckon("invite", callee.ID, "--reach", "1s")); code != 4 {
		t.Errorf("by the ID alone: exit %d", code)
	}
	if err := ring.Start(); err != nil {
		t.Fatal(err)
	}
	id := text(app.await("remote_invitation_received", "").invitation(), "id")
	callee.want(200, "POST", "/v1/invitations/"+id+"/accept", `{"response":"found you"}`)
	if err := ring.Wait(); err != nil || !strings.Contains(answer.String(), "found you") {
		t.Errorf("beckon invite LINK: %v, %s%s", err, &answer, &log)
	}

	address := callee.Address("tcp")
	for what, ask := range map[string]func(d *Device) reply{
		"find": func(d *Device) reply {
			return d.want(200, "GET", "/v1/peers/"+callee.ID+"?timeout_ms=20000&addresses="+url.QueryEscape(address), "")
		},
		"ping": func(d *Device) reply {
			return d.want(200, "POST", "/v1/peers/"+callee.ID+"/ping", `{"addresses":["`+address+`"]}`)
		},
	} {
		d := lonely(t)
		d.nodeState("online")
		if r := ask(d); r.str("path") != "lan" || what == "find" && (r.str("source") != "link" || r.str("connectedness") != "connected") {
			t.Errorf("%s: %s", what, r.raw)
		}
	}
}

// TestWrongLink: addresses that lead to somebody else, or are none.
func TestWrongLink(t *testing.T) {
	t.Parallel()
	callee := lonely(t)
	// An address where somebody else is leads nowhere: the ID counts.
	stranger := lonely(t)
	stranger.nodeState("online")
	wrong, _, _ := strings.Cut(stranger.Address("tcp"), "/p2p/")
	found := lonely(t)
	found.nodeState("online")
	if r := found.want(200, "GET", "/v1/peers/"+callee.ID+"?timeout_ms=3000&addresses="+wrong, ""); r.str("connectedness") != "unreachable" {
		t.Errorf("at somebody else's address: %s", r.raw)
	}
	// Where every source has said no there is nothing to wait for.
	began := time.Now()
	found.refused(404, "peer_not_found", "GET", "/v1/peers/"+nobody+"?timeout_ms=30000", "")
	if took := time.Since(began); took > late {
		t.Errorf("nobody can know it, and that took %v", took)
	}
	for _, addresses := range []string{"x", stranger.Address("tcp"), strings.Repeat("/ip4/192.0.2.1/tcp/1&addresses=", 16) + "/ip4/192.0.2.1/tcp/1"} {
		if r := found.refused(422, "invalid_argument", "GET", "/v1/peers/"+callee.ID+"?addresses="+addresses, ""); r.str("field") != "addresses" {
			t.Errorf("%.60s: field %q", addresses, r.str("field"))
		}
	}
}

func exitCode(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}
