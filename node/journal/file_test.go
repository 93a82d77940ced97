package journal

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// schema1 is a journal as the first version left it.
//
//go:embed testdata/schema1.sql
var schema1 string

func openRaw(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := connect(path, 1, 256)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, path string, script string) {
	t.Helper()
	db := openRaw(t, path)
	if _, err := db.Exec(script); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNewFileIsPrivate(t *testing.T) {
	path := newPath(t)
	j := openAt(t, path, newMachine())
	emitN(t, j, 1, noon)
	for _, tail := range []string{"", "-wal", "-shm"} {
		if info, err := os.Stat(path + tail); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path+tail, info.Mode(), err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 {
		t.Errorf("after Close there are %v, %v", names, err)
	}
}

func TestOddNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20é.db")
	j := openAt(t, path, newMachine())
	emitN(t, j, 1, noon)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSchema1Opens(t *testing.T) {
	path := newPath(t)
	run(t, path, schema1)
	j := openAt(t, path, newMachine())
	if j.Head() != "0a1b2c3d:2" {
		t.Errorf("head is %s", j.Head())
	}
	events, _ := read(t, j, 0, Filter{}, 10)
	if len(events) != 2 || events[0].Type != NodeOnline || events[0].State != "online" || events[1].Type != string(invitation.RemoteReceived) {
		t.Fatalf("events are %+v", events)
	}
	want := ring(1)
	want.Content, want.Response = "offer", "answer"
	want.Path, want.HandedOver, want.ReceivedAt = invitation.PathDirect, true, noon.Add(1500*time.Millisecond)
	if events[1].View.Form != want || load(t, j, number(1)) != want {
		t.Errorf("event %+v\nform  %+v\nwant  %+v", events[1].View.Form, load(t, j, number(1)), want)
	}
	if k, found, err := j.Key("k"); !found || err != nil || k != (Key{"print", number(1), 201}) {
		t.Errorf("key %+v, %v, %v", k, found, err)
	}
	if found, err := j.Tombstone("peer-c", number(2)); !found || err != nil {
		t.Errorf("tombstone %v, %v", found, err)
	}
	if v, found, err := j.Setting("online"); v != "true" || !found || err != nil {
		t.Errorf("setting %q, %v, %v", v, found, err)
	}
}

func TestMigrationIsWholeOrNot(t *testing.T) {
	path := newPath(t)
	run(t, path, schema1)
	ctx := context.Background()
	db := openRaw(t, path)
	version := func() (v int) {
		if err := db.QueryRow("PRAGMA user_version").Scan(&v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	next := "ALTER TABLE settings ADD COLUMN extra TEXT NOT NULL DEFAULT 'none'"
	step := func(script string) error {
		return withConn(ctx, db, func(c *sql.Conn) error { return migrate(ctx, c, append(migrations[:1:1], next, script)) })
	}
	if err := step("CREATE TABLE half (a); INSERT INTO nowhere VALUES (1)"); err == nil || version() != 2 {
		t.Errorf("a failing step: %v, schema %d", err, version())
	}
	if _, err := db.Exec("SELECT * FROM half"); err == nil {
		t.Error("half a step was kept")
	}
	var value, extra string
	if err := db.QueryRow("SELECT value, extra FROM settings").Scan(&value, &extra); err != nil || value != "true" || extra != "none" {
		t.Errorf("after the step before it: %q %q, %v", value, extra, err)
	}
	if err := step("CREATE TABLE half (a)"); err != nil || version() != 3 {
		t.Errorf("the mended step: %v, schema %d", err, version())
	}
}

// filled returns a closed journal with some content and its bytes.
func filled(t *testing.T) (string, []byte) {
	path := newPath(t)
	j := openAt(t, path, newMachine())
	for n := range 50 {
		commit(t, j, func(b *Batch) {
			f := ring(n)
			f.Content = strings.Repeat("content ", 500)
			b.Put(f)
			b.Emit(told(f, invitation.RemoteReceived))
		})
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, data
}

func TestRefusedFilesStayAsTheyAre(t *testing.T) {
	_, whole := filled(t)
	changed := func(at int, b ...byte) []byte {
		data := bytes.Clone(whole)
		copy(data[at:], b)
		return data
	}
	other := newPath(t)
	run(t, other, "CREATE TABLE contacts (name)")
	foreign, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"text":                 {[]byte(strings.Repeat("not a database\n", 20)), ErrForeign},
		"short text":           {[]byte("hello"), ErrForeign},
		"another's database":   {foreign, ErrForeign},
		"another application":  {changed(68, 1, 2, 3, 4), ErrForeign},
		"newer schema":         {changed(60, 0, 0, 0, byte(len(migrations)+1)), ErrNewer},
		"empty":                {nil, ErrDamaged},
		"cut in the header":    {whole[:60], ErrDamaged},
		"cut after the header": {whole[:100], ErrDamaged},
		"half":                 {whole[:len(whole)/2], ErrDamaged},
		"last page missing":    {whole[:len(whole)-4096], ErrDamaged},
		"first page broken":    {changed(100, make([]byte, 500)...), ErrDamaged},
		"page in the middle":   {changed(len(whole)/2&^4095, bytes.Repeat([]byte{0xaa}, 4096)...), ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			j, err := Open(Config{Path: path, Stamp: newMachine().stamp})
			if j != nil {
				j.Close()
			}
			var e *Error
			if !errors.Is(err, c.want) || !errors.As(err, &e) || e.Advice == "" || !strings.Contains(err.Error(), path) {
				t.Errorf("Open: %v, want %v", err, c.want)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, c.data) {
				t.Errorf("the file was changed: %d bytes, were %d, %v", len(after), len(c.data), err)
			}
			if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
				t.Errorf("left behind: %v", names)
			}
		})
	}
}

// A copy made while the journal was open is what a kill leaves: a file and its log.
func copyOpen(t *testing.T, change func(path string)) (string, *machine) {
	m := newMachine()
	path := newPath(t)
	j := openAt(t, path, m)
	emitN(t, j, 10, noon)
	commit(t, j, func(b *Batch) { b.Put(ring(1)) })
	killed := newPath(t)
	for _, tail := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + tail)
		if err == nil {
			err = os.WriteFile(killed+tail, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	change(killed)
	return killed, m
}

func TestLogWithoutItsFileIsRefused(t *testing.T) {
	path, m := copyOpen(t, func(path string) { os.Remove(path) })
	if _, err := Open(Config{Path: path, Stamp: m.stamp}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a new file was made beside the old log")
	}
}

func TestTruncatedFileWithLogIsRefused(t *testing.T) {
	var before [2][]byte
	path, m := copyOpen(t, func(path string) {
		if err := os.Truncate(path, 3*4096); err != nil {
			t.Fatal(err)
		}
		before = [2][]byte{readAll(t, path), readAll(t, path+"-wal")}
	})
	if _, err := Open(Config{Path: path, Stamp: m.stamp}); !errors.Is(err, ErrDamaged) {
		t.Errorf("Open: %v", err)
	}
	if !bytes.Equal(before[0], readAll(t, path)) || !bytes.Equal(before[1], readAll(t, path+"-wal")) {
		t.Error("the files were changed")
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestEpochs(t *testing.T) {
	keep := func(string) {}
	t.Run("killed in the same boot", func(t *testing.T) {
		path, m := copyOpen(t, keep)
		m.pass(time.Hour)
		j := openAt(t, path, m)
		if events, _ := read(t, j, 0, Filter{}, 100); len(events) != 10 || j.Head() != j.cursor(10) {
			t.Errorf("%d events, head %s", len(events), j.Head())
		}
		if _, err := j.ParseCursor(events9(t, j)); err != nil {
			t.Error(err)
		}
	})
	t.Run("the machine went down", func(t *testing.T) {
		var old string
		path, m := copyOpen(t, keep)
		run(t, path, "SELECT 1")
		if err := openRaw(t, path).QueryRow("SELECT epoch FROM journal").Scan(&old); err != nil {
			t.Fatal(err)
		}
		m.reboot("boot-2", time.Minute)
		j := openAt(t, path, m)
		if j.Epoch() == old || j.Head() != j.Epoch()+":0" {
			t.Errorf("epoch %s after %s, head %s", j.Epoch(), old, j.Head())
		}
		checkExpired(t, j, old+":3")
		if events, _ := read(t, j, 0, Filter{}, 100); len(events) != 0 {
			t.Errorf("%d old events", len(events))
		}
		if got := load(t, j, number(1)); got.Content != ring(1).Content {
			t.Errorf("the invitation is %+v", got)
		}
		if b := commit(t, j, func(b *Batch) { b.Emit(Event{Type: NodeOnline}) }); b.Events[0].Seq != 1 {
			t.Errorf("the first event has number %d", b.Events[0].Seq)
		}
	})
	t.Run("closed before the machine went down", func(t *testing.T) {
		path, m := newPath(t), newMachine()
		j := openAt(t, path, m)
		emitN(t, j, 3, noon)
		head := j.Head()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		m.reboot("boot-2", time.Minute)
		if j = openAt(t, path, m); j.Head() != head {
			t.Errorf("head is %s, was %s", j.Head(), head)
		}
	})
}

func events9(t *testing.T, j *Journal) string {
	t.Helper()
	events, _ := read(t, j, 8, Filter{}, 1)
	return events[0].Cursor
}

func TestDirectoryThatIsNotThereOrFull(t *testing.T) {
	m := newMachine()
	if _, err := Open(Config{Path: filepath.Join(t.TempDir(), "no", "beckon.db"), Stamp: m.stamp}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("Open in no directory: %v", err)
	}
	j := openAt(t, newPath(t), m)
	w := <-j.writer
	_, err := w.conn.ExecContext(t.Context(), "PRAGMA max_page_count = 40")
	j.writer <- w
	if err != nil {
		t.Fatal(err)
	}
	f := ring(1)
	f.Content = strings.Repeat("x", 200<<10)
	var b Batch
	b.Put(f)
	b.Emit(told(f, invitation.RemoteReceived))
	if err := j.Commit(&b); !errors.Is(err, ErrFull) {
		t.Errorf("Commit on a full disk: %v", err)
	}
	if _, found, err := j.Load(f.ID); found || err != nil || j.Head() != j.cursor(0) {
		t.Errorf("something was kept: %v, %v, head %s", found, err, j.Head())
	}
	emitN(t, j, 1, noon) // there is room for a small one
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root writes everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Path: filepath.Join(dir, "beckon.db"), Stamp: newMachine().stamp}); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Open: %v", err)
	}
}
