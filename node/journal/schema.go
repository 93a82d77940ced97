package journal

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
)

// applicationID marks the file as a beckon journal ("bckn"); it stands in
// bytes 68 to 71 of the file.
const applicationID = 0x62636b6e

// migrations[n] takes a file from schema n to schema n+1. A released entry is
// never changed: its text is the history of files that exist.
//
// Moments are milliseconds of the wall clock since 1970, but events.time,
// which is nanoseconds; 0 stands for none. Columns are what queries need; the
// rest of a form is JSON in record and view. Payloads live apart, so that a
// change of state does not write them again.
var migrations = []string{`
CREATE TABLE journal (
	one         INTEGER PRIMARY KEY CHECK (one = 1),
	epoch       TEXT    NOT NULL,
	boot_id     TEXT    NOT NULL,
	clean       INTEGER NOT NULL,
	pruned      INTEGER NOT NULL,
	checkpoints INTEGER NOT NULL
) STRICT;

CREATE TABLE invitations (
	id           BLOB    PRIMARY KEY,
	kind         TEXT    NOT NULL,
	state        TEXT    NOT NULL,
	app          TEXT    NOT NULL,
	caller       TEXT    NOT NULL,
	callee       TEXT    NOT NULL,
	created_at   INTEGER NOT NULL,
	ended_at     INTEGER NOT NULL,
	owed         INTEGER NOT NULL,
	discarded_at INTEGER NOT NULL DEFAULT 0,
	forgotten    INTEGER NOT NULL DEFAULT 0,
	record       TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_listed ON invitations (created_at, id);
CREATE INDEX invitations_live ON invitations (created_at, id) WHERE ended_at = 0;
CREATE INDEX invitations_owed ON invitations (id) WHERE owed = 1;
CREATE INDEX invitations_kept ON invitations (ended_at) WHERE ended_at > 0 AND forgotten = 0;
CREATE INDEX invitations_discarded ON invitations (discarded_at) WHERE discarded_at > 0;

CREATE TABLE payloads (
	id       BLOB PRIMARY KEY,
	content  TEXT NOT NULL,
	response TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
	seq        INTEGER PRIMARY KEY,
	time       INTEGER NOT NULL,
	type       TEXT    NOT NULL,
	app        TEXT    NOT NULL,
	invitation BLOB,
	view       TEXT    NOT NULL,
	state      TEXT    NOT NULL,
	cause      TEXT    NOT NULL
) STRICT;
CREATE INDEX events_received ON events (invitation) WHERE type = 'remote_invitation_received';

CREATE TABLE keys (
	key         TEXT    PRIMARY KEY,
	fingerprint TEXT    NOT NULL,
	invitation  BLOB    NOT NULL,
	status      INTEGER NOT NULL,
	kept_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_kept ON keys (kept_at);

CREATE TABLE tombstones (
	number  INTEGER PRIMARY KEY,
	peer    TEXT    NOT NULL,
	id      BLOB    NOT NULL,
	kept_at INTEGER NOT NULL,
	UNIQUE (peer, id)
) STRICT;
CREATE INDEX tombstones_of ON tombstones (peer, number);
CREATE INDEX tombstones_kept ON tombstones (kept_at);

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`, `
CREATE TABLE notices (
	peer    TEXT    NOT NULL,
	app     TEXT    NOT NULL,
	kept_at INTEGER NOT NULL,
	record  TEXT    NOT NULL,
	PRIMARY KEY (peer, app)
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_missed ON invitations (created_at, caller) WHERE state = 'missed';
`, `
CREATE TABLE steps (
	id     BLOB    NOT NULL,
	number INTEGER NOT NULL,
	steps  TEXT    NOT NULL,
	PRIMARY KEY (id, number)
) STRICT, WITHOUT ROWID;
`}

// migrate brings the database to schema len(steps), each step and its number
// in one transaction: a crash or an error leaves the schema that was there.
func migrate(ctx context.Context, c *sql.Conn, steps []string) error {
	var version int
	if err := c.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	for ; version < len(steps); version++ {
		script := fmt.Sprintf("BEGIN IMMEDIATE; %s; PRAGMA user_version = %d; COMMIT", steps[version], version+1)
		if _, err := c.ExecContext(ctx, script); err != nil {
			_, _ = c.ExecContext(ctx, "ROLLBACK")
			return fmt.Errorf("schema %d: %w", version+1, err)
		}
	}
	return nil
}

// source is the data source name of the file at path. Each connection counts
// its cache in KiB. Nothing is mapped into memory, and no commit ever starts a
// checkpoint.
func source(path string, cacheKiB int, more ...string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	abs = filepath.ToSlash(abs)
	if abs[0] != '/' {
		abs = "/" + abs
	}
	q := "_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)&_pragma=wal_autocheckpoint(0)" +
		"&_pragma=mmap_size(0)&_pragma=temp_store(MEMORY)" + fmt.Sprintf("&_pragma=cache_size(-%d)", cacheKiB)
	for _, m := range more {
		q += "&" + m
	}
	u := url.URL{Scheme: "file", Path: abs, RawQuery: q}
	return u.String(), nil
}

// connect opens a pool of at most conns connections to the file at path.
func connect(path string, conns, cacheKiB int, more ...string) (*sql.DB, error) {
	dsn, err := source(path, cacheKiB, more...)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}
