package journal

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"
)

// Config says where the journal is and what time it is.
type Config struct {
	Path  string                  // of the SQLite file; -wal and -shm files stand beside it
	Stamp func() invitation.Stamp // this machine's clocks now; called from several goroutines
	// ByHand leaves it to calls of Sync to bring commits to the disk. Simulations,
	// which have a time of their own, do so.
	ByHand bool
	// KeepEvents and KeepEventsFor bound the event log more narrowly than usual;
	// 0: not. Simulations, whose days are short, do so.
	KeepEvents    int64
	KeepEventsFor time.Duration
}

// Journal is an open journal. Its methods may be called from any goroutine.
type Journal struct {
	path  string
	stamp func() invitation.Stamp
	epoch string
	first invitation.Stamp // when this boot first opened the journal, on the steady time
	ahead time.Duration    // of the wall clock, as it was last noted; whoever has the writer owns it
	keep  int64            // events in the log; less than keepEvents in tests only
	young time.Duration    // and how long each; less than keepEventsFor in tests only

	unanswered, unansweredOf int // of all callers and of each; less than their constants in tests only

	// writer holds the one writing connection while nobody writes. Commit and
	// Prune take it out and put it back; Close takes it for good.
	writer  chan *writer
	readers *sql.DB
	queries *queries
	syncer  *syncer
	closing atomic.Bool
	buried  atomic.Int64 // tombstones ever stored since the start, and those found then

	mu     sync.RWMutex // guards what follows; never held across I/O
	head   int64        // seq of the last event
	pruned int64        // seq of the last event that retention has removed
	tail   tail
	recent recent
}

// Open opens the journal at cfg.Path and creates it where there is no file. Only one
// process may have it open, which the caller sees to. A file that is not a
// journal, is damaged, or was written by a newer version is refused with an
// *Error and left as it is.
//
// If the machine went down without a Close, the event log starts a new epoch:
// what was told in its last second may have been lost, and a sequence number
// must never mean two things.
func Open(cfg Config) (*Journal, error) {
	j, err := open(context.Background(), cfg)
	if err != nil {
		return nil, explain(cfg.Path, err)
	}
	return j, nil
}

func open(ctx context.Context, cfg Config) (_ *Journal, err error) {
	if err := prepareFile(ctx, cfg.Path); err != nil {
		return nil, err
	}
	j := &Journal{path: cfg.Path, stamp: cfg.Stamp, keep: keepEvents, young: keepEventsFor, writer: make(chan *writer, 1),
		unanswered: keepUnanswered, unansweredOf: keepUnansweredOf}
	if cfg.KeepEvents > 0 {
		j.keep = min(j.keep, cfg.KeepEvents)
	}
	if cfg.KeepEventsFor > 0 {
		j.young = min(j.young, cfg.KeepEventsFor)
	}
	w, err := openWriter(ctx, cfg.Path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if err := j.begin(ctx, w, cfg.Stamp()); err != nil {
		return nil, err
	}
	if j.readers, err = connect(cfg.Path, 4, 256, "_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	if j.queries, err = prepareQueries(ctx, j.readers); err != nil {
		return nil, errors.Join(err, j.readers.Close())
	}
	if j.syncer, err = startSyncer(cfg.Path, cfg.ByHand); err != nil {
		return nil, errors.Join(err, j.readers.Close())
	}
	j.writer <- w
	return j, nil
}

// begin settles the epoch, reads where the log stands, and marks the file as
// being in use. The mark is on the disk before the first event is.
func (j *Journal) begin(ctx context.Context, w *writer, now invitation.Stamp) error {
	var boot string
	var clean bool
	err := w.conn.QueryRowContext(ctx, "SELECT epoch, boot_id, clean, pruned FROM journal").Scan(&j.epoch, &boot, &clean, &j.pruned)
	if err != nil {
		return err
	}
	err = w.transact(ctx, func() error {
		if !clean && boot != now.BootID {
			j.epoch, j.pruned = newEpoch(), 0
			if _, err := w.conn.ExecContext(ctx, "DELETE FROM events"); err != nil {
				return err
			}
		}
		if err := j.startSteady(ctx, w, now); err != nil {
			return err
		}
		_, err := w.conn.ExecContext(ctx, "UPDATE journal SET epoch = ?, boot_id = ?, clean = 0, pruned = ?", j.epoch, now.BootID, j.pruned)
		return err
	})
	if err != nil {
		return err
	}
	if err := w.conn.QueryRowContext(ctx, "SELECT max(seq, ?) FROM (SELECT ifnull(max(seq), 0) AS seq FROM events)", j.pruned).Scan(&j.head); err != nil {
		return err
	}
	var buried int64
	if err := w.conn.QueryRowContext(ctx, "SELECT count(*) FROM tombstones").Scan(&buried); err != nil {
		return err
	}
	j.buried.Store(buried)
	return checkpoint(ctx, w.conn, "TRUNCATE")
}

// Close ends the background work, writes everything into the main file and
// marks it as closed in order. A second Close does nothing.
func (j *Journal) Close() error {
	if j.closing.Swap(true) {
		return nil
	}
	w := <-j.writer
	close(j.writer)
	ctx := context.Background()
	err := j.syncer.stop()
	if err == nil {
		_, err = w.conn.ExecContext(ctx, "UPDATE journal SET clean = 1")
	}
	err = errors.Join(err, j.queries.close(), j.readers.Close())
	if err == nil {
		err = checkpoint(ctx, w.conn, "TRUNCATE")
	}
	return explain(j.path, errors.Join(err, w.close()))
}

// take returns the writing connection, or ErrClosed once the journal is closed.
// Whoever takes it puts it back.
func (j *Journal) take() (*writer, error) {
	w, ok := <-j.writer
	if !ok {
		return nil, &Error{Path: j.path, Kind: ErrClosed, Advice: "the daemon is shutting down; try again when it runs"}
	}
	return w, nil
}

func newEpoch() string {
	var b [4]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
