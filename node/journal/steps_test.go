package journal

import (
	"slices"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// steps returns the pieces of an invitation.
func steps(t *testing.T, j *Journal, f invitation.Form) []string {
	t.Helper()
	pieces, err := j.Steps(f.ID)
	if err != nil {
		t.Fatal(err)
	}
	return pieces
}

func putSteps(t *testing.T, j *Journal, f invitation.Form, pieces ...string) {
	t.Helper()
	commit(t, j, func(b *Batch) {
		b.Put(f)
		for _, p := range pieces {
			b.Steps(f.ID, p)
		}
	})
}

// TestStepsAreKeptAndForgotten: piece by piece in order, with the invitation
// only, and as long as its payload.
func TestStepsAreKeptAndForgotten(t *testing.T) {
	j, _ := openNew(t)
	f := ended(ring(1))
	putSteps(t, j, f, "one", "two")
	putSteps(t, j, f, "three")
	if got := steps(t, j, f); !slices.Equal(got, []string{"one", "two", "three"}) {
		t.Fatalf("got %q", got)
	}
	commit(t, j, func(b *Batch) { b.Steps(number(3), "of nobody") })
	if err := j.Prune(f.EndedAt.Add(keepPayload - time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got := steps(t, j, f); len(got) != 3 {
		t.Errorf("pruned too early: %q", got)
	}
	if err := j.Prune(f.EndedAt.Add(keepPayload + time.Minute)); err != nil {
		t.Fatal(err)
	}
	putSteps(t, j, f, "late")
	if got := steps(t, j, f); len(got) != 0 {
		t.Errorf("after the retention: %q", got)
	}
}

// TestStepsGoWithADiscard: also those that come with it and after it.
func TestStepsGoWithADiscard(t *testing.T) {
	j, _ := openNew(t)
	f := ended(ring(2))
	putSteps(t, j, f, "one")
	commit(t, j, func(b *Batch) {
		b.Discard(f.ID)
		b.Steps(f.ID, "with the discard")
	})
	putSteps(t, j, f, "late")
	if got := steps(t, j, f); len(got) != 0 {
		t.Errorf("after a discard: %q", got)
	}
	var rows int
	if err := j.readers.QueryRow("SELECT count(*) FROM steps").Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are left, %v", rows, err)
	}
}
