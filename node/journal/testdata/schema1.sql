-- A journal of schema 1, to test that every later version reads it.
PRAGMA application_id = 0x62636b6e;
PRAGMA journal_mode = WAL;
BEGIN;
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
INSERT INTO "events" VALUES(1,1772625600000000000,'node_online','',NULL,'','online','wish');
INSERT INTO "events" VALUES(2,1772625600000000000,'remote_invitation_received','call',X'01000000000000000000000000000001','{"form":{"kind":"remote","id":"01000000-0000-0000-0000-000000000001","caller":"peer-a","callee":"peer-b","app":"call","reach_ns":30000000000,"ring_ns":60000000000,"state":"invitation_received","path":"direct","handed_over":true,"deadline":3660000000000,"created_at":"2026-03-04T12:00:01Z","received_at":"2026-03-04T12:00:01.5Z"}}','','');
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
INSERT INTO "invitations" VALUES(X'01000000000000000000000000000001','remote','invitation_received','call','peer-a','peer-b',1772625601000,0,0,0,0,'{"form":{"kind":"remote","id":"01000000-0000-0000-0000-000000000001","caller":"peer-a","callee":"peer-b","app":"call","reach_ns":30000000000,"ring_ns":60000000000,"state":"invitation_received","path":"direct","handed_over":true,"deadline":3660000000000,"created_at":"2026-03-04T12:00:01Z","received_at":"2026-03-04T12:00:01.5Z"},"saved":{"boot_id":"boot-1","clock":3600000000000,"wall":"2026-03-04T12:00:00Z"}}');
CREATE TABLE journal (
	one         INTEGER PRIMARY KEY CHECK (one = 1),
	epoch       TEXT    NOT NULL,
	boot_id     TEXT    NOT NULL,
	clean       INTEGER NOT NULL,
	pruned      INTEGER NOT NULL,
	checkpoints INTEGER NOT NULL
) STRICT;
INSERT INTO "journal" VALUES(1,'0a1b2c3d','boot-1',1,0,0);
CREATE TABLE keys (
	key         TEXT    PRIMARY KEY,
	fingerprint TEXT    NOT NULL,
	invitation  BLOB    NOT NULL,
	status      INTEGER NOT NULL,
	kept_at     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "keys" VALUES('k','print',X'01000000000000000000000000000001',201,1772625600000);
CREATE TABLE payloads (
	id       BLOB PRIMARY KEY,
	content  TEXT NOT NULL,
	response TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "payloads" VALUES(X'01000000000000000000000000000001','offer','answer');
CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "settings" VALUES('online','true');
CREATE TABLE tombstones (
	number  INTEGER PRIMARY KEY,
	peer    TEXT    NOT NULL,
	id      BLOB    NOT NULL,
	kept_at INTEGER NOT NULL,
	UNIQUE (peer, id)
) STRICT;
INSERT INTO "tombstones" VALUES(1,'peer-c',X'01000000000000000000000000000002',1772625600000);
CREATE INDEX invitations_listed ON invitations (created_at, id);
CREATE INDEX invitations_live ON invitations (created_at, id) WHERE ended_at = 0;
CREATE INDEX invitations_owed ON invitations (id) WHERE owed = 1;
CREATE INDEX invitations_kept ON invitations (ended_at) WHERE ended_at > 0 AND forgotten = 0;
CREATE INDEX invitations_discarded ON invitations (discarded_at) WHERE discarded_at > 0;
CREATE INDEX events_received ON events (invitation) WHERE type = 'remote_invitation_received';
CREATE INDEX keys_kept ON keys (kept_at);
CREATE INDEX tombstones_of ON tombstones (peer, number);
CREATE INDEX tombstones_kept ON tombstones (kept_at);
PRAGMA user_version = 1;
COMMIT;
