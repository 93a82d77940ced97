package journal

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

const (
	// syncAfter is how long after a commit its way to the disk begins: what a
	// power cut can cost is a second, the writing included.
	syncAfter = 800 * time.Millisecond
	// restartOver bounds the log, in pages of 4 KiB: under a load that never
	// pauses a passive checkpoint does not reach the log's end, and above this
	// one commit waits for it.
	restartOver = 16 << 10
)

// syncer owns the goroutine that brings commits to the disk, by a connection
// of its own, so that no commit waits for it.
type syncer struct {
	db    *sql.DB
	conn  *sql.Conn
	dirty chan struct{}
	quit  chan struct{}
	done  chan struct{}

	mu  sync.Mutex
	err error // of the last attempt
}

func startSyncer(path string, byHand bool) (*syncer, error) {
	db, err := connect(path, 1, 256)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(context.Background())
	if err != nil {
		db.Close()
		return nil, err
	}
	s := &syncer{db: db, conn: conn, dirty: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	if byHand {
		close(s.done)
	} else {
		go s.run()
	}
	return s, nil
}

// mark tells that something was committed.
func (s *syncer) mark() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

func (s *syncer) run() {
	defer close(s.done)
	timer := time.NewTimer(0)
	<-timer.C
	for {
		select {
		case <-s.dirty:
		case <-s.quit:
			return
		}
		timer.Reset(syncAfter)
		select {
		case <-timer.C:
		case <-s.quit:
			return
		}
		s.bring()
	}
}

// bring brings what was committed to the disk and notes what became of it.
func (s *syncer) bring() error {
	err := s.sync(context.Background())
	if err != nil {
		s.mark()
	}
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	return err
}

// sync writes the log into the main file. After a complete checkpoint the next
// write starts the log afresh and syncs its header; sync makes that write
// itself, so that no commit has to.
func (s *syncer) sync(ctx context.Context) error {
	var busy, log, done int
	if err := s.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(PASSIVE)").Scan(&busy, &log, &done); err != nil {
		return err
	}
	if log > restartOver {
		if err := s.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil {
			return err
		}
	}
	if log == done {
		_, err := s.conn.ExecContext(ctx, "UPDATE journal SET checkpoints = checkpoints + 1")
		return err
	}
	return nil
}

// stop ends the goroutine and the connection.
func (s *syncer) stop() error {
	close(s.quit)
	<-s.done
	s.conn.Close()
	return s.db.Close()
}

// Sync brings to the disk what was committed since the last time, if anything
// was. It is for journals that are opened ByHand, by one goroutine.
func (j *Journal) Sync() error {
	select {
	case <-j.syncer.dirty:
		return explain(j.path, j.syncer.bring())
	default:
		return nil
	}
}

// SyncErr returns why the last background write to the main file failed, or
// nil. Commits are kept in the log meanwhile, and it is tried again.
func (j *Journal) SyncErr() error {
	j.syncer.mu.Lock()
	defer j.syncer.mu.Unlock()
	return explain(j.path, j.syncer.err)
}

func checkpoint(ctx context.Context, c *sql.Conn, mode string) error {
	_, err := c.ExecContext(ctx, "PRAGMA wal_checkpoint("+mode+")")
	return err
}
