package devices

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// checkRefused starts a beckond that must not come up: it ends with exit code
// 1 and says one line on standard error, with these words.
func checkRefused(t *testing.T, dir, socket string, words ...string) {
	t.Helper()
	ctx := Context(t)
	cmd := exec.CommandContext(ctx, Binary(t, "beckond"), "--data-dir", dir, "--socket", socket,
		"--network", "test", "--mdns=false", "--listen", QUIC)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir)
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code %d (%v), want 1", code, err)
	}
	if out.Len() > 0 {
		t.Errorf("standard output: %q", out.String())
	}
	text := said.String()
	if strings.Count(text, "\n") != 1 {
		t.Errorf("it said more or less than one line: %q", text)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("it said %q, without %q", text, w)
		}
	}
}

// unharmed checks that a device is as it was while f runs: the same process
// that rings as before.
func unharmed(t *testing.T, d *Device, f func()) {
	t.Helper()
	before, err := d.Node(Context(t))
	if err != nil {
		t.Fatal(err)
	}
	f()
	after, err := d.Node(Context(t))
	if err != nil || after.Instance != before.Instance {
		t.Errorf("the first one was harmed: %v", err)
	}
	other := Start(t, "--bootstrap", d.Address("quic"))
	app := d.NewApp()
	inv := other.Ring(d, nil)
	app.Await("remote_invitation_received", inv.ID)
}

func TestSecondOnSameDirectory(t *testing.T) {
	t.Parallel()
	first := Start(t)
	unharmed(t, first, func() {
		checkRefused(t, first.Dir, socketPath(t), "another beckond runs on "+first.Dir, "--data-dir")
	})
}

func TestSecondOnLiveSocket(t *testing.T) {
	t.Parallel()
	first := Start(t)
	unharmed(t, first, func() {
		checkRefused(t, t.TempDir(), first.Socket, "another beckond answers at "+first.Socket)
	})
}

// TestStaleSocket: the socket that a killed daemon left is in nobody's way.
func TestStaleSocket(t *testing.T) {
	t.Parallel()
	d := Start(t)
	d.Kill()
	if _, err := os.Lstat(d.Socket); err != nil {
		t.Fatalf("there is no stale socket: %v", err)
	}
	id := d.ID
	d.Restart()
	if d.ID != id {
		t.Errorf("it was %s and is %s", id, d.ID)
	}
	if code := d.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if _, err := os.Lstat(d.Socket); !os.IsNotExist(err) {
		t.Errorf("an orderly stop leaves the socket: %v", err)
	}
}

// TestUnusableFiles: what is not the daemon's, or is damaged, is told and left
// as it is.
func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	good := Start(t)
	good.Ring(Start(t), nil)
	good.Stop()
	key := read(t, filepath.Join(good.Dir, "identity.key"))
	db := read(t, filepath.Join(good.Dir, "beckon.db"))
	torn := bytes.Clone(db)
	for i := range torn[100:] {
		torn[100+i] ^= 0x5a
	}
	for _, tt := range []struct {
		name, file string
		content    []byte
		mode       os.FileMode
		words      []string
	}{
		{"damaged key", "identity.key", []byte("not a key"), 0o600, []string{"identity.key", "damaged", "new peer"}},
		{"cut key", "identity.key", key[:len(key)/2], 0o600, []string{"identity.key", "damaged"}},
		{"empty key", "identity.key", nil, 0o600, []string{"identity.key", "damaged"}},
		{"key open to others", "identity.key", key, 0o644, []string{"identity.key", "chmod 600"}},
		{"foreign journal", "beckon.db", []byte("dear diary"), 0o600, []string{"beckon.db", "not a beckon journal"}},
		{"cut journal", "beckon.db", db[:len(db)/2], 0o600, []string{"beckon.db", "damaged"}},
		{"damaged journal", "beckon.db", torn, 0o600, []string{"beckon.db", "damaged"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "identity.key"), key, 0o600)
			path := filepath.Join(dir, tt.file)
			put(t, path, tt.content, tt.mode)
			checkRefused(t, dir, socketPath(t), tt.words...)
			if !bytes.Equal(read(t, path), tt.content) {
				t.Error("the file was changed")
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != tt.mode {
				t.Errorf("the mode is %v, %v", info.Mode(), err)
			}
			if beside, _ := filepath.Glob(path + "-*"); len(beside) > 0 {
				t.Errorf("left beside it: %v", beside)
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// put writes a file with that mode, whatever was there.
func put(t *testing.T, path string, content []byte, mode os.FileMode) {
	t.Helper()
	err := os.WriteFile(path, content, mode)
	if err == nil {
		err = os.Chmod(path, mode)
	}
	if err != nil {
		t.Fatal(err)
	}
}
