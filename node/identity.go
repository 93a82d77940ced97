package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/google/renameio/v2"
	"github.com/libp2p/go-libp2p/core/crypto"
)

// The files of a data directory.
const (
	keyFile     = "identity.key"
	lockFile    = "lock"
	journalFile = "beckon.db"
	cacheFile   = "peers.json"
	serversFile = "servers.json"
)

// maxKeyFile is far over the 68 bytes of an Ed25519 key.
const maxKeyFile = 4 << 10

// lockDir makes the data directory and locks it for this process: one data
// directory is one peer.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made: %w; give another one with --data-dir", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be closed to other users: %w; give one that you own with --data-dir", err)
	}
	l := flock.New(filepath.Join(dir, lockFile), flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("the data directory cannot be locked: %w; give one that you may write with --data-dir", err)
	case !ok:
		return nil, fmt.Errorf("another beckond runs on %s; stop it, or give another --data-dir (and --socket) for a second peer", dir)
	}
	return l, nil
}

// loadKey reads the peer's key and makes it on the first run. A key that
// cannot be read is never replaced: it is the peer's name.
func loadKey(dir string) (crypto.PrivKey, error) {
	path := filepath.Join(dir, keyFile)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("the identity key cannot be read: %w", err)
	case !info.Mode().IsRegular() || info.Size() > maxKeyFile:
		return nil, fmt.Errorf("%s is not an identity key; put the right file back, or move it away to become a new peer", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read by other users (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the identity key cannot be read: %w", err)
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil || key.Type() != crypto.Ed25519 {
		return nil, fmt.Errorf("%s is damaged; put a copy back, or move it away to become a new peer", path)
	}
	return key, nil
}

func makeKey(path string) (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, err
	}
	raw, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, err
	}
	// A key is never in the system's temporary directory, not even for a moment.
	if err := renameio.WriteFile(path, raw, 0o600, renameio.IgnoreUmask(), renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return nil, fmt.Errorf("the identity key cannot be written: %w", err)
	}
	return key, nil
}
