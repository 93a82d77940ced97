package node

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// simTemplate is the file of a new journal, of which the commits with the setting
// "fail" fail.
var simTemplate = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp(simBase, "sim")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "template")
	j, err := journal.Open(journal.Config{Path: path, Stamp: func() invitation.Stamp { return invitation.Stamp{BootID: "made"} }})
	if err != nil {
		panic(err)
	}
	if err := j.Close(); err != nil {
		panic(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		panic(err)
	}
	if _, err := db.Exec(`CREATE TRIGGER fails BEFORE INSERT ON settings WHEN NEW.name = 'fail' BEGIN SELECT RAISE(ABORT, 'on demand'); END`); err != nil {
		panic(err)
	}
	if err := db.Close(); err != nil {
		panic(err)
	}
	return simRead(path)
})

func simRead(path string) []byte {
	b, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return b
}

func simWrite(path string, b []byte) {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		panic(err)
	}
}

// copyFiles leaves the journal as a process that dies leaves it: the file and its
// log as they are now. A power cut takes the end of the log, as much of it as
// the disk may not have got: nothing waits for the disk but Sync, and what Sync
// has done is in the file itself.
func (d *simDevice) copyFiles(power bool) {
	old := d.path
	d.files++
	d.path = d.w.path(fmt.Sprintf("%s-%d", d, d.files))
	file, wal := simRead(old), simRead(old+"-wal")
	if power {
		ends := walCommits(wal)
		wal = wal[:ends[d.w.rand.IntN(len(ends))]]
	}
	simWrite(d.path, file)
	if len(wal) > 0 {
		simWrite(d.path+"-wal", wal)
	}
	d.leave2(old)
}

// leaveFiles closes what is open.
func (d *simDevice) leaveFiles() { d.leave2(d.path) }

func (d *simDevice) leave2(path string) {
	if err := d.journal.Close(); err != nil {
		panic(err)
	}
	for _, tail := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(path + tail)
	}
}

// walCommits are the lengths at which the write-ahead log can be cut so that a
// transaction was the last, from none on. The layout is that of SQLite's file format.
func walCommits(wal []byte) []int {
	const header, frameHeader = 32, 24
	ends := []int{0}
	if len(wal) < header {
		return ends
	}
	page := int(binary.BigEndian.Uint32(wal[8:]))
	salt := wal[16:24]
	for at := header; at+frameHeader+page <= len(wal); at += frameHeader + page {
		frame := wal[at:]
		if !bytes.Equal(frame[8:16], salt) {
			break
		}
		if binary.BigEndian.Uint32(frame[4:]) != 0 {
			ends = append(ends, at+frameHeader+page)
		}
	}
	return ends
}
