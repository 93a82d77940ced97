package devices

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // to prepare databases that would take a month to come about
)

// alter runs statements on the device's database, as no daemon would.
func (d *Device) alter(statements ...string) {
	d.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(d.Dir, "beckon.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		d.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil {
			d.t.Fatalf("%s: %v", s, err)
		}
	}
}

// head is the cursor of the last event.
func (d *Device) head() string {
	d.t.Helper()
	return text(d.poll("?observe=true"), "cursor")
}

// TestContractJournalFails: what cannot be journalled is not done, and is
// answered with 500 internal, which says so. Once it can be, all goes on.
func TestContractJournalFails(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	app := d.follow("?app=call")
	idle := text(d.ring(nobody, `"hold":true`), "id")
	d.nodeState("online")
	before := d.head()
	d.alter(`CREATE TRIGGER broken_i BEFORE INSERT ON invitations BEGIN SELECT RAISE(ABORT, 'on demand'); END`,
		`CREATE TRIGGER broken_u BEFORE UPDATE ON invitations BEGIN SELECT RAISE(ABORT, 'on demand'); END`,
		`CREATE TRIGGER broken_s BEFORE INSERT ON settings BEGIN SELECT RAISE(ABORT, 'on demand'); END`)
	for _, r := range [][3]string{
		{"POST", "/v1/invitations", toward(nobody, "")},
		{"POST", "/v1/invitations", toward(nobody, `"hold":true`)},
		{"POST", "/v1/invitations/" + idle + "/send", ""},
		{"PATCH", "/v1/invitations/" + idle, `{"content":"new"}`},
		{"DELETE", "/v1/invitations/" + idle, ""},
		{"PUT", "/v1/node/online", `{"online":false}`},
	} {
		if got := d.refused(500, "internal", r[0], r[1], r[2]); !strings.Contains(got.str("detail"), "nothing was done") {
			t.Errorf("%s %s: detail %q", r[0], r[1], got.str("detail"))
		}
	}
	// Nothing of it was done.
	inv := d.want(200, "GET", "/v1/invitations/"+idle, "").body
	if text(inv, "state") != "idle" || text(inv, "content")+text(inv, "channel_id") != "" {
		t.Errorf("after the failures: %v", inv)
	}
	if all := byID(d.want(200, "GET", "/v1/invitations", "").body["invitations"]); len(all) != 1 {
		t.Errorf("%d invitations, one was made", len(all))
	}
	if node := d.want(200, "GET", "/v1/node", "").body; node["online"] != true || text(node, "state") != "online" {
		t.Errorf("after the failures: %v", node)
	}
	if now := d.head(); now != before {
		t.Errorf("the head is %s, before it was %s", now, before)
	}
	d.alter(`DROP TRIGGER broken_i`, `DROP TRIGGER broken_u`, `DROP TRIGGER broken_s`)
	if sent := d.want(200, "POST", "/v1/invitations/"+idle+"/send", "").body; text(sent, "state") != "sent_to_remote" {
		t.Errorf("mended, and sent: %v", sent)
	}
	d.want(200, "POST", "/v1/invitations/"+idle+"/cancel", "")
	app.await("local_invitation_canceled", idle)
}

// expired asks for events after a cursor that is not kept any more.
func (d *Device) expired(cursor string) {
	d.t.Helper()
	for _, accept := range []string{"text/event-stream", "application/json"} {
		if r := d.refused(410, "cursor_expired", "GET", "/v1/events?after="+cursor, "", "Accept", accept); r.str("cursor") != d.head() {
			d.t.Errorf("410 with the cursor %q, the head is %s", r.str("cursor"), d.head())
		}
	}
}

// TestContractRetention: events are kept for 30 days, payloads for 30 days from
// the end, keys for 24 hours. The database is prepared: a month is put between
// then and now.
func TestContractRetention(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	fail := func(content string) string {
		id := text(d.ring(nobody, `"reach_ms":1000,"content":"`+content+`"`), "id")
		d.end(id)
		return id
	}
	first := d.head()
	old := fail("old-content")
	middle := d.head()
	recent := fail("recent-content")
	keyed := func(key string) string {
		return d.want(201, "POST", "/v1/invitations", toward(nobody, `"hold":true`), "Idempotency-Key", key).str("id")
	}
	yesterday, today := keyed("yesterday"), keyed("today")
	_, oldest := split(t, middle)

	d.Kill()
	d.alter(fmt.Sprintf(`UPDATE events SET time = time - %d WHERE seq <= %d`, 31*24*time.Hour, oldest),
		fmt.Sprintf(`UPDATE invitations SET ended_at = ended_at - %d WHERE lower(hex(id)) = '%s'`,
			(31*24*time.Hour).Milliseconds(), strings.ReplaceAll(old, "-", "")),
		fmt.Sprintf(`UPDATE keys SET kept_at = kept_at - %d WHERE key = 'yesterday'`, (25*time.Hour).Milliseconds()))
	d.Restart()
	until(t, "events of more than 30 days are gone", func() bool {
		return d.ask("GET", "/v1/events?after="+first, "", "Accept", "application/json").status == 410
	})
	d.expired(first)
	if list := d.poll("?observe=true&after=" + middle); named(list, recent) == "" || named(list, old) != "" {
		t.Errorf("what is younger: %v", list)
	}
	until(t, "a payload of more than 30 days is gone", func() bool {
		return d.want(200, "GET", "/v1/invitations/"+old, "").str("content") == ""
	})
	if inv := d.want(200, "GET", "/v1/invitations/"+old, "").body; text(inv, "state") != "failure" || text(inv, "callee_id") != nobody {
		t.Errorf("the rest of it: %v", inv)
	}
	if d.want(200, "GET", "/v1/invitations/"+recent, "").str("content") != "recent-content" {
		t.Error("a recent payload is gone")
	}
	if keyed("yesterday") == yesterday || keyed("today") != today {
		t.Error("a key is kept for 24 hours, no less and no more")
	}
}

// TestContractLongLog: 100 000 events are kept, and not one more.
func TestContractLongLog(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	d.nodeState("online")
	epoch, before := split(t, d.head())
	const filled = 100_000
	d.Kill()
	d.alter(fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
		INSERT INTO events SELECT (SELECT max(seq) FROM events) + n.i, e.time, e.type, e.app, e.invitation, e.view, e.state, e.cause
		FROM n, (SELECT * FROM events ORDER BY seq DESC LIMIT 1) e`, filled-1))
	d.Restart()
	until(t, "events beyond 100 000 are gone", func() bool {
		return d.ask("GET", "/v1/events?after="+fmt.Sprint(epoch, ":", before-1), "", "Accept", "application/json").status == 410
	})
	_, now := split(t, d.head())
	d.expired(fmt.Sprint(epoch, ":", now-filled-1))
	if r := d.follow(fmt.Sprint("?after=", epoch, ":", now-filled)).next(); r.id != fmt.Sprint(epoch, ":", now-filled+1) {
		t.Errorf("after the oldest cursor that is kept, %d, comes %s", now-filled, r.id)
	}
}

// TestContractEpoch: kill -9 keeps the epoch, and so does a reboot after an
// orderly stop. A machine that went down with the daemon running begins a new
// one. What is live is not touched by it.
func TestContractEpoch(t *testing.T) {
	t.Parallel()
	d := lonely(t)
	id := text(d.ring(nobody, `"reach_ms":600000`), "id")
	ended := text(d.ring(nobody, `"reach_ms":1000`), "id")
	d.end(ended)
	cursor := d.head()
	epoch, _ := split(t, cursor)
	const reboot = `UPDATE journal SET boot_id = 'another-boot'`
	for what, down := range map[string]func(){
		"kill -9":                        d.Kill,
		"a reboot after an orderly stop": func() { d.Stop(); d.alter(reboot) },
	} {
		down()
		d.Restart()
		d.nodeState("online")
		if now, _ := split(t, d.head()); now != epoch {
			t.Errorf("%s: epoch %s, before %s", what, now, epoch)
		}
		d.poll("?observe=true&after=" + cursor)
	}
	d.Kill()
	d.alter(reboot)
	d.Restart()
	d.nodeState("online")
	for _, accept := range []string{"text/event-stream", "application/json"} {
		r := d.refused(410, "cursor_expired", "GET", "/v1/events?after="+cursor, "", "Accept", accept)
		if now, _ := split(t, r.str("cursor")); now == epoch || r.str("cursor") != d.head() {
			t.Errorf("after an unclean boot: 410 with %q, the head is %s, the epoch was %s", r.str("cursor"), d.head(), epoch)
		}
	}
	f := d.follow("?app=call&observe=true")
	if f.live()[id] == nil || text(f.live()[id], "state") != "sent_to_remote" {
		t.Errorf("live after an unclean boot: %s", f.hello.data)
	}
	if inv := d.want(200, "GET", "/v1/invitations/"+ended, "").body; text(inv, "error") != "peer_offline" {
		t.Errorf("ended before an unclean boot: %v", inv)
	}
	d.want(200, "POST", "/v1/invitations/"+id+"/cancel", "")
	f.await("local_invitation_canceled", id)
}
