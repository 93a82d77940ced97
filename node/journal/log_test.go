package journal

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func read(t *testing.T, j *Journal, after int64, f Filter, limit int) ([]Event, int64) {
	t.Helper()
	events, last, err := j.Read(after, f, limit)
	if err != nil {
		t.Fatalf("Read(%d): %v", after, err)
	}
	return events, last
}

func seqs(events []Event) (ns []int64) {
	for _, e := range events {
		ns = append(ns, e.Seq)
	}
	return ns
}

func emitN(t *testing.T, j *Journal, n int, at time.Time) {
	t.Helper()
	commit(t, j, func(b *Batch) {
		for range n {
			b.Emit(Event{Type: NodeOnline, Time: at, State: "online", Cause: "test"})
		}
	})
}

func checkExpired(t *testing.T, j *Journal, cursor string) {
	t.Helper()
	var e *protocol.Error
	if seq, err := j.ParseCursor(cursor); !errors.As(err, &e) || e.Code != protocol.CodeCursorExpired || e.Cursor != j.Head() || e.Detail == "" {
		t.Errorf("ParseCursor(%q) = %d, %v", cursor, seq, err)
	}
}

func TestCursors(t *testing.T) {
	j, _ := openNew(t)
	if want := j.Epoch() + ":0"; j.Head() != want || len(j.Epoch()) != 8 {
		t.Errorf("an empty log's head is %q, want %q", j.Head(), want)
	}
	b := commit(t, j, func(b *Batch) {
		for i := range 3 {
			if at := b.Emit(Event{Type: NodeOnline}); at != i {
				t.Errorf("Emit = %d, want %d", at, i)
			}
		}
	})
	for i, e := range b.Events {
		if seq, err := j.ParseCursor(e.Cursor); err != nil || seq != int64(i+1) || seq != e.Seq {
			t.Errorf("cursor %q of event %d: %d, %v", e.Cursor, i+1, seq, err)
		}
	}
	if j.Head() != b.Events[2].Cursor {
		t.Errorf("head is %q", j.Head())
	}
	if seq, err := j.ParseCursor(j.Epoch() + ":0"); seq != 0 || err != nil {
		t.Errorf("cursor 0 = %d, %v", seq, err)
	}
	for _, s := range []string{"", ":", "3", j.Epoch(), j.Epoch() + ":", j.Epoch() + ":-1", j.Epoch() + ":+1", j.Epoch() + ":01",
		j.Epoch() + ":1 ", j.Epoch() + ":99999999999999999999", j.Epoch() + ":4", "00000000:1", ":1"} {
		checkExpired(t, j, s)
	}
}

func TestRetentionByAge(t *testing.T) {
	path, m := newPath(t), newMachine()
	j := openAt(t, path, m)
	emitN(t, j, pruneChunk+10, noon)
	emitN(t, j, 5, noon.Add(time.Hour))
	emitN(t, j, 1, noon) // the clock went back: stays with its neighbours
	m.pass(keepEventsFor + time.Minute)
	if err := j.Prune(m.stamp().Wall); err != nil {
		t.Fatal(err)
	}
	const gone = pruneChunk + 10
	for range 2 {
		checkExpired(t, j, j.cursor(gone-1))
		if seq, err := j.ParseCursor(j.cursor(gone)); seq != gone || err != nil {
			t.Errorf("the cursor of the last event that was removed: %d, %v", seq, err)
		}
		if events, last := read(t, j, gone, Filter{}, 100); len(events) != 6 || events[0].Seq != gone+1 || last != gone+6 {
			t.Errorf("read %v to %d", seqs(events), last)
		}
		if _, _, err := j.Read(gone-1, Filter{}, 100); !errors.Is(err, &protocol.Error{Code: protocol.CodeCursorExpired}) {
			t.Errorf("Read across the gap: %v", err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		j = openAt(t, path, m)
	}
	m.pass(2 * time.Hour)
	if err := j.Prune(m.stamp().Wall); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	j = openAt(t, path, m)
	if j.Head() != j.cursor(gone+6) {
		t.Errorf("with every event gone the head is %s", j.Head())
	}
	emitN(t, j, 1, noon)
	if events, _ := read(t, j, gone+6, Filter{}, 100); len(events) != 1 || events[0].Seq != gone+7 {
		t.Errorf("numbers go on with %v", seqs(events))
	}
}

func TestRetentionByCount(t *testing.T) {
	j, m := openNew(t)
	if j.keep != 100_000 {
		t.Errorf("the log keeps %d events", j.keep)
	}
	j.keep = 3 * pruneChunk
	const over = pruneChunk + 10
	emitN(t, j, int(j.keep)+over, noon)
	for range 2 { // before Prune and after
		checkExpired(t, j, j.cursor(over-1))
		if seq, err := j.ParseCursor(j.cursor(over)); seq != over || err != nil {
			t.Errorf("the oldest cursor that is kept: %d, %v", seq, err)
		}
		if err := j.Prune(m.stamp().Wall); err != nil {
			t.Fatal(err)
		}
	}
	if events, _ := read(t, j, over, Filter{}, 1); len(events) != 1 || events[0].Seq != over+1 {
		t.Errorf("read %v", seqs(events))
	}
}

// bothWays runs the test with the log's end in memory and without it.
func bothWays(t *testing.T, j *Journal, test func(t *testing.T)) {
	t.Run("memory", test)
	j.tail, j.recent = tail{}, recent{}
	t.Run("file", test)
}

func TestReadFilters(t *testing.T) {
	j, _ := openNew(t)
	commit(t, j, func(b *Batch) {
		for i, app := range []string{"call", "board", "", "call", "chess", "board"} {
			e := Event{Time: noon, Type: NodeOnline, State: "online", Cause: "wish"}
			if app != "" {
				f := ring(i)
				f.App = app
				b.Put(f)
				e = told(f, invitation.RemoteReceived)
			}
			b.Emit(e)
		}
	})
	bothWays(t, j, func(t *testing.T) {
		for _, c := range []struct {
			after int64
			apps  []string
			limit int
			want  []int64
			last  int64
		}{
			{0, nil, 100, []int64{1, 2, 3, 4, 5, 6}, 6},
			{4, nil, 100, []int64{5, 6}, 6},
			{6, nil, 100, nil, 6},
			{0, nil, 2, []int64{1, 2}, 2},
			{0, []string{"call"}, 100, []int64{1, 3, 4}, 6},
			{0, []string{"call"}, 2, []int64{1, 3}, 3},
			{3, []string{"board", "chess"}, 100, []int64{5, 6}, 6},
			{3, []string{"other"}, 100, nil, 6},
			{0, []string{"other"}, 1, []int64{3}, 3},
			{2, nil, 0, nil, 2},
		} {
			events, last := read(t, j, c.after, Filter{Apps: c.apps}, c.limit)
			if got := seqs(events); !slices.Equal(got, c.want) || last != c.last {
				t.Errorf("Read(%d, %v, %d) = %v to %d, want %v to %d", c.after, c.apps, c.limit, got, last, c.want, c.last)
			}
		}
	})
}

func TestEventIsTheSameFromMemoryAndFile(t *testing.T) {
	j, _ := openNew(t)
	f := fullForm(t)
	f.SentAt = time.Now() // local time, with a monotonic reading
	e := told(f, invitation.LocalProgress)
	e.Time, e.View.ExpiresAt, e.View.Left = time.Now(), time.Now(), time.Second
	commit(t, j, func(b *Batch) {
		b.Put(f)
		b.Emit(e)
		b.Emit(Event{Type: NodeOffline, State: "offline", Cause: "wish"})
	})
	memory, _ := read(t, j, 0, Filter{}, 10)
	j.tail, j.recent = tail{}, recent{}
	file, _ := read(t, j, 0, Filter{}, 10)
	if !reflect.DeepEqual(memory, file) {
		t.Errorf("memory %+v\nfile   %+v", memory, file)
	}
	got := memory[0]
	if got.View.Form.Content != f.Content || got.View.Form.Response != f.Response || !got.Time.Equal(e.Time) || got.View.Left != time.Second {
		t.Errorf("got %+v", got)
	}
}

func TestEventsKeepTheirFormAndTellWhatIsOver(t *testing.T) {
	j, _ := openNew(t)
	f := ring(1)
	commit(t, j, func(b *Batch) { b.Put(f); b.Emit(told(f, invitation.RemoteReceived)) })
	bothWays(t, j, func(t *testing.T) {
		if events, _ := read(t, j, 0, Filter{}, 10); len(events) != 1 || events[0].Over || events[0].View.Form != f {
			t.Errorf("while it rings: %+v", events)
		}
	})
	end := ended(f)
	end.Response = "answer"
	commit(t, j, func(b *Batch) { b.Put(end); b.Emit(told(end, invitation.RemoteCanceled)) })
	bothWays(t, j, func(t *testing.T) {
		events, _ := read(t, j, 0, Filter{}, 10)
		if len(events) != 2 || !events[0].Over || events[1].Over {
			t.Fatalf("after the end: %+v", events)
		}
		if first := events[0].View; first.State != invitation.InvitationReceived || first.Form.Content != f.Content || !first.EndedAt.IsZero() {
			t.Errorf("the first event changed: %+v", first)
		}
	})
}

func TestPayloadIsForgottenAfterThirtyDays(t *testing.T) {
	j, m := openNew(t)
	old, kept := ended(ring(1)), ended(ring(2))
	kept.EndedAt = noon.Add(48 * time.Hour)
	commit(t, j, func(b *Batch) {
		for _, f := range []invitation.Form{old, kept} {
			b.Put(f)
			e := told(f, invitation.RemoteCanceled)
			e.Time = noon.Add(72 * time.Hour)
			b.Emit(e)
		}
	})
	m.pass(keepPayload + time.Hour)
	if err := j.Prune(m.stamp().Wall); err != nil {
		t.Fatal(err)
	}
	bothWays(t, j, func(t *testing.T) {
		events, _ := read(t, j, 0, Filter{}, 10)
		if len(events) != 2 || events[0].View.Form.Content != "" || events[1].View.Form.Content != kept.Content {
			t.Errorf("events are %+v", events)
		}
		if v, found, err := j.Get(old.ID); err != nil || !found || v.Form.Content != "" || v.Form.State != old.State {
			t.Errorf("the old one is %+v, %v, %v", v, found, err)
		}
		if v, _, err := j.Get(kept.ID); err != nil || v.Form.Content != kept.Content {
			t.Errorf("the younger one is %+v, %v", v, err)
		}
	})
}

// The parts in memory are bounded, and what has left them reads the same.
func TestMemoryIsBounded(t *testing.T) {
	j, _ := openNew(t)
	const rounds, each = 90, 64
	for r := range rounds {
		commit(t, j, func(b *Batch) {
			for i := range each {
				f := ring(r*each + i)
				f.Content = fmt.Sprintf("%04000d", r*each+i)
				b.forms = append(b.forms, f)
				b.Emit(told(f, invitation.RemoteReceived))
			}
		})
	}
	if n := len(j.tail.events); n > tailLength+tailLength/4 {
		t.Errorf("%d events in memory", n)
	}
	if n := len(j.recent.queue); n != len(j.recent.byID) || n > recentLength || j.recent.bytes > recentBytes {
		t.Errorf("%d of %d invitations with %d bytes in memory", n, len(j.recent.byID), j.recent.bytes)
	}
	seq := int64(0)
	for seq < rounds*each {
		events, last := read(t, j, seq, Filter{}, 500)
		for _, e := range events {
			if seq++; e.Seq != seq || e.View.Form.Content != fmt.Sprintf("%04000d", seq-1) {
				t.Fatalf("event %d has number %d, content of %d bytes", seq, e.Seq, len(e.View.Form.Content))
			}
		}
		if last != seq {
			t.Fatalf("read to %d, last is %d", seq, last)
		}
	}
}
