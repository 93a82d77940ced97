package journal

import (
	"os"
	"sync"
	"testing"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// A power cut leaves what was synced. Here that is the main file without its log.
func TestSyncBringsCommitsToTheMainFile(t *testing.T) {
	path, m := newPath(t), newMachine()
	j := openAt(t, path, m)
	f := ring(1)
	commit(t, j, func(b *Batch) { b.Put(f); b.Emit(told(f, invitation.RemoteReceived)) })
	if err := j.syncer.sync(t.Context()); err != nil || j.SyncErr() != nil {
		t.Fatal(err, j.SyncErr())
	}
	cut := newPath(t)
	if err := os.WriteFile(cut, readAll(t, path), 0o600); err != nil {
		t.Fatal(err)
	}
	after := openAt(t, cut, m)
	if got := load(t, after, f.ID); got != f || after.Head() != j.Head() {
		t.Errorf("kept %+v, head %s of %s", got, after.Head(), j.Head())
	}
}

// One writes, another prunes, many read: each reader gets each event once and
// in order.
func TestReadersWriterAndPruneTogether(t *testing.T) {
	j, m := openNew(t)
	const batches, each, readers = 200, 4, 4
	var all sync.WaitGroup
	for r := range readers {
		all.Go(func() {
			f := Filter{Apps: []string{"call"}}
			for seq := int64(0); seq < batches*each; {
				events, last, err := j.Read(seq, f, 1+r*10)
				if err != nil {
					t.Errorf("Read: %v", err)
					return
				}
				for _, e := range events {
					if seq++; e.Seq != seq {
						t.Errorf("event %d came as number %d", e.Seq, seq)
						return
					}
				}
				if last != seq {
					t.Errorf("read to %d, told %d", seq, last)
					return
				}
				if _, _, err := j.List(Query{Limit: 5}); err != nil {
					t.Errorf("List: %v", err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for range 50 {
			if err := j.Prune(m.stamp().Wall); err != nil {
				t.Errorf("Prune: %v", err)
			}
			if err := j.syncer.sync(t.Context()); err != nil {
				t.Errorf("sync: %v", err)
			}
		}
	})
	for n := range batches {
		var b Batch
		f := ring(n)
		b.Put(f)
		for range each {
			b.Emit(told(f, invitation.RemoteReceived))
		}
		if err := j.Commit(&b); err != nil {
			t.Fatalf("Commit: %v", err)
		}
	}
	all.Wait()
}
