package journal

import (
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"strings"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const (
	maxList     = 500
	defaultList = 50
)

// Query chooses invitations; zero fields choose all.
type Query struct {
	Kind   invitation.Kind
	State  invitation.State
	Live   *bool           // not ended, or ended
	Apps   []string        // any of these
	Peer   protocol.PeerID // on either side
	Limit  int             // 1 to 500, 0 for 50
	Before string          // the next of an earlier List
}

// List returns invitations as apps may see them, newest first by the
// millisecond of created_at and then by id, and never held or discarded ones.
// next is empty at the end, and else continues the list as Query.Before: what
// was there then comes exactly once, whatever is added meanwhile.
func (j *Journal) List(q Query) (views []invitation.View, next string, err error) {
	if q.Limit == 0 {
		q.Limit = defaultList
	}
	if q.Limit < 1 || q.Limit > maxList {
		return nil, "", protocol.Invalid("limit", "1 to 500", "limit is a number from 1 to 500")
	}
	text, args, err := q.statement()
	if err != nil {
		return nil, "", err
	}
	rows, err := j.readers.Query(text, args...)
	if err != nil {
		return nil, "", explain(j.path, err)
	}
	defer rows.Close()
	return j.page(rows, q.Limit)
}

func (j *Journal) page(rows *sql.Rows, limit int) (views []invitation.View, next string, err error) {
	now := j.stamp()
	var created int64
	var id []byte
	for rows.Next() {
		if len(views) == limit {
			return views, place(created, id), nil
		}
		var record, content, response string
		if err := rows.Scan(&record, &content, &response, &created, &id); err != nil {
			return nil, "", explain(j.path, err)
		}
		f, err := decodeForm(record, content, response, now)
		if err != nil {
			return nil, "", explain(j.path, err)
		}
		views = append(views, f.View(now))
	}
	if err := rows.Err(); err != nil {
		return nil, "", explain(j.path, err)
	}
	return views, "", nil
}

// statement returns the SQL text of the query and its arguments. Only fixed
// words enter the text.
func (q *Query) statement() (string, []any, error) {
	where := []string{"i.discarded_at = 0", "i.state <> 'held'"}
	var args []any
	add := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if q.Kind != "" {
		add("i.kind = ?", string(q.Kind))
	}
	if q.State != "" {
		add("i.state = ?", string(q.State))
	}
	if q.Live != nil && *q.Live {
		add("i.ended_at = 0")
	}
	if q.Live != nil && !*q.Live {
		add("i.ended_at > 0")
	}
	if len(q.Apps) > 0 {
		add("i.app IN (SELECT value FROM json_each(?))", jsonList(q.Apps))
	}
	if q.Peer != "" {
		add("(i.caller = ? OR i.callee = ?)", string(q.Peer), string(q.Peer))
	}
	if q.Before != "" {
		created, id, err := parsePlace(q.Before)
		if err != nil {
			return "", nil, err
		}
		add("(i.created_at, i.id) < (?, ?)", created, id)
	}
	args = append(args, q.Limit+1)
	return `SELECT ` + formColumns + `, i.created_at, i.id FROM invitations i LEFT JOIN payloads p ON p.id = i.id
		WHERE ` + strings.Join(where, " AND ") + ` ORDER BY i.created_at DESC, i.id DESC LIMIT ?`, args, nil
}

// place writes the position of a row in the list, parsePlace reads it.
func place(created int64, id []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(binary.BigEndian.AppendUint64(nil, uint64(created)), id...))
}

func parsePlace(s string) (created int64, id []byte, err error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != 8+len(protocol.ID{}) {
		return 0, nil, protocol.Invalid("before", "", "before is the next of an earlier answer, unchanged; leave it out to begin at the newest")
	}
	return int64(binary.BigEndian.Uint64(b)), b[8:], nil
}
