package devices

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/api/client"
)

// Patience bounds every wait; nothing takes it when all is well.
const Patience = 60 * time.Second

// Context returns a context that ends with the test or with patience.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

var build struct {
	once sync.Once
	dir  string
	out  []byte
	err  error
}

// Binary returns the path of a built command, beckond or beckon. All tests of
// a process share one build.
func Binary(t testing.TB, name string) string {
	t.Helper()
	build.once.Do(func() {
		if build.dir, build.err = os.MkdirTemp("", "beckon-bin-"); build.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", build.dir+"/", "github.com/beckon-p2p/beckon/cmd/...")
		build.out, build.err = cmd.CombinedOutput()
	})
	if build.err != nil {
		t.Fatalf("go build: %v\n%s", build.err, build.out)
	}
	return filepath.Join(build.dir, name)
}

// parallel is how many tests run at once: they mostly wait for clocks.
const parallel = "12"

// Main runs the tests of a package and takes the built commands away.
func Main(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", parallel)
	os.Setenv("BECKON_BOOTSTRAP", "none") // a test that names no network dials nobody either
	code := m.Run()
	if build.dir != "" {
		os.RemoveAll(build.dir)
	}
	os.Exit(code)
}

// Device is one daemon and its directory.
type Device struct {
	*client.Client
	ID     string // peer ID
	Socket string
	Dir    string

	t    testing.TB
	args []string
	cmd  *exec.Cmd
	err  *bytes.Buffer
	done chan struct{} // closed when the process has ended
}

// QUIC and TCP are the loopback addresses to listen on.
const (
	QUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
	TCP  = "/ip4/127.0.0.1/tcp/0"
)

// Start starts a device with these flags beside the temporary directories.
// Without a --listen among them it listens on loopback, QUIC and TCP.
func Start(t testing.TB, args ...string) *Device {
	t.Helper()
	given := strings.Join(args, " ")
	if !strings.Contains(given, "--listen") {
		args = append(args, "--listen", QUIC, "--listen", TCP)
	}
	if !strings.Contains(given, "--network") {
		args = append(args, "--network", "test")
	}
	if !strings.Contains(given, "--mdns") {
		args = append(args, "--mdns=false")
	}
	return start(t, args...)
}

// start starts a device with just these flags beside the temporary directories.
func start(t testing.TB, args ...string) *Device {
	t.Helper()
	d := &Device{t: t, Dir: t.TempDir(), Socket: socketPath(t)}
	d.args = append([]string{"--data-dir", d.Dir, "--socket", d.Socket}, args...)
	d.Client = client.New(d.Socket)
	d.Restart()
	t.Cleanup(func() {
		d.Kill()
		d.Client.Close()
		if t.Failed() {
			t.Logf("log of %s:\n%s", d.ID, d.err.String())
		}
	})
	return d
}

// socketPath is short: a socket's path has a limit that test names pass.
func socketPath(t testing.TB) string {
	dir, err := os.MkdirTemp("", "bk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "s")
}

// Restart starts the daemon on the directory that it had, and waits until it
// is ready.
func (d *Device) Restart() {
	d.t.Helper()
	if err := d.TryStart(); err != nil {
		d.t.Fatal(err)
	}
}

// TryStart is Restart that returns the error.
func (d *Device) TryStart() error {
	d.cmd = exec.Command(Binary(d.t, "beckond"), d.args...)
	d.err = new(bytes.Buffer)
	d.cmd.Stderr = d.err
	// Nothing of the user's own settings may reach the test.
	d.cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+d.Dir, "QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING=true")
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	done, cmd := make(chan struct{}), d.cmd
	d.done = done
	go func() {
		defer close(done)
		io.Copy(io.Discard, out)
		cmd.Wait()
	}()
	if err != nil {
		<-done
		return fmt.Errorf("beckond ended: %v\n%s", cmd.ProcessState, d.err.String())
	}
	fields := strings.Fields(line)
	if len(fields) != 3 || fields[0] != "ready" || !strings.HasPrefix(fields[1], "peer_id=") {
		return fmt.Errorf("beckond printed %q", line)
	}
	d.ID = strings.TrimPrefix(fields[1], "peer_id=")
	return nil
}

// KeepAddresses makes the device listen where it listens now after a restart
// too, as a device with a port of its own does.
func (d *Device) KeepAddresses() {
	d.t.Helper()
	for i, arg := range d.args {
		if arg != QUIC && arg != TCP {
			continue
		}
		words := map[string]string{QUIC: "/quic-v1", TCP: "/tcp/"}
		d.args[i], _, _ = strings.Cut(d.Address(words[arg]), "/p2p/")
	}
}

// Kill ends the process at once, as kill -9 does.
func (d *Device) Kill() { d.signalAndWait(syscall.SIGKILL) }

// Stop ends the process in order and returns its exit code.
func (d *Device) Stop() int {
	d.signalAndWait(syscall.SIGTERM)
	return d.cmd.ProcessState.ExitCode()
}

func (d *Device) signalAndWait(s syscall.Signal) {
	if d.done == nil {
		return
	}
	d.cmd.Process.Signal(s)
	d.cmd.Process.Signal(syscall.SIGCONT)
	<-d.done
}

// Freeze stops the process as a lost network or a sleeping machine would seem
// to its peers, and returns when every thread of it stands; Thaw lets it go on.
func (d *Device) Freeze() {
	d.t.Helper()
	d.cmd.Process.Signal(syscall.SIGSTOP)
	for deadline := time.Now().Add(Patience); !d.stands(); {
		if time.Now().After(deadline) {
			d.t.Fatal("the process does not stop")
		}
		runtime.Gosched()
	}
}

// stands reports whether all threads of the process are stopped.
func (d *Device) stands() bool {
	stats, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", d.cmd.Process.Pid))
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		if i := bytes.LastIndexByte(stat, ')'); i < 0 || !bytes.HasPrefix(stat[i:], []byte(") T")) {
			return false
		}
	}
	return len(stats) > 0
}

// Thaw ends a Freeze.
func (d *Device) Thaw() { d.cmd.Process.Signal(syscall.SIGCONT) }

// Address returns a multiaddr of the device that holds the given word.
func (d *Device) Address(word string) string {
	d.t.Helper()
	n, err := d.Node(Context(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, a := range n.Addresses {
		if strings.Contains(a, word) {
			return a
		}
	}
	d.t.Fatalf("no address with %s in %v", word, n.Addresses)
	return ""
}

// AwaitFile waits until a file of the data directory holds some words.
func (d *Device) AwaitFile(name, words string) {
	d.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); ; <-tick.C {
		b, err := os.ReadFile(filepath.Join(d.Dir, name))
		if err == nil && bytes.Contains(b, []byte(words)) {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s never held %s (%v)", name, words, err)
		}
	}
}

// AwaitOnline waits until the device has joined its network.
func (d *Device) AwaitOnline() {
	d.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(Patience); ; <-tick.C {
		n, err := d.Node(Context(d.t))
		if err == nil && n.State == "online" {
			return
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s does not come online: %s (%v)", d.ID, n.State, err)
		}
	}
}
