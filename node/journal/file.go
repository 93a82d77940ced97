package journal

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const sqliteMagic = "SQLite format 3\x00"

// prepareFile makes sure that there is a journal at path that this version can
// open: it creates one where there is none, and refuses anything else without
// having written to it.
func prepareFile(ctx context.Context, path string) error {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path + "-wal"); err == nil {
			// SQLite would apply the old log to the new file.
			return &Error{Path: path, Kind: ErrDamaged, Advice: "its -wal file is there and itself is not; put it back or move the -wal file away, and start again"}
		}
		return create(ctx, path)
	case err != nil:
		return err
	}
	header := make([]byte, 100)
	n, err := io.ReadFull(f, header)
	info, statErr := f.Stat()
	f.Close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	if statErr != nil {
		return statErr
	}
	return inspect(ctx, path, header[:n], info.Size())
}

// inspect refuses a file that is no journal of this version. Names of the
// header's fields are those of SQLite's file format.
func inspect(ctx context.Context, path string, header []byte, size int64) error {
	damaged := func(what string) error {
		return &Error{Path: path, Kind: ErrDamaged, Advice: adviseDamaged, Err: errors.New(what)}
	}
	if n := min(len(header), len(sqliteMagic)); string(header[:n]) != sqliteMagic[:n] {
		return &Error{Path: path, Kind: ErrForeign, Advice: adviseForeign}
	}
	if len(header) < 100 {
		return damaged(fmt.Sprintf("it has only %d bytes", size))
	}
	if binary.BigEndian.Uint32(header[68:]) != applicationID {
		return &Error{Path: path, Kind: ErrForeign, Advice: adviseForeign}
	}
	if version := binary.BigEndian.Uint32(header[60:]); version > uint32(len(migrations)) {
		return &Error{Path: path, Kind: ErrNewer, Advice: adviseNewer}
	}
	access := "immutable=1" // leaves no -wal and -shm files beside it
	if wal, err := os.Stat(path + "-wal"); err == nil && wal.Size() > 0 {
		access = "mode=ro" // what counts is the file with its log
	} else {
		pageSize := int64(binary.BigEndian.Uint16(header[16:]))
		if pageSize == 1 {
			pageSize = 1 << 16
		}
		if want := int64(binary.BigEndian.Uint32(header[28:])) * pageSize; size < want {
			return damaged(fmt.Sprintf("it has %d bytes of %d", size, want))
		}
	}
	return check(ctx, path, access)
}

// check reads the whole file once, without writing, and refuses what SQLite
// finds wrong.
func check(ctx context.Context, path, access string) error {
	db, err := connect(path, 1, 256, access)
	if err != nil {
		return err
	}
	defer db.Close()
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(migrations) {
		return &Error{Path: path, Kind: ErrNewer, Advice: adviseNewer}
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &Error{Path: path, Kind: ErrDamaged, Advice: adviseDamaged, Err: errors.New(verdict)}
	}
	return nil
}

// create makes an empty journal under another name and moves it into place, so
// that a crash never leaves half a file that the next start would refuse.
func create(ctx context.Context, path string) (err error) {
	draft := path + ".new"
	for _, tail := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(draft + tail); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(draft, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	f.Close()
	defer func() {
		if err != nil {
			os.Remove(draft)
		}
	}()
	if err := fill(ctx, draft); err != nil {
		return err
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func fill(ctx context.Context, draft string) error {
	db, err := connect(draft, 1, 256)
	if err != nil {
		return err
	}
	defer db.Close()
	err = withConn(ctx, db, func(c *sql.Conn) error {
		if _, err := c.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
			return err
		}
		if err := migrate(ctx, c, migrations); err != nil {
			return err
		}
		_, err := c.ExecContext(ctx, "INSERT INTO journal VALUES (1, ?, '', 1, 0, 0)", newEpoch())
		return err
	})
	if err != nil {
		return err
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("this file system cannot keep a write-ahead log (mode %s): choose another data directory", mode)
	}
	return nil
}

func withConn(ctx context.Context, db *sql.DB, do func(*sql.Conn) error) error {
	c, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(c)
}

// syncDir makes a rename in dir survive a power cut, where the system lets a
// directory be synced.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, fs.ErrInvalid) {
		return err
	}
	return nil
}
