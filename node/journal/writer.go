package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// writer is the one connection that writes, with its statements.
type writer struct {
	db   *sql.DB
	conn *sql.Conn

	begin, commit, rollback *sql.Stmt
	form, state, payload    *sql.Stmt
	event                   *sql.Stmt
	key                     *sql.Stmt
	tombstone, capTombs     *sql.Stmt
	setting                 *sql.Stmt
	discard, dropPayload    *sql.Stmt
	notice, dropNotice      *sql.Stmt
	steps, dropSteps        *sql.Stmt
}

func openWriter(ctx context.Context, path string) (*writer, error) {
	db, err := connect(path, 1, 1024)
	if err != nil {
		return nil, err
	}
	w := &writer{db: db}
	if w.conn, err = db.Conn(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := migrate(ctx, w.conn, migrations); err != nil {
		return nil, errors.Join(err, w.close())
	}
	if err := w.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *writer) prepare(ctx context.Context) error {
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&w.begin, "BEGIN IMMEDIATE"},
		{&w.commit, "COMMIT"},
		{&w.rollback, "ROLLBACK"},
		{&w.form, `INSERT INTO invitations (id, kind, state, app, caller, callee, created_at, ended_at, owed, record)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET state = excluded.state,
				ended_at = excluded.ended_at, owed = excluded.owed, record = excluded.record`},
		// Most changes leave ended_at and owed as they are, and so touch no index.
		{&w.state, `UPDATE invitations SET state = ?, record = ? WHERE id = ? AND ended_at = ? AND owed = ?`},
		// What was forgotten does not come back with a later change of the form.
		{&w.payload, `INSERT INTO payloads (id, content, response)
			SELECT id, ?2, ?3 FROM invitations WHERE id = ?1 AND forgotten = 0
			ON CONFLICT (id) DO UPDATE SET content = excluded.content, response = excluded.response`},
		{&w.event, `INSERT INTO events (seq, time, type, app, invitation, view, state, cause) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`},
		{&w.key, `INSERT OR REPLACE INTO keys (key, fingerprint, invitation, status, kept_at) VALUES (?, ?, ?, ?, ?)`},
		{&w.tombstone, `INSERT OR REPLACE INTO tombstones (peer, id, kept_at) VALUES (?, ?, ?)`},
		{&w.capTombs, `DELETE FROM tombstones WHERE peer = ?1 AND number <=
			(SELECT number FROM tombstones WHERE peer = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)`},
		{&w.setting, `INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)`},
		{&w.discard, `UPDATE invitations SET discarded_at = ?2, forgotten = 1 WHERE id = ?1 AND discarded_at = 0`},
		{&w.dropPayload, `DELETE FROM payloads WHERE id = ?`},
		{&w.notice, `INSERT OR REPLACE INTO notices (peer, app, kept_at, record) VALUES (?, ?, ?, ?)`},
		{&w.dropNotice, `DELETE FROM notices WHERE peer = ? AND app = ?`},
		{&w.steps, `INSERT INTO steps (id, number, steps)
			SELECT id, ifnull((SELECT max(number) + 1 FROM steps WHERE id = ?1), 1), ?2 FROM invitations WHERE id = ?1 AND forgotten = 0`},
		{&w.dropSteps, `DELETE FROM steps WHERE id = ?`},
	} {
		st, err := w.conn.PrepareContext(ctx, p.text)
		if err != nil {
			return err
		}
		*p.to = st
	}
	return nil
}

// transact runs do in one transaction. If anything fails, nothing is written.
func (w *writer) transact(ctx context.Context, do func() error) error {
	if _, err := w.begin.ExecContext(ctx); err != nil {
		return err
	}
	err := do()
	if err == nil {
		_, err = w.commit.ExecContext(ctx)
	}
	if err != nil {
		// SQLite may have rolled back already, and then says so here.
		_, _ = w.rollback.ExecContext(ctx)
	}
	return err
}

// write puts b into the open transaction. known are the payloads of its forms
// that are stored already; write notes there which are forgotten. Keys and
// tombstones are kept from steady on.
func (w *writer) write(ctx context.Context, b *Batch, events []Event, known []*present, now invitation.Stamp, steady time.Time) error {
	wall, kept := millis(now.Wall), millis(steady)
	for i := range b.forms {
		if err := w.writeForm(ctx, &b.forms[i], known[i] != nil, now); err != nil {
			return err
		}
		if err := w.writePayload(ctx, &b.forms[i], &known[i]); err != nil {
			return err
		}
	}
	for i := range events {
		if err := w.writeEvent(ctx, &events[i]); err != nil {
			return err
		}
	}
	for _, k := range b.keys {
		if _, err := w.key.ExecContext(ctx, k.key, k.fingerprint, k.id[:], k.status, kept); err != nil {
			return err
		}
	}
	for _, t := range b.tombstones {
		if _, err := w.tombstone.ExecContext(ctx, string(t.peer), t.id[:], kept); err != nil {
			return err
		}
		if _, err := w.capTombs.ExecContext(ctx, string(t.peer), protocol.MaxTombstones); err != nil {
			return err
		}
	}
	for _, s := range b.settings {
		if _, err := w.setting.ExecContext(ctx, s[0], s[1]); err != nil {
			return err
		}
	}
	for _, s := range b.steps {
		if _, err := w.steps.ExecContext(ctx, s.id[:], s.piece); err != nil {
			return err
		}
	}
	for _, id := range b.discards {
		if _, err := w.discard.ExecContext(ctx, id[:], wall); err != nil {
			return err
		}
		if err := w.forget(ctx, id); err != nil {
			return err
		}
	}
	return w.writeNotices(ctx, b.notices, now)
}

// forget removes what is not kept for ever: payload and steps.
func (w *writer) forget(ctx context.Context, id protocol.ID) error {
	if _, err := w.dropPayload.ExecContext(ctx, id[:]); err != nil {
		return err
	}
	_, err := w.dropSteps.ExecContext(ctx, id[:])
	return err
}

// writeForm inserts or updates a form; stored says that it is probably there.
func (w *writer) writeForm(ctx context.Context, f *invitation.Form, stored bool, now invitation.Stamp) error {
	record, err := encodeForm(plainForm(*f), now)
	if err != nil {
		return err
	}
	var ended int64
	if f.Ended() {
		if ended = millis(f.EndedAt); ended <= 0 {
			ended = max(millis(now.Wall), 1)
		}
	}
	owed := 0
	if ended > 0 && f.Owes && f.Deadline != 0 {
		owed = 1
	}
	if stored {
		res, err := w.state.ExecContext(ctx, string(f.State), record, f.ID[:], ended, owed)
		if err != nil {
			return err
		}
		if n, err := res.RowsAffected(); err == nil && n == 1 {
			return nil
		}
	}
	_, err = w.form.ExecContext(ctx, f.ID[:], string(f.Kind), string(f.State), f.App,
		string(f.Caller), string(f.Callee), millis(f.CreatedAt), ended, owed, record)
	return err
}

func (w *writer) writePayload(ctx context.Context, f *invitation.Form, known **present) error {
	if k := *known; k != nil && (k.forgotten || k.content == f.Content && k.response == f.Response) {
		return nil
	}
	res, err := w.payload.ExecContext(ctx, f.ID[:], f.Content, f.Response)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err == nil && n == 0 {
		*known = &present{forgotten: true}
	}
	return nil
}

func (w *writer) writeEvent(ctx context.Context, e *Event) error {
	view, err := encodeView(e.View)
	if err != nil {
		return err
	}
	var id any
	if !e.View.ID.IsZero() {
		id = e.View.ID[:]
	}
	_, err = w.event.ExecContext(ctx, e.Seq, nanos(e.Time), e.Type, e.App, id, view, e.State, e.Cause)
	return err
}

func (w *writer) close() error {
	var errs []error
	for _, st := range []*sql.Stmt{w.begin, w.commit, w.rollback, w.form, w.state, w.payload, w.event, w.key,
		w.tombstone, w.capTombs, w.setting, w.discard, w.dropPayload, w.notice, w.dropNotice, w.steps, w.dropSteps} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}
