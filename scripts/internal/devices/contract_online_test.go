package devices

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// nodeState waits for a state of the node.
func (d *Device) nodeState(state string) object {
	d.t.Helper()
	var node object
	until(d.t, "the node is "+state, func() bool {
		node = d.want(200, "GET", "/v1/node", "").body
		return text(node, "state") == state
	})
	return node
}

func (d *Device) online(wish bool) object {
	d.t.Helper()
	start := time.Now()
	node := d.want(200, "PUT", "/v1/node/online", fmt.Sprintf(`{"online":%v}`, wish)).body
	if took := time.Since(start); took > time.Second {
		d.t.Errorf("logging in or out took %v", took)
	}
	if node["online"] != wish {
		d.t.Errorf("online = %v, want %v", node["online"], wish)
	}
	return node
}

// TestContractNode: what a node says about itself.
func TestContractNode(t *testing.T) {
	t.Parallel()
	a := Start(t)
	b := Start(t, "--bootstrap", a.Address("tcp"))
	for _, d := range []*Device{a, b} {
		until(t, "the two are connected", func() bool { return num(d.nodeState("online"), "connected_peers") >= 1 })
		node := d.nodeState("online")
		for _, name := range []string{"peer_id", "version", "instance", "network", "state", "reachability"} {
			if text(node, name) == "" {
				t.Errorf("%s = %v", name, node[name])
			}
		}
		if text(node, "network") != "test" || node["online"] != true || text(node, "peer_id") != d.ID {
			t.Errorf("node: %v", node)
		}
		moment(t, node, "started_at")
		dht, _ := node["dht"].(object)
		if _, ok := dht["mode"].(string); !ok || num(dht, "routing_table") < 0 {
			t.Errorf("dht: %v", node["dht"])
		}
		addresses, _ := node["addresses"].([]any)
		for _, a := range addresses {
			if s, _ := a.(string); !strings.HasSuffix(s, "/p2p/"+d.ID) || !strings.HasPrefix(s, "/ip4/127.0.0.1/") {
				t.Errorf("address %v", a)
			}
		}
		if len(addresses) != 2 {
			t.Errorf("addresses %v", addresses)
		}
	}
	first := a.want(200, "GET", "/v1/node", "").str("instance")
	a.Kill()
	a.Restart()
	if node := a.want(200, "GET", "/v1/node", "").body; text(node, "instance") == first || text(node, "peer_id") != b.peerOf(node) {
		t.Errorf("after a restart: %v", node)
	}
}

// peerOf returns the node's own ID, read from its first address.
func (d *Device) peerOf(node object) string {
	list, _ := node["addresses"].([]any)
	if len(list) == 0 {
		return ""
	}
	_, id, _ := strings.Cut(list[0].(string), "/p2p/")
	return id
}

// TestContractLogOut: what logging out ends on both sides, what remains, and
// that the wish is kept.
func TestContractLogOut(t *testing.T) {
	t.Parallel()
	b := Start(t)
	a := Start(t, "--bootstrap", b.Address("quic"))
	appA, appB, all := a.follow("?app=call"), b.follow("?app=call"), a.follow("")
	out, in := text(a.ring(b.ID, ""), "id"), text(b.ring(a.ID, ""), "id")
	far := text(a.ring(nobody, ""), "id")
	idle := text(a.ring(b.ID, `"hold":true`), "id")
	late := text(a.ring(b.ID, `"hold":true`), "id")
	appB.await("remote_invitation_received", out)
	appA.await("remote_invitation_received", in)
	a.nodeState("online")

	a.online(false)
	node := a.want(200, "GET", "/v1/node", "").body
	if text(node, "state") != "offline" {
		t.Errorf("logged out, state %v", node["state"])
	}
	for id, want := range map[string]string{out: "canceled shutdown ", far: "canceled shutdown ", in: "failure  peer_offline"} {
		end := a.want(200, "GET", "/v1/invitations/"+id, "").body
		if got := fmt.Sprint(text(end, "state"), " ", text(end, "reason"), " ", text(end, "error")); got != want || end["ended_at"] == nil {
			t.Errorf("logged out: %s, want %s", got, want)
		}
	}
	if end := b.end(out); text(end, "state") != "canceled" || text(end, "reason") != "shutdown" {
		t.Errorf("the callee of who logged out: %v", end)
	}
	if end := b.end(in); text(end, "state") != "failure" || text(end, "error") != "peer_offline" {
		t.Errorf("the caller of who logged out: %v", end)
	}
	for _, f := range []*follower{appA, all} {
		if r := f.await("node_offline", ""); text(r.body, "state") != "offline" || text(r.body, "cause") == "" || r.body["app"] == "call" {
			t.Errorf("node_offline: %s", r.data)
		}
	}
	until(t, "no addresses", func() bool {
		list, ok := a.want(200, "GET", "/v1/node", "").body["addresses"].([]any)
		return ok && len(list) == 0
	})
	contractLoggedOut(t, a, b, idle)

	a.Kill()
	a.Restart()
	if node := a.want(200, "GET", "/v1/node", "").body; node["online"] != false || text(node, "state") != "offline" {
		t.Errorf("the wish is not kept: %v", node)
	}
	app := a.follow("?app=call")
	if app.live()[late] == nil {
		t.Errorf("an idle one does not outlive a logout: %s", app.hello.data)
	}
	a.online(true)
	if r := app.await("node_online", ""); text(r.body, "state") != "online" {
		t.Errorf("node_online: %s", r.data)
	}
	a.want(200, "POST", "/v1/invitations/"+late+"/send", "")
	appB.await("remote_invitation_received", late)
	b.want(200, "POST", "/v1/invitations/"+late+"/accept", "")
	app.await("local_invitation_accepted", late)
}

// contractLoggedOut: what a device without network can do.
func contractLoggedOut(t *testing.T, a, b *Device, idle string) {
	inv := a.ring(b.ID, "")
	inv["path"] = "" // the last one to that peer
	checkForm(t, "logged out", inv, "failure", "received_at answered_at expires_at left_ms",
		"channel_id content response reason progress path glare_with merged_with")
	if text(inv, "error") != "not_logged_in" {
		t.Errorf("logged out: error %q", inv["error"])
	}
	held := a.ring(b.ID, `"hold":true`)
	held["path"] = ""
	checkForm(t, "held back, logged out", held, "idle", "sent_at received_at answered_at ended_at expires_at left_ms",
		"channel_id content response reason error progress path glare_with merged_with")
	if sent := a.want(200, "POST", "/v1/invitations/"+idle+"/send", "").body; text(sent, "error") != "not_logged_in" {
		t.Errorf("sent while logged out: %v", sent)
	}
	a.refused(503, "peer_unreachable", "POST", "/v1/peers/"+b.ID+"/ping", "")
	if peers := a.want(200, "GET", "/v1/peers", "").body["peers"]; len(peers.([]any)) != 0 {
		t.Errorf("peers while logged out: %v", peers)
	}
	a.online(false) // again: nothing changes
}

// TestContractSamePort: a device comes back at the addresses that it had, after
// a logout and after a restart.
func TestContractSamePort(t *testing.T) {
	t.Parallel()
	d := Start(t, "--network", "lan", "--listen=/ip4/127.0.0.1/tcp/"+freePort(t))
	had := fmt.Sprint(d.nodeState("online")["addresses"])
	d.online(false)
	d.nodeState("offline")
	d.online(true)
	if now := fmt.Sprint(d.nodeState("online")["addresses"]); now != had {
		t.Errorf("after a logout at %s, before at %s", now, had)
	}
	d.Kill()
	d.Restart()
	if now := fmt.Sprint(d.nodeState("online")["addresses"]); now != had {
		t.Errorf("after a restart at %s, before at %s", now, had)
	}
}

func freePort(t *testing.T) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// TestContractInAndOut: whoever changes their mind fast ends up where they
// said last, with and without a DHT.
func TestContractInAndOut(t *testing.T) {
	t.Parallel()
	third := Start(t)
	for name, args := range map[string][]string{
		"dht": {"--bootstrap", third.Address("quic")}, "lan": {"--network", "lan"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := Start(t, args...)
			d.nodeState("online")
			for range 5 {
				d.online(false)
				d.online(true)
			}
			if node := d.nodeState("online"); len(node["addresses"].([]any)) == 0 {
				t.Errorf("online without addresses: %v", node)
			}
			for range 5 {
				d.online(true)
				d.online(false)
			}
			d.nodeState("offline")
			d.online(true)
			d.nodeState("online")
		})
	}
}
