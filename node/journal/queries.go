package journal

import (
	"context"
	"database/sql"
	"errors"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// queries are the statements of the reading connections that are worth keeping.
type queries struct {
	load, unfinished, get *sql.Stmt
	tombstone, key        *sql.Stmt
	setting               *sql.Stmt
	present               *sql.Stmt
	events, eventsOf      *sql.Stmt
	missed                *sql.Stmt
	steps                 *sql.Stmt
}

// formColumns are those that scanForm reads, of invitations i joined with payloads p.
const formColumns = `i.record, ifnull(p.content, ''), ifnull(p.response, '')`

const eventColumns = `e.seq, e.time, e.type, e.app, e.view, e.state, e.cause,
	ifnull(p.content, ''), ifnull(p.response, ''), i.id IS NULL OR i.ended_at > 0 OR i.discarded_at > 0
	FROM events e LEFT JOIN invitations i ON i.id = e.invitation LEFT JOIN payloads p ON p.id = e.invitation`

func prepareQueries(ctx context.Context, db *sql.DB) (*queries, error) {
	q := &queries{}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&q.load, `SELECT ` + formColumns + ` FROM invitations i LEFT JOIN payloads p ON p.id = i.id WHERE i.id = ?`},
		{&q.unfinished, `SELECT ` + formColumns + `, ifnull((SELECT max(seq) FROM events WHERE invitation = i.id AND type = 'remote_invitation_received'), 0)
			FROM (SELECT id, record, created_at, discarded_at FROM invitations WHERE ended_at = 0
				UNION ALL SELECT id, record, created_at, 0 FROM invitations WHERE owed = 1) i
			LEFT JOIN payloads p ON p.id = i.id WHERE i.discarded_at = 0 ORDER BY i.created_at, i.id`},
		{&q.get, `SELECT ` + formColumns + ` FROM invitations i LEFT JOIN payloads p ON p.id = i.id
			WHERE i.id = ? AND i.discarded_at = 0 AND i.state <> 'held'`},
		{&q.tombstone, `SELECT 1 FROM tombstones WHERE peer = ? AND id = ? AND kept_at > ?`},
		{&q.key, `SELECT fingerprint, invitation, status FROM keys WHERE key = ? AND kept_at > ?`},
		{&q.setting, `SELECT value FROM settings WHERE name = ?`},
		{&q.present, `SELECT ifnull(p.content, ''), ifnull(p.response, ''), i.ended_at > 0 OR i.discarded_at > 0
			FROM invitations i LEFT JOIN payloads p ON p.id = i.id WHERE i.id = ?`},
		{&q.steps, `SELECT s.steps FROM steps s JOIN invitations i ON i.id = s.id
			WHERE s.id = ? AND i.discarded_at = 0 ORDER BY s.number`},
		{&q.events, `SELECT ` + eventColumns + ` WHERE e.seq > ? AND e.seq <= ? ORDER BY e.seq LIMIT ?`},
		{&q.eventsOf, `SELECT ` + eventColumns + ` WHERE e.seq > ? AND e.seq <= ?
			AND (e.app = '' OR e.app IN (SELECT value FROM json_each(?))) ORDER BY e.seq LIMIT ?`},
		{&q.missed, `SELECT count(*), ifnull(sum(caller = ?1), 0) FROM
			(SELECT caller FROM invitations INDEXED BY invitations_missed WHERE state = 'missed' AND created_at > ?2 LIMIT ?3)`},
	} {
		st, err := db.PrepareContext(ctx, p.text)
		if err != nil {
			return nil, errors.Join(err, q.close())
		}
		*p.to = st
	}
	return q, nil
}

func (q *queries) close() error {
	var errs []error
	for _, st := range []*sql.Stmt{q.load, q.unfinished, q.get, q.tombstone, q.key, q.setting, q.present, q.events, q.eventsOf, q.missed, q.steps} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	return errors.Join(errs...)
}

// Load returns the form of an invitation, discarded ones too, with its deadline on the
// clocks of now.
func (j *Journal) Load(id protocol.ID) (f invitation.Form, found bool, err error) {
	return j.form(j.queries.load, id)
}

// Get returns an invitation as apps may see it. Held and discarded ones are
// not found.
func (j *Journal) Get(id protocol.ID) (v invitation.View, found bool, err error) {
	f, found, err := j.form(j.queries.get, id)
	if !found {
		return v, false, err
	}
	return f.View(j.stamp()), true, nil
}

func (j *Journal) form(st *sql.Stmt, id protocol.ID) (invitation.Form, bool, error) {
	var record, content, response string
	err := st.QueryRow(id[:]).Scan(&record, &content, &response)
	if found, err := j.found(err); !found {
		return invitation.Form{}, false, err
	}
	f, err := decodeForm(record, content, response, j.stamp())
	return f, err == nil, explain(j.path, err)
}

// found tells a row that is not there from a failure.
func (j *Journal) found(err error) (bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, explain(j.path, err)
}

// Recovered is a form to go on with after a start.
type Recovered struct {
	Form invitation.Form
	// ReceivedSeq is the sequence number of the form's
	// remote_invitation_received event, 0 if the log has none.
	ReceivedSeq int64
}

// Unfinished returns the live forms, held and idle ones too, and the ended
// ones that still owe the other side a message, oldest first, with their
// deadlines on the clocks of now.
func (j *Journal) Unfinished() ([]Recovered, error) {
	rows, err := j.queries.unfinished.Query()
	if err != nil {
		return nil, explain(j.path, err)
	}
	defer rows.Close()
	var all []Recovered
	now := j.stamp()
	for rows.Next() {
		var r Recovered
		var record, content, response string
		if err := rows.Scan(&record, &content, &response, &r.ReceivedSeq); err != nil {
			return nil, explain(j.path, err)
		}
		if r.Form, err = decodeForm(record, content, response, now); err != nil {
			return nil, explain(j.path, err)
		}
		all = append(all, r)
	}
	return all, explain(j.path, rows.Err())
}

// Tombstone reports whether peer canceled that invitation before it came.
func (j *Journal) Tombstone(peer protocol.PeerID, id protocol.ID) (bool, error) {
	if j.buried.Load() == 0 {
		return false, nil // the usual case: every new Invite asks
	}
	var one int
	since := j.steady(j.stamp()).Add(-protocol.KeepTombstone)
	return j.found(j.queries.tombstone.QueryRow(string(peer), id[:], millis(since)).Scan(&one))
}

// Key is how a request with an idempotency key was answered.
type Key struct {
	Fingerprint string
	ID          protocol.ID
	Status      int
}

// Key returns what Batch.Key stored in the last 24 h.
func (j *Journal) Key(key string) (k Key, found bool, err error) {
	var id []byte
	since := j.steady(j.stamp()).Add(-keepKey)
	found, err = j.found(j.queries.key.QueryRow(key, millis(since)).Scan(&k.Fingerprint, &id, &k.Status))
	copy(k.ID[:], id)
	return k, found, err
}

// Steps returns the pieces that Batch.Steps stored of an invitation, in order.
func (j *Journal) Steps(id protocol.ID) (pieces []string, err error) {
	rows, err := j.queries.steps.Query(id[:])
	if err != nil {
		return nil, explain(j.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		var piece string
		if err := rows.Scan(&piece); err != nil {
			return nil, explain(j.path, err)
		}
		pieces = append(pieces, piece)
	}
	return pieces, explain(j.path, rows.Err())
}

// Setting returns the value stored under a name.
func (j *Journal) Setting(name string) (value string, found bool, err error) {
	found, err = j.found(j.queries.setting.QueryRow(name).Scan(&value))
	return value, found, err
}
