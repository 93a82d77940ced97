//go:build unix

package socket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// MaxPath is the longest path of a socket on this system, in bytes: 107 on
// Linux, 103 on macOS.
const MaxPath = len(syscall.RawSockaddrUnix{}.Path) - 1

// dialTime is how long somebody has to answer at a socket that exists.
const dialTime = time.Second

// Listen listens on the Unix socket at path, with mode 0600; a missing
// directory is made with mode 0700. A socket that nobody listens on is
// replaced, and one that somebody listens on is left alone, with an error that
// says so. Closing the listener removes the socket if it is still this one.
//
// Under socket activation (LISTEN_FDS) the socket that was handed down is used
// instead and never removed.
func Listen(path string) (net.Listener, error) {
	if ln, err := activated(); ln != nil || err != nil {
		return ln, err
	}
	if len(path) > MaxPath {
		return nil, fmt.Errorf("the socket's path has %d bytes and this system allows %d; choose a shorter one: %s", len(path), MaxPath, path)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the socket's directory: %w", err)
	}
	unlock, err := lock(dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := clear(path); err != nil {
		return nil, err
	}
	return bind(path)
}

// lock keeps two daemons from replacing the same socket at once. The lock is
// on the directory, so that nothing is left behind.
func lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the socket's directory: %w", err)
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("locking the socket's directory: %w", err)
	}
	return func() { _ = d.Close() }, nil
}

// clear removes a socket that nobody listens on.
func clear(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and is not a socket; move it away or choose another path", path)
	}
	conn, err := net.DialTimeout("unix", path, dialTime)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("another beckond answers at %s; stop it or choose another socket", path)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("somebody may be listening at %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing the socket that an earlier run left: %w", err)
	}
	return nil
}

func bind(path string) (net.Listener, error) {
	// Linux takes the mode of the new file from the socket itself, so that it
	// is at no moment open to others. Elsewhere this fails, and the directory
	// guards it until Chmod.
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) })
	}}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening on the socket: %w", err)
	}
	ln := &listener{UnixListener: l.(*net.UnixListener), path: path}
	ln.SetUnlinkOnClose(false)
	if err = os.Chmod(path, 0o600); err == nil {
		ln.made, err = os.Lstat(path)
	}
	if err != nil {
		_ = l.Close()
		_ = os.Remove(path)
		return nil, fmt.Errorf("closing the socket to others: %w", err)
	}
	return ln, nil
}

// listener removes its socket when it is closed, but no other's.
type listener struct {
	*net.UnixListener
	path string
	made fs.FileInfo
	once sync.Once
}

// Close stops listening and removes the socket if it is still this one.
func (l *listener) Close() error {
	l.once.Do(func() {
		now, err := os.Lstat(l.path)
		// An inode's number may be used again; its time tells them apart.
		if err == nil && os.SameFile(now, l.made) && now.ModTime().Equal(l.made.ModTime()) {
			_ = os.Remove(l.path)
		}
	})
	return l.UnixListener.Close()
}
