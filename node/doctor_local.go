package node

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/beckon-p2p/beckon/node/doctor"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// settingDoctor is what the doctor writes to see whether it can.
const settingDoctor = "doctor"

func (n *Node) keyFacts() doctor.KeyFacts {
	f := doctor.KeyFacts{Path: filepath.Join(n.settings.DataDir, keyFile), Dir: n.settings.DataDir}
	if info, err := os.Stat(f.Dir); err == nil {
		f.DirMode = info.Mode()
	}
	info, err := os.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Missing = true
		return f
	case err != nil:
		f.Err = err.Error()
		return f
	}
	f.Mode = info.Mode()
	if !info.Mode().IsRegular() || info.Size() > maxKeyFile {
		f.Err = "it is not a file that could be a key"
		return f
	}
	raw, err := os.ReadFile(f.Path)
	if err != nil {
		f.Err = err.Error()
		return f
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil {
		f.Err = "it is damaged"
		return f
	}
	f.Other = !key.Equals(n.key)
	return f
}

func (n *Node) diskFacts(ctx context.Context) doctor.DiskFacts {
	f := doctor.DiskFacts{Dir: n.settings.DataDir}
	free, err := freeSpace(f.Dir)
	if f.Free = free; err != nil {
		f.FreeErr = err.Error()
	}
	start := time.Now()
	_, err = ask(ctx, n.sb, func(t *turn) (struct{}, error) {
		t.batch.Setting(settingDoctor, start.UTC().Format(time.RFC3339))
		return struct{}{}, nil
	})
	f.Took = time.Since(start)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		f.Write = "it takes longer than " + doctor.Deadline.String()
	case err != nil:
		f.Write = err.Error()
	}
	return f
}

func (n *Node) clockFacts(u *uplink) doctor.ClockFacts {
	f := doctor.ClockFacts{Jump: jump(n.begun, n.settings.Clock.Stamp())}
	if u != nil {
		s := u.reached.State()
		f.Places, f.Past = s.Places, s.Past
	}
	return f
}

// jump is how far the wall clock got ahead of the running one. The monotonic
// reading that Go keeps in a time must not count.
func jump(from, to invitation.Stamp) time.Duration {
	return to.Wall.Round(0).Sub(from.Wall.Round(0)) - to.Clock.Sub(from.Clock)
}

// lockGone reports whether the file that locks the data directory is not the
// one that this process holds.
func (n *Node) lockGone() bool {
	held, err := n.lock.Stat()
	if err != nil {
		return true
	}
	there, err := os.Stat(filepath.Join(n.settings.DataDir, lockFile))
	return err != nil || !os.SameFile(held, there)
}
