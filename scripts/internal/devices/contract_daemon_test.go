package devices

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// attempt is a daemon that may not come up.
type attempt struct {
	args   []string
	env    []string
	config string // text of config.toml
}

// run starts beckond with its own config directory, stops it when it is ready
// and returns its standard output, its exit code and its standard error.
func (a attempt) run(t *testing.T) (ready string, code int, complaint string) {
	t.Helper()
	home := t.TempDir()
	if a.config != "" {
		if err := os.MkdirAll(filepath.Join(home, "beckon"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, "beckon", "config.toml"), []byte(a.config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(Binary(t, "beckond"), a.args...)
	cmd.Env = append([]string{"XDG_CONFIG_HOME=" + home, "XDG_DATA_HOME=" + home, "HOME=" + home, "PATH=" + os.Getenv("PATH")}, a.env...)
	var out, err bytes.Buffer
	cmd.Stderr = &err
	pipe, perr := cmd.StdoutPipe()
	if perr != nil {
		t.Fatal(perr)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cut := time.AfterFunc(Patience, func() { cmd.Process.Kill() })
	defer cut.Stop()
	b := make([]byte, 4096)
	n, _ := pipe.Read(b)
	out.Write(b[:n])
	cmd.Process.Signal(syscall.SIGINT)
	cmd.Wait() // the exit code says it
	return out.String(), cmd.ProcessState.ExitCode(), err.String()
}

// quiet are the settings of a daemon that says nothing to anybody.
var quiet = []string{"--network", "lan", "--mdns=false", "--listen", TCP}

// TestContractSecondDaemon: one data directory is one peer, and a socket is
// one daemon's; whoever comes second harms nothing.
func TestContractSecondDaemon(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	elsewhere := filepath.Join(filepath.Dir(socketPath(t)), "s")
	long := filepath.Join(t.TempDir(), strings.Repeat("long/", 30)+"s")
	for what, args := range map[string][]string{
		"same directory": {"--data-dir", d.Dir, "--socket", elsewhere},
		"same socket":    {"--data-dir", t.TempDir(), "--socket", d.Socket},
		"long path":      {"--data-dir", t.TempDir(), "--socket", long},
	} {
		out, code, complaint := attempt{args: append(args, quiet...)}.run(t)
		if code != 1 || out != "" || !strings.Contains(complaint, "beckond") {
			t.Errorf("%s: exit %d, %q, %q", what, code, out, complaint)
		}
		if d.want(200, "GET", "/v1/node", "").str("peer_id") != d.ID {
			t.Errorf("%s: it harmed the first", what)
		}
	}
	// A socket that nobody listens on is replaced.
	d.Kill()
	if _, err := os.Stat(d.Socket); err != nil {
		t.Fatalf("kill -9 took the socket away: %v", err)
	}
	d.Restart()
	d.want(200, "GET", "/v1/node", "")
	if info, err := os.Stat(d.Socket); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the new socket: %v %v", info, err)
	}
}

// TestContractSettings: flag over environment over file over default; what is
// not known is an error.
func TestContractSettings(t *testing.T) {
	t.Parallel()
	file := "network = \"lan\"\nmdns = false\nlisten = [\"" + TCP + "\"]\n"
	socket := func() string { return socketPath(t) }
	inFile, inEnv, inFlag := socket(), socket(), socket()
	all := attempt{config: file + "socket = \"" + inFile + "\"\n"}
	for _, want := range []string{inFile, inEnv, inFlag} {
		switch want {
		case inEnv:
			all.env = []string{"BECKON_SOCKET=" + inEnv}
		case inFlag:
			all.args = []string{"--socket", inFlag}
		}
		out, code, complaint := all.run(t)
		if code != 0 || !strings.HasPrefix(out, "ready peer_id=12D3KooW") || !strings.HasSuffix(out, " socket="+want+"\n") || strings.Count(out, "\n") != 1 {
			t.Errorf("exit %d, %q %s, want the socket %s", code, out, complaint, want)
		}
		if _, err := os.Stat(want); err == nil {
			t.Errorf("an orderly stop leaves %s", want)
		}
	}
	// The defaults of places: XDG_RUNTIME_DIR, else the data directory.
	runtime := filepath.Dir(socket())
	env := []string{"BECKON_NETWORK=lan", "BECKON_MDNS=false", "BECKON_LISTEN=" + TCP + "," + QUIC, "BECKON_LOG_LEVEL=error"}
	for want, more := range map[string][]string{
		runtime + "/beckon/beckon.sock": {"XDG_RUNTIME_DIR=" + runtime}, runtime + "/beckon.sock": {"BECKON_DATA_DIR=" + runtime},
	} {
		out, code, complaint := attempt{env: append(more, env...)}.run(t)
		if code != 0 || !strings.HasSuffix(out, " socket="+want+"\n") {
			t.Errorf("exit %d, %q %s, want the socket %s", code, out, complaint, want)
		}
	}
	dir := []string{"--data-dir", t.TempDir(), "--socket", socket()}
	for what, a := range map[string]attempt{
		"unknown key in the file": {config: file + "colour = \"red\"\n"}, "broken file": {config: "listen ="},
		"unknown flag": {args: []string{"--colour", "red"}}, "argument": {args: []string{"start"}},
		"network": {args: []string{"--network", "A B"}}, "listen": {args: []string{"--network", "lan", "--listen", "here"}},
		"bootstrap": {args: []string{"--network", "x", "--bootstrap", "/ip4/127.0.0.1/tcp/1"}}, "log level": {args: []string{"--network", "lan", "--log-level", "loud"}},
		"reachability": {args: []string{"--network", "lan", "--reachability", "often"}}, "relay": {args: []string{"--network", "lan", "--relay", "here"}},
		"mdns": {env: []string{"BECKON_MDNS=perhaps"}}, "address of another machine": {args: []string{"--network", "lan", "--mdns=false", "--listen", "/ip4/192.0.2.1/tcp/0"}},
	} {
		a.args = append(a.args, dir...)
		if what == "argument" {
			a.args = append(dir, "start")
		}
		if out, code, complaint := a.run(t); code == 0 || out != "" || complaint == "" {
			t.Errorf("%s: exit %d, %q, %q", what, code, out, complaint)
		}
	}
}

// TestContractStop: an orderly stop takes at most 5 s with readers that do not
// read and waits that wait; what is live goes on at the next start.
func TestContractStop(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	id := text(d.ring(nobody, `"reach_ms":600000`), "id")
	for range 3 {
		c, err := net.Dial("unix", d.Socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte("GET /v1/events HTTP/1.1\r\nHost: beckon\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
	}
	waited := make(chan reply, 2)
	for _, path := range []string{"/v1/invitations/" + id + "?wait=ended", "/v1/events?wait_ms=60000&app=none"} {
		go func() {
			r, _ := d.tryAsk("GET", path, "", "Accept", "application/json") // the daemon goes away under it
			waited <- r
		}()
	}
	f := d.follow("?app=call")
	start := time.Now()
	if code := d.Stop(); code != 0 || time.Since(start) > 5*time.Second {
		t.Errorf("exit %d after %v", code, time.Since(start))
	}
	if bye := f.next(); bye.event != "bye" {
		t.Errorf("the last record is %q", bye.lines)
	}
	for range 2 {
		if r := <-waited; r.status == 503 && r.header.Get("Retry-After") == "" {
			t.Errorf("shutting_down without Retry-After: %s", r.raw)
		}
	}
	d.Restart()
	if inv := d.want(200, "GET", "/v1/invitations/"+id, "").body; text(inv, "state") != "sent_to_remote" || num(inv, "left_ms") < 500_000 {
		t.Errorf("after an orderly stop: %v", inv)
	}
}

// TestContractPeers: looking peers up and pinging them.
func TestContractPeers(t *testing.T) {
	t.Parallel()
	// TCP tells of a dead process at once.
	a := Start(t, "--listen", TCP)
	b := Start(t, "--listen", TCP, "--bootstrap", a.Address("tcp"))
	c := Start(t, "--listen", TCP, "--bootstrap", a.Address("tcp"))
	for _, d := range []*Device{a, b, c} {
		d.nodeState("online")
	}
	found := b.want(200, "GET", "/v1/peers/"+c.ID, "").body
	addresses, _ := found["addresses"].([]any)
	if text(found, "peer_id") != c.ID || text(found, "connectedness") != "connected" || text(found, "path") != "lan" || text(found, "source") == "" ||
		num(found, "took_ms") < 0 || len(addresses) == 0 {
		t.Errorf("found: %v", found)
	}
	ping := b.want(200, "POST", "/v1/peers/"+c.ID+"/ping", "").body
	if num(ping, "rtt_ms") <= 0 || text(ping, "path") != "lan" {
		t.Errorf("ping: %v", ping)
	}
	peers := b.want(200, "GET", "/v1/peers", "").body["peers"]
	ids := map[string]bool{}
	for _, v := range peers.([]any) {
		ids[text(v.(object), "peer_id")] = true
	}
	if !ids[a.ID] || !ids[c.ID] {
		t.Errorf("peers: %v", peers)
	}
	start := time.Now()
	b.refused(404, "peer_not_found", "GET", "/v1/peers/"+nobody+"?timeout_ms=1500", "")
	if time.Since(start) > 1500*time.Millisecond+late {
		t.Errorf("a lookup of 1500 ms took %v", time.Since(start))
	}
	c.Kill()
	until(t, "the dead one is gone", func() bool {
		return !strings.Contains(string(b.want(200, "GET", "/v1/peers", "").raw), c.ID)
	})
	gone := b.want(200, "GET", "/v1/peers/"+c.ID+"?timeout_ms=2000", "").body
	if text(gone, "connectedness") != "unreachable" || text(gone, "path") != "" {
		t.Errorf("found and not to be dialed: %v", gone)
	}
	if r := b.refused(503, "peer_unreachable", "POST", "/v1/peers/"+c.ID+"/ping", ""); r.header.Get("Retry-After") == "" {
		t.Errorf("503 without Retry-After: %v", r.header)
	}
}
