package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// ErrNotRunning is matched by the error of every call that the daemon did not
// answer: nobody listens on the socket, or the connection broke.
var ErrNotRunning = errors.New("beckond does not answer")

// NotRunningError says where the daemon was looked for and why it did not
// answer.
type NotRunningError struct {
	Socket string
	Err    error
}

func (e *NotRunningError) Error() string {
	return fmt.Sprintf("beckond does not answer at %s: %v", e.Socket, e.Err)
}

// Hint says in one sentence what to do about it.
func (e *NotRunningError) Hint() string {
	if errors.Is(e.Err, fs.ErrPermission) {
		return "the socket belongs to another user; run beckond as yourself, or give your own socket with --socket or BECKON_SOCKET"
	}
	return "start the daemon with: beckond (or say where it listens with --socket or BECKON_SOCKET)"
}

// Is makes errors.Is(err, ErrNotRunning) true.
func (e *NotRunningError) Is(target error) bool { return target == ErrNotRunning }

func (e *NotRunningError) Unwrap() error { return e.Err }

// DefaultSocket is where the daemon listens unless told otherwise:
// $BECKON_SOCKET, else $XDG_RUNTIME_DIR/beckon/beckon.sock, else beckon.sock
// in the data directory ($BECKON_DATA_DIR, else beckon in $XDG_DATA_HOME). If
// nothing is at the second place but something at the third, it is the third:
// the daemon may have been started without a session.
func DefaultSocket() string {
	if s := os.Getenv("BECKON_SOCKET"); s != "" {
		return s
	}
	inData := filepath.Join(dataDir(), "beckon.sock")
	runtimeDir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(runtimeDir) {
		return inData
	}
	inRuntime := filepath.Join(runtimeDir, "beckon", "beckon.sock")
	if !exists(inRuntime) && exists(inData) {
		return inData
	}
	return inRuntime
}

func dataDir() string {
	if dir := os.Getenv("BECKON_DATA_DIR"); dir != "" {
		return dir
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "beckon")
	}
	home, _ := os.UserHomeDir() // without a home there is no daemon to be found
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "beckon")
	}
	return filepath.Join(home, ".local", "share", "beckon")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
