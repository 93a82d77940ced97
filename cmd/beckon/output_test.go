package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/api/client"
)

func TestCleanKeepsTheTerminalSafe(t *testing.T) {
	for in, want := range map[string]string{
		"grüße, 世界 👋":        "grüße, 世界 👋",
		"\x1b[2Jgone":        `\x1b[2Jgone`,
		"a\r\nb\tc\x00\x7f":  `a\r\nb\tc\x00\x7f`,
		"\u009b31m":          `\x9b31m`,
		"abc\u202efdp":       `abc\u202efdp`,
		"bad \xff\xfe bytes": `bad \xff\xfe bytes`,
		"line\u2028break":    `line\u2028break`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
	if got := cleanLines("v=0\r\n\x1b[1mx\n\ty\n", "  "); got != "  v=0\n  \\x1b[1mx\n  \ty" {
		t.Errorf("got %q", got)
	}
	if got := excerpt("世界世界", 2); got != "世界… (12 bytes)" {
		t.Errorf("got %q", got)
	}
}

func TestJSONIsSafeAndTheSame(t *testing.T) {
	in := "<a&b> \x1b[31m \u009b2J \u202e \U000e0001 \\u0041 \"世界\""
	var b bytes.Buffer
	printJSON(&b, map[string]string{"text": in})
	line := b.String()
	if strings.IndexFunc(strings.TrimSuffix(line, "\n"), unsafeRune) >= 0 || !strings.Contains(line, "<a&b>") {
		t.Errorf("got %s", line)
	}
	var out map[string]string
	if err := json.Unmarshal(b.Bytes(), &out); err != nil || out["text"] != in {
		t.Errorf("%q came back as %q (%v)", in, out["text"], err)
	}
}

func TestExitCodes(t *testing.T) {
	ended := func(state, failure string) error {
		return outcome{api.Invitation{State: state, Error: failure, EndedAt: now()}}
	}
	for _, tc := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{ended(api.AcceptedByRemote, ""), 0},
		{ended(api.Accepted, ""), 0},
		{ended(api.RefusedByRemote, ""), 6},
		{ended(api.Canceled, ""), 8},
		{ended(api.Failure, api.PeerOffline), 4},
		{ended(api.Failure, api.PeerNoResponse), 5},
		{ended(api.Failure, api.InvitationExpire), 7},
		{ended(api.Failure, api.NotLoggedIn), 1},
		{ended(api.Failure, api.AcceptFailure), 1},
		{ended("a_newer_state", ""), 1},
		{usagef("", "no"), 2},
		{&api.Problem{Code: api.CodeInvalidArgument}, 2},
		{&client.NotRunningError{Err: errors.New("no")}, 3},
		{&api.Problem{Code: api.CodeShuttingDown}, 3},
		{fmt.Errorf("in time: %w", context.DeadlineExceeded), 3},
		{&api.Problem{Code: api.CodePeerNotFound}, 4},
		{&api.Problem{Code: api.CodePeerUnreachable}, 4},
		{&api.Problem{Code: api.CodeNotFound}, 1},
		{&api.Problem{Code: api.CodeAlreadyEnd}, 1},
		{errors.New("anything"), 1},
	} {
		if got := testProgram().exit(context.Background(), tc.err); got != tc.want {
			t.Errorf("%v: exit code %d, want %d", tc.err, got, tc.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if got := testProgram().exit(ctx, ctx.Err()); got != 130 {
		t.Errorf("interrupted: exit code %d", got)
	}
}

func TestErrorsAreOneObjectWithJSON(t *testing.T) {
	var b bytes.Buffer
	p := testProgram()
	p.json, p.stderr = true, &b
	p.exit(context.Background(), &client.NotRunningError{Socket: "/s", Err: errors.New("no such file")})
	var problem api.Problem
	if err := json.Unmarshal(b.Bytes(), &problem); err != nil || problem.Code != "daemon_unreachable" || !strings.Contains(problem.Detail, "beckond") {
		t.Errorf("got %s (%v)", &b, err)
	}
}

func TestWho(t *testing.T) {
	for who, want := range map[string]string{
		them:                                  them,
		"beckon:" + them:                      them,
		"beckon:" + them + "?addr=/ip4/1.2.3": them,
		"QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N":                    "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
		"bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l": "bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l",
		"":                             "",
		"alice":                        "",
		them[:51]:                      "",
		them + "x":                     "",
		them[:51] + "0":                "",
		"beckon:":                      "",
		"../../etc/passwd":             "",
		"Qm" + them:                    "",
		"beckon://" + them:             "",
		"beckon:" + them + "?addr=%zz": "",
		strings.ToUpper(me):            "",
	} {
		got, _, err := parseWho(who)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v", who, got, err)
		}
	}
}

// What beckon id prints on one device is read on the other.
func TestInviteLinkIsReadBack(t *testing.T) {
	for _, addresses := range [][]string{
		nil, {"/ip4/192.0.2.1/tcp/1"}, {"/ip4/192.0.2.1/udp/1/quic-v1", "/ip6/2001:db8::1/tcp/2", "/dns4/a.example/tcp/443/tls/ws", "/ip6zone/a%20b/ip6/fe80::1/tcp/3"},
	} {
		node := api.Node{PeerID: them}
		for _, a := range addresses {
			node.Addresses = append(node.Addresses, a+"/p2p/"+them)
		}
		id, got, err := parseWho(inviteLink(node) + map[bool]string{true: "&later=1"}[addresses != nil])
		if id != them || err != nil || strings.Join(got, " ") != strings.Join(addresses, " ") {
			t.Errorf("%s: read back as %s %q, %v", inviteLink(node), id, got, err)
		}
	}
}

func TestInviteLinkPrefersAddressesThatOthersCanUse(t *testing.T) {
	for want, addresses := range map[string][]string{
		"beckon:P":                           nil,
		"beckon:P?addr=/ip4/127.0.0.1/tcp/1": {"/ip4/127.0.0.1/tcp/1/p2p/P", "/ip6/::1/tcp/1/p2p/P"},
		"beckon:P?addr=/a&addr=/b&addr=/c&addr=/dns/x%26y%3D": {"/ip4/127.0.0.1/tcp/1/p2p/P", "/a/p2p/P", "/b/p2p/P", "/c/p2p/P", "/dns/x&y=/p2p/P", "/e/p2p/P"},
	} {
		if got := inviteLink(api.Node{PeerID: "P", Addresses: addresses}); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	start := time.Now()
	good := api.Node{Online: true, State: api.StateOnline, Addresses: []string{"/a"}, StartedAt: api.Time{Time: start}, DHT: api.DHT{Mode: "server", RoutingTable: 3}}
	if found := diagnose(good, start); len(found) != 0 {
		t.Errorf("a healthy node has the troubles %v", found)
	}
	for name, tc := range map[string]struct {
		spoil func(*api.Node)
		say   string
	}{
		"logged out": {func(n *api.Node) { n.Online, n.State = false, api.StateOffline }, "logged out"},
		"offline":    {func(n *api.Node) { n.State = api.StateOffline }, "not on its network"},
		"deaf":       {func(n *api.Node) { n.Addresses = nil }, "no address"},
		"slow":       {func(n *api.Node) { n.State = api.StateJoining }, "takes long"},
		"alone":      {func(n *api.Node) { n.DHT.RoutingTable = 0 }, "no other peer"},
	} {
		n := good
		tc.spoil(&n)
		found := diagnose(n, start.Add(time.Minute))
		if len(found) != 1 || !strings.Contains(found[0].Problem, tc.say) || found[0].Hint == "" {
			t.Errorf("%s: got %v", name, found)
		}
	}
}
