package journal

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// fullForm has a different value in each field, whatever fields there are.
func fullForm(t *testing.T) invitation.Form {
	var f invitation.Form
	v := reflect.ValueOf(&f).Elem()
	for i := range v.NumField() {
		field, name := v.Field(i), v.Type().Field(i).Name
		switch x := field.Addr().Interface().(type) {
		case *time.Time:
			*x = noon.Add(time.Duration(i)*time.Hour + 123456789)
		case *protocol.ID:
			*x = number(1000 + i)
		default:
			switch field.Kind() {
			case reflect.String:
				field.SetString("the " + name + " \" <ü>")
			case reflect.Bool:
				field.SetBool(true)
			case reflect.Int, reflect.Int32, reflect.Int64:
				field.SetInt(int64(i + 1))
			default:
				t.Fatalf("field %s of Form is of a kind that this test does not know", name)
			}
		}
	}
	return f
}

func load(t *testing.T, j *Journal, id protocol.ID) invitation.Form {
	t.Helper()
	f, found, err := j.Load(id)
	if err != nil || !found {
		t.Fatalf("Load(%v) = found %v, %v", id, found, err)
	}
	return f
}

func TestFormComesBackAsItWas(t *testing.T) {
	path, m := newPath(t), newMachine()
	full, bare := fullForm(t), invitation.Form{Kind: invitation.KindLocal, ID: number(1), State: invitation.Idle}
	j := openAt(t, path, m)
	commit(t, j, func(b *Batch) { b.Put(full); b.Put(bare) })
	for range 2 {
		for _, want := range []invitation.Form{full, bare} {
			if got := load(t, j, want.ID); got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openAt(t, path, m)
	}
}

func TestEachFieldIsStoredAlone(t *testing.T) {
	j, _ := openNew(t)
	full := reflect.ValueOf(fullForm(t))
	for i := range full.NumField() {
		f := invitation.Form{ID: number(i), Kind: invitation.KindLocal, State: invitation.Idle}
		if name := full.Type().Field(i).Name; name == "ID" {
			continue
		}
		reflect.ValueOf(&f).Elem().Field(i).Set(full.Field(i))
		commit(t, j, func(b *Batch) { b.Put(f) })
		if got := load(t, j, f.ID); got != f {
			t.Errorf("field %s: got %+v, want %+v", full.Type().Field(i).Name, got, f)
		}
	}
}

func TestPutReplaces(t *testing.T) {
	j, _ := openNew(t)
	f := ring(1)
	commit(t, j, func(b *Batch) { b.Put(f) })
	for i, response := range []string{"", "answer", "answer", "", "other"} {
		f.Content, f.Response, f.Deadline = fmt.Sprint("offer ", i), response, f.Deadline+1
		commit(t, j, func(b *Batch) { b.Put(ring(1)); b.Put(f) })
		if got := load(t, j, f.ID); got != f {
			t.Fatalf("change %d: got %+v, want %+v", i, got, f)
		}
	}
}

func TestUnknownIsNotFound(t *testing.T) {
	j, _ := openNew(t)
	if _, found, err := j.Load(number(1)); found || err != nil {
		t.Error(found, err)
	}
	if _, found, err := j.Get(number(1)); found || err != nil {
		t.Error(found, err)
	}
}

func TestDeadlineGoesOnAfterReboot(t *testing.T) {
	path, m := newPath(t), newMachine()
	j := openAt(t, path, m)
	f := ring(1) // a minute is left
	commit(t, j, func(b *Batch) { b.Put(f) })
	m.pass(10 * time.Second)
	if v, _, err := j.Get(f.ID); err != nil || v.Left != 50*time.Second || !v.ExpiresAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("in the same boot left %v until %v, %v", v.Left, v.ExpiresAt, err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	m.reboot("boot-2", 20*time.Second)
	j = openAt(t, path, m)
	if left := load(t, j, f.ID).Deadline.Sub(m.stamp().Clock); left != 30*time.Second {
		t.Errorf("after the reboot %v are left, want 30s", left)
	}
	all, err := j.Unfinished()
	if err != nil || len(all) != 1 || all[0].Form != load(t, j, f.ID) {
		t.Errorf("Unfinished = %+v, %v", all, err)
	}
}

func TestUnfinished(t *testing.T) {
	j, _ := openNew(t)
	form := func(n int, change func(*invitation.Form)) invitation.Form {
		f := ring(n)
		change(&f)
		return f
	}
	live := form(1, func(f *invitation.Form) {})
	held := form(2, func(f *invitation.Form) { f.State = invitation.Held })
	idle := form(3, func(f *invitation.Form) { f.Kind, f.State = invitation.KindLocal, invitation.Idle })
	owing := form(4, func(f *invitation.Form) { f.State, f.Owes = invitation.Refused, true })
	commit(t, j, func(b *Batch) {
		b.Put(owing)
		b.Put(idle)
		b.Put(held)
		b.Put(form(5, func(f *invitation.Form) { f.State, f.Owes, f.Deadline = invitation.Refused, true, 0 }))
		b.Put(form(6, func(f *invitation.Form) { f.State = invitation.Refused }))
		b.Put(form(7, func(f *invitation.Form) { f.Kind, f.State = invitation.KindLocal, invitation.Idle }))
		b.Discard(number(7))
		b.Emit(Event{Type: NodeOnline})
		b.Emit(told(owing, invitation.RemoteReceived))
		b.Emit(told(owing, invitation.RemoteRefused))
		b.Put(live)
		b.Emit(told(live, invitation.RemoteReceived))
	})
	commit(t, j, func(b *Batch) { b.Discard(owing.ID) })
	forgotten := owing
	forgotten.Content = ""
	got, err := j.Unfinished()
	want := []Recovered{{live, 4}, {held, 0}, {idle, 0}, {forgotten, 2}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v, %v\nwant %+v", got, err, want)
	}
}

func TestDiscard(t *testing.T) {
	for _, cached := range []bool{true, false} {
		j, m := openNew(t)
		f := ended(ring(1))
		f.Owes, f.Deadline, f.Response = true, protocol.Instant(2*time.Hour), "answer"
		commit(t, j, func(b *Batch) { b.Put(f); b.Emit(told(f, invitation.RemoteCanceled)) })
		commit(t, j, func(b *Batch) { b.Discard(f.ID) })
		if !cached {
			j.recent, j.tail = recent{}, tail{}
		}
		// The other side acknowledges: the machine's form still has the payload.
		f.Owes = false
		commit(t, j, func(b *Batch) { b.Put(f) })
		if _, found, err := j.Get(f.ID); found || err != nil {
			t.Errorf("Get = %v, %v", found, err)
		}
		if views, _, err := j.List(Query{}); len(views) != 0 || err != nil {
			t.Errorf("List = %v, %v", views, err)
		}
		got := load(t, j, f.ID)
		f.Content, f.Response = "", ""
		if got != f {
			t.Errorf("Load = %+v, want %+v", got, f)
		}
		events, _, err := j.Read(0, Filter{}, 10)
		if err != nil || len(events) != 1 || events[0].View.Form.Content+events[0].View.Response != "" {
			t.Errorf("the event still has a payload: %+v, %v", events, err)
		}
		m.pass(protocol.KeepTombstone + time.Hour)
		if err := j.Prune(m.stamp().Wall); err != nil {
			t.Fatal(err)
		}
		if _, found, err := j.Load(f.ID); found || err != nil {
			t.Errorf("a day later Load = %v, %v", found, err)
		}
	}
}

func TestKeysAndSettings(t *testing.T) {
	j, m := openNew(t)
	commit(t, j, func(b *Batch) { b.Key("k", "POST body", number(1), 201); b.Setting("online", "true") })
	commit(t, j, func(b *Batch) { b.Setting("online", "false") })
	if k, found, err := j.Key("k"); err != nil || !found || k != (Key{"POST body", number(1), 201}) {
		t.Errorf("Key = %+v, %v, %v", k, found, err)
	}
	if v, found, err := j.Setting("online"); v != "false" || !found || err != nil {
		t.Errorf("Setting = %q, %v, %v", v, found, err)
	}
	if _, found, err := j.Setting("other"); found || err != nil {
		t.Errorf("unknown Setting = %v, %v", found, err)
	}
	m.pass(24*time.Hour - time.Second)
	if _, found, err := j.Key("k"); !found || err != nil {
		t.Errorf("within a day Key = %v, %v", found, err)
	}
	m.pass(2 * time.Second)
	if _, found, err := j.Key("k"); found || err != nil {
		t.Errorf("after a day Key = %v, %v", found, err)
	}
}

func TestTombstonesAreCappedForEachPeer(t *testing.T) {
	j, m := openNew(t)
	commit(t, j, func(b *Batch) {
		b.Tombstone("quiet", number(0))
		for n := range protocol.MaxTombstones + 3 {
			b.Tombstone("noisy", number(n))
			b.Tombstone("noisy", number(1)) // said again: stays
		}
	})
	check := func(peer protocol.PeerID, n int, want bool) {
		t.Helper()
		if got, err := j.Tombstone(peer, number(n)); got != want || err != nil {
			t.Errorf("Tombstone(%s, %d) = %v, %v", peer, n, got, err)
		}
	}
	check("quiet", 0, true)
	check("noisy", 0, false)
	check("noisy", 1, true)
	check("noisy", 3, false)
	check("noisy", 4, true)
	check("noisy", protocol.MaxTombstones+2, true)
	m.pass(protocol.KeepTombstone + time.Second)
	check("quiet", 0, false)
}

func TestFailedCommitChangesNothing(t *testing.T) {
	j, _ := openNew(t)
	f := ring(1)
	commit(t, j, func(b *Batch) { b.Put(f); b.Emit(told(f, invitation.RemoteReceived)) })
	w := <-j.writer
	_, err := w.conn.ExecContext(t.Context(), `CREATE TEMP TRIGGER fault BEFORE INSERT ON settings BEGIN SELECT raise(ABORT, 'no'); END`)
	j.writer <- w
	if err != nil {
		t.Fatal(err)
	}
	over := ended(f)
	over.Content = "changed"
	var b Batch
	b.Put(over)
	b.Emit(told(over, invitation.RemoteCanceled))
	b.Key("k", "", f.ID, 200)
	b.Setting("a", "b")
	head := j.Head()
	if err := j.Commit(&b); err == nil {
		t.Fatal("Commit succeeded")
	}
	events, last, err := j.Read(0, Filter{}, 10)
	if j.Head() != head || len(events) != 1 || last != 1 || err != nil || events[0].Over || b.Events[0].Seq != 0 {
		t.Errorf("head %s, events %+v, last %d, %v", j.Head(), events, last, err)
	}
	if got := load(t, j, f.ID); got != f {
		t.Errorf("the form is %+v", got)
	}
	if _, found, _ := j.Key("k"); found {
		t.Error("the key was kept")
	}
	w = <-j.writer
	_, err = w.conn.ExecContext(t.Context(), `DROP TRIGGER fault`)
	j.writer <- w
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Commit(&b); err != nil || b.Events[0].Cursor != j.Epoch()+":2" {
		t.Errorf("the same batch again: %+v, %v", b.Events, err)
	}
}

func TestClosedJournal(t *testing.T) {
	j, _ := openNew(t)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var b Batch
	b.Setting("a", "b")
	if err := j.Commit(&b); !errors.Is(err, ErrClosed) {
		t.Errorf("Commit = %v", err)
	}
	if err := j.Prune(noon); !errors.Is(err, ErrClosed) {
		t.Errorf("Prune = %v", err)
	}
	if _, _, err := j.Load(number(1)); err == nil {
		t.Error("Load succeeded")
	}
}
