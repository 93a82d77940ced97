package journal

import (
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// history is a history: ten unanswered calls of each of three strangers, and beside
// each what must stay whatever the bounds are.
func history(t *testing.T, j *Journal) (unanswered [3][]protocol.ID, others []protocol.ID) {
	n := 0
	form := func(caller protocol.PeerID, change func(f *invitation.Form)) protocol.ID {
		n++
		f := ended(ring(n))
		f.Caller, f.EndedAt = caller, f.CreatedAt
		if change != nil {
			change(&f)
		}
		commit(t, j, func(b *Batch) { b.Put(f) })
		return f.ID
	}
	states := []invitation.State{invitation.Missed, invitation.Canceled, invitation.Failed}
	for range 10 {
		for i, caller := range []protocol.PeerID{"a", "b", "c"} {
			unanswered[i] = append(unanswered[i], form(caller, func(f *invitation.Form) { f.State = states[i] }))
			for _, change := range []func(f *invitation.Form){
				func(f *invitation.Form) { f.AnsweredAt = f.EndedAt }, // accepted in the moment in which it was canceled
				func(f *invitation.Form) { f.State, f.AnsweredAt = invitation.Refused, f.EndedAt },
				func(f *invitation.Form) { f.State, f.AnsweredAt = invitation.Accepted, f.EndedAt },
				func(f *invitation.Form) { f.Kind = invitation.KindLocal },
				func(f *invitation.Form) { f.Owes, f.Deadline = true, protocol.Instant(1000*time.Hour) },
				func(f *invitation.Form) { f.State, f.EndedAt = invitation.Held, time.Time{} },
				func(f *invitation.Form) { f.State, f.EndedAt = invitation.InvitationReceived, time.Time{} },
			} {
				others = append(others, form(caller, change))
			}
		}
	}
	return unanswered, others
}

// TestUnansweredAreBounded: beyond the bound of each caller and that of all
// the oldest go, and nothing else does.
func TestUnansweredAreBounded(t *testing.T) {
	for what, bound := range map[string]struct {
		of, all int
		left    [3]int
	}{
		"each": {of: 4, all: 1000, left: [3]int{4, 4, 4}},
		"all":  {of: 1000, all: 7, left: [3]int{2, 2, 3}}, // the last caller rang last
	} {
		t.Run(what, func(t *testing.T) {
			j, m := openNew(t)
			if j.unanswered != 10_000 || j.unansweredOf != 1_000 {
				t.Errorf("%d are kept, %d of each caller", j.unanswered, j.unansweredOf)
			}
			j.unanswered, j.unansweredOf = bound.all, bound.of
			unanswered, others := history(t, j)
			prune := func() {
				t.Helper()
				if err := j.Prune(m.stamp().Wall); err != nil {
					t.Fatal(err)
				}
			}
			whole := func(id protocol.ID) bool { return load(t, j, id).Content != "" }
			// Within the time of a tombstone all answer for themselves; the
			// payloads beyond the bounds are gone.
			prune()
			for i, ids := range unanswered {
				for k, id := range ids {
					if want := k >= len(ids)-bound.left[i]; whole(id) != want {
						t.Errorf("caller %d, call %d: with its payload %v, want %v", i, k, !want, want)
					}
				}
			}
			m.pass(protocol.KeepTombstone + time.Hour)
			prune()
			for i, ids := range unanswered {
				for k, id := range ids {
					_, found, err := j.Load(id)
					if want := k >= len(ids)-bound.left[i]; found != want || err != nil {
						t.Errorf("caller %d, call %d: found %v, want %v (%v)", i, k, found, want, err)
					}
				}
			}
			for _, id := range others {
				if !whole(id) {
					t.Errorf("%+v lost its payload", load(t, j, id))
				}
			}
			if n := count(t, j, "payloads"); n != len(others)+bound.left[0]+bound.left[1]+bound.left[2] {
				t.Errorf("%d payloads", n)
			}
		})
	}
}

func count(t *testing.T, j *Journal, table string) (n int) {
	t.Helper()
	if err := j.readers.QueryRow("SELECT count(*) FROM " + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
