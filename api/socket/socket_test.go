package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("LISTEN_IN_CHILD"); path != "" {
		ln, err := Listen(path)
		if err == nil {
			fmt.Print(ln.Addr())
			err = ln.Close()
		}
		if err != nil {
			fmt.Print(err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func listen(t *testing.T, path string) net.Listener {
	t.Helper()
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// get asks the server at path and returns its answer.
func get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }}
	res, err := (&http.Client{Transport: transport}).Get("http://beckon/")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(b)
}

func hello(word string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, word) })
}

func run(t *testing.T, ln net.Listener, h http.Handler) *Server {
	t.Helper()
	s := Serve(ln, h)
	t.Cleanup(func() { _ = s.Shutdown(context.Background()) })
	return s
}

func TestOnlyTheOwnerMayOpenIt(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(dir, "s")
	listen(t, path)
	for place, want := range map[string]fs.FileMode{dir: fs.ModeDir | 0o700, path: fs.ModeSocket | 0o600} {
		if info, err := os.Stat(place); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, want %v (%v)", place, info.Mode(), want, err)
		}
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()

	// Of several daemons that find it, one gets it.
	const n = 8
	got := make(chan net.Listener, n)
	for range n {
		go func() {
			ln, _ := Listen(path)
			got <- ln
		}()
	}
	won := 0
	for range n {
		if ln := <-got; ln != nil {
			won++
			defer ln.Close()
		}
	}
	if won != 1 {
		t.Errorf("%d listen on one socket", won)
	}
}

func TestLiveSocketIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	run(t, listen(t, path), hello("first"))
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "another beckond answers at "+path) {
		t.Errorf("the second is told %v", err)
	}
	if _, got := get(t, path); got != "first" {
		t.Errorf("the first answers %q", got)
	}
}

func TestOtherFilesAreLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("told %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Errorf("the file holds %q", b)
	}
}

func TestPathTooLong(t *testing.T) {
	dir := t.TempDir()
	fits := filepath.Join(dir, strings.Repeat("s", MaxPath-len(dir)-1))
	listen(t, fits)
	_, err := Listen(fits + "s")
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%d bytes and this system allows %d", MaxPath+1, MaxPath)) {
		t.Errorf("told %v", err)
	}
}

func TestCloseRemovesOnlyItsOwnSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first := listen(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second := listen(t, path)
	_ = first.Close()
	if _, err := os.Stat(path); err != nil {
		t.Error("the first has removed the second's socket")
	}
	_ = second.Close()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestStrangersAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s := serve(listen(t, path), hello("secret"), func(uid uint32) bool { return int(uid) != os.Getuid() })
	defer s.Shutdown(context.Background())
	res, body := get(t, path)
	var p struct {
		Code   string
		Status int
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil || p.Code != "not_allowed" || p.Status != 403 {
		t.Errorf("told %s", body)
	}
	if res.StatusCode != 403 || res.Header.Get("Content-Type") != "application/problem+json" || !res.Close {
		t.Errorf("%d %v, closed %v", res.StatusCode, res.Header, res.Close)
	}
}

// Another user gets a 403 even where the file's mode lets it in.
func TestAnotherUserIsRefused(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil || os.Getuid() != 0 {
		t.Skip("needs root, to become somebody else, and curl")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	run(t, listen(t, path), hello("secret"))
	for place, mode := range map[string]fs.FileMode{filepath.Dir(dir): 0o755, dir: 0o755, path: 0o666} {
		if err := os.Chmod(place, mode); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(curl, "-sS", "--unix-socket", path, "http://beckon/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"code":"not_allowed"`) {
		t.Errorf("told %s, %v", out, err)
	}
}

func TestShutdownLetsStreamsSayBye(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	started := make(chan struct{})
	s := run(t, listen(t, path), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		<-r.Context().Done()
		_, _ = io.WriteString(w, "bye")
	}))
	told := make(chan string)
	go func() {
		_, body := get(t, path)
		told <- body
	}()
	<-started
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if got := <-told; got != "bye" {
		t.Errorf("told %q", got)
	}
	<-s.Done()
	if s.Err() != nil {
		t.Error(s.Err())
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	started, release := make(chan struct{}), make(chan struct{})
	s := run(t, listen(t, path), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(started)
		<-release
	}))
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: beckon\r\n\r\n")
	<-started
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if b, err := io.ReadAll(conn); err != nil || len(b) > 0 {
		t.Errorf("read %q, %v", b, err)
	}
	close(release)
}

func TestServingThatEndsByItselfSaysWhy(t *testing.T) {
	ln := listen(t, filepath.Join(t.TempDir(), "s"))
	s := run(t, ln, hello(""))
	_ = ln.Close()
	<-s.Done()
	if s.Err() == nil {
		t.Error("no reason")
	}
}

func TestHandedDownSocketIsUsed(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "handed-down")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	file, err := ln.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for fds, want := range map[int]string{1: path, 2: "2 sockets were handed down"} {
		cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0"`, os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", fds), "LISTEN_IN_CHILD="+filepath.Join(dir, "own"))
		cmd.ExtraFiles = []*os.File{file, file}[:fds]
		if out, _ := cmd.Output(); !strings.HasPrefix(string(out), want) {
			t.Errorf("%d handed down: %s", fds, out)
		}
	}
	if _, err := os.Stat(path); err != nil {
		t.Error("the socket that was handed down is gone")
	}
}
