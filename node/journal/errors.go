package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"modernc.org/sqlite"
)

// What can be wrong with a journal. An *Error matches one of them by
// errors.Is and says in its text what to do.
var (
	ErrForeign  = errors.New("not a beckon journal")
	ErrNewer    = errors.New("written by a newer beckond")
	ErrDamaged  = errors.New("damaged")
	ErrReadOnly = errors.New("cannot be written")
	ErrFull     = errors.New("no room on the disk")
	ErrBusy     = errors.New("in use by another process")
	ErrClosed   = errors.New("closed")
)

// Error is a failure of the journal as a whole. The file is never changed or
// removed on account of one.
type Error struct {
	Path   string
	Kind   error  // one of the above
	Advice string // what to do next
	Err    error  // what the system said; may be nil
}

func (e *Error) Error() string {
	s := fmt.Sprintf("journal %s is %v: %s", e.Path, e.Kind, e.Advice)
	switch e.Kind {
	case ErrReadOnly:
		s = fmt.Sprintf("journal %s %v: %s", e.Path, e.Kind, e.Advice)
	case ErrFull:
		s = fmt.Sprintf("journal %s: %v: %s", e.Path, e.Kind, e.Advice)
	}
	if e.Err != nil {
		s += " (" + e.Err.Error() + ")"
	}
	return s
}

// Unwrap makes both the kind and the cause match by errors.Is.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

const (
	adviseDamaged  = "move it and its -wal file away, restore a copy if there is one, and start again"
	adviseForeign  = "move it away or choose another data directory, and start again"
	adviseNewer    = "install that version again, or move the file away to start with an empty history"
	adviseReadOnly = "make the file and its directory writable for this user, or choose another data directory"
	adviseFull     = "free some space and try again; nothing was changed"
	adviseBusy     = "stop the other process and try again; nothing was changed"
)

// Primary result codes of SQLite, which are part of its file-format-stable API.
const (
	sqliteBusy     = 5
	sqliteReadonly = 8
	sqliteCorrupt  = 11
	sqliteFull     = 13
	sqliteCantOpen = 14
	sqliteNotADB   = 26
)

// explain turns what the system or SQLite said into an *Error where the user
// can do something about it, and leaves it as it is elsewhere.
func explain(path string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	kind, advice := error(nil), ""
	var se *sqlite.Error
	switch {
	case errors.As(err, &se):
		switch se.Code() & 0xff {
		case sqliteBusy:
			kind, advice = ErrBusy, adviseBusy
		case sqliteReadonly, sqliteCantOpen:
			kind, advice = ErrReadOnly, adviseReadOnly
		case sqliteFull:
			kind, advice = ErrFull, adviseFull
		case sqliteCorrupt, sqliteNotADB:
			kind, advice = ErrDamaged, adviseDamaged
		}
	case errors.Is(err, syscall.ENOSPC):
		kind, advice = ErrFull, adviseFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		kind, advice = ErrReadOnly, adviseReadOnly
	}
	if kind == nil {
		return fmt.Errorf("journal %s: %w", path, err)
	}
	return &Error{Path: path, Kind: kind, Advice: advice, Err: err}
}
