package devices

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestContractAnotherUser: only the socket's owner and root are served, by the
// mode of the file, and by what the kernel says of the other end.
func TestContractAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	d := lonely(t)
	status := func() (out string, code int) {
		cmd := exec.Command(Binary(t, "beckon"), "--json", "--socket", d.Socket, "status")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		b, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return string(b), cmd.ProcessState.ExitCode()
	}
	for _, dir := range []string{filepath.Dir(Binary(t, "beckon")), filepath.Dir(d.Socket)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := status(); code != 3 {
		t.Errorf("by the socket's mode: exit %d, %s", code, out)
	}
	if err := os.Chmod(d.Socket, 0o666); err != nil {
		t.Fatal(err)
	}
	if out, code := status(); code != 1 || !strings.Contains(out, `"code":"not_allowed"`) || !strings.Contains(out, `"status":403`) {
		t.Errorf("past the socket's mode: exit %d, %s", code, out)
	}
	d.want(200, "GET", "/v1/node", "") // root
}

// TestContractNoTCP: the API is on the socket alone.
func TestContractNoTCP(t *testing.T) {
	t.Parallel()
	d := Start(t, "--network", "lan", "--listen", QUIC)
	d.nodeState("online")
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", d.cmd.Process.Pid))
	if err != nil || len(fds) == 0 {
		t.Skip("no /proc that tells which sockets a process has")
	}
	var own []string // inodes of its sockets
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil && strings.HasPrefix(link, "socket:[") {
			own = append(own, strings.Trim(link, "socket:[]"))
		}
	}
	listening := func(table string) (n int) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", d.cmd.Process.Pid, table))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 9 && slices.Contains(own, f[9]) {
				n++
			}
		}
		return n
	}
	if udp := listening("udp"); udp == 0 {
		t.Error("its UDP socket is not seen: the test shows nothing")
	}
	if n := listening("tcp") + listening("tcp6"); n != 0 {
		t.Errorf("%d TCP sockets, and it was told to listen on QUIC only", n)
	}
}

// ports are the ports of a node's addresses, by transport.
func ports(t *testing.T, node object) map[string]string {
	t.Helper()
	found := map[string]string{}
	list, _ := node["addresses"].([]any)
	for _, v := range list {
		part := strings.Split(v.(string), "/") // "", ip4, IP, udp, PORT, …
		found[part[1]+" "+part[3]] = part[4]
	}
	return found
}

// TestContractKeptPort: a device that is not told where to listen does so with
// QUIC and TCP, IPv4 and IPv6, on one random port, and keeps it.
func TestContractKeptPort(t *testing.T) {
	t.Parallel()
	if !onLAN(t) {
		return
	}
	plain := func() *Device { return start(t, "--network", "lan", "--mdns=false") }
	d := plain()
	had := ports(t, d.nodeState("online"))
	port := had["ip4 udp"]
	want := map[string]string{"ip4 udp": port, "ip4 tcp": port, "ip6 udp": port, "ip6 tcp": port}
	if port == "" || fmt.Sprint(had) != fmt.Sprint(want) {
		t.Fatalf("it listens on %v, want one port on %v", had, want)
	}
	if other := ports(t, plain().nodeState("online")); other["ip4 udp"] == port {
		t.Errorf("two devices with the port %s", port)
	}
	same := func(after string) {
		t.Helper()
		if now := ports(t, d.nodeState("online")); fmt.Sprint(now) != fmt.Sprint(want) {
			t.Errorf("after %s at %v, before at %v", after, now, want)
		}
	}
	d.Kill()
	d.Restart()
	same("kill -9")
	d.Stop()
	d.Restart()
	same("an orderly stop")
	d.online(false)
	d.nodeState("offline")
	d.online(true)
	same("a logout")

	// Taken while the device was down: it takes another one, and is there.
	d.Stop()
	l, err := net.Listen("tcp", ":"+port)
	if err != nil {
		t.Fatal(err)
	}
	d.Restart()
	now := ports(t, d.nodeState("online"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if now["ip4 udp"] == port || now["ip4 udp"] == "" || now["ip4 tcp"] != now["ip4 udp"] {
		t.Errorf("with its port %s taken it listens on %v", port, now)
	}
}
