package journal

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func list(t *testing.T, j *Journal, q Query) (ids []protocol.ID, next string) {
	t.Helper()
	views, next, err := j.List(q)
	if err != nil {
		t.Fatalf("List(%+v): %v", q, err)
	}
	for _, v := range views {
		ids = append(ids, v.ID)
	}
	return ids, next
}

func numbers(ns ...int) (ids []protocol.ID) {
	for _, n := range ns {
		ids = append(ids, number(n))
	}
	return ids
}

func TestListFilters(t *testing.T) {
	j, _ := openNew(t)
	commit(t, j, func(b *Batch) {
		b.Put(ring(1))
		b.Put(ended(ring(2)))
		f := ring(3)
		f.Kind, f.Caller, f.Callee, f.State = invitation.KindLocal, "peer-b", "peer-c", invitation.Idle
		b.Put(f)
		f = ring(4)
		f.App, f.State = "board", invitation.Missed
		b.Put(f)
		f = ring(5)
		f.App = "chess"
		b.Put(f)
		f = ring(6)
		f.State = invitation.Held
		b.Put(f)
		b.Put(ended(ring(7)))
		b.Discard(number(7))
	})
	yes, no := true, false
	for _, c := range []struct {
		q    Query
		want []protocol.ID
	}{
		{Query{}, numbers(5, 4, 3, 2, 1)},
		{Query{Limit: 2}, numbers(5, 4)},
		{Query{Live: &yes}, numbers(5, 3, 1)},
		{Query{Live: &no}, numbers(4, 2)},
		{Query{Kind: invitation.KindLocal}, numbers(3)},
		{Query{Kind: invitation.KindRemote, Live: &yes}, numbers(5, 1)},
		{Query{State: invitation.Missed}, numbers(4)},
		{Query{State: invitation.Held}, nil},
		{Query{Apps: []string{"board", "chess"}}, numbers(5, 4)},
		{Query{Apps: []string{"call"}, Live: &no}, numbers(2)},
		{Query{Peer: "peer-c"}, numbers(3)},
		{Query{Peer: "peer-b"}, numbers(5, 4, 3, 2, 1)},
		{Query{Peer: "peer-a", Apps: []string{"call"}, Live: &yes}, numbers(1)},
		{Query{Peer: "nobody"}, nil},
	} {
		if got, _ := list(t, j, c.q); !slices.Equal(got, c.want) {
			t.Errorf("List(%+v) = %v, want %v", c.q, got, c.want)
		}
	}
	if _, found, err := j.Get(number(6)); found || err != nil {
		t.Errorf("Get of a held one = %v, %v", found, err)
	}
}

// What apps are shown has milliseconds, and the order must be that of what they see.
func TestListOrderIsByMillisecondThenID(t *testing.T) {
	j, _ := openNew(t)
	commit(t, j, func(b *Batch) {
		for n, at := range map[int]time.Duration{1: 900, 2: 100, 3: 500, 4: int64ms(1), 5: -int64ms(1)} {
			f := ring(n)
			f.CreatedAt = noon.Add(at)
			b.Put(f)
		}
	})
	if got, _ := list(t, j, Query{}); !slices.Equal(got, numbers(4, 3, 2, 1, 5)) {
		t.Errorf("order is %v", got)
	}
}

func int64ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func TestPagesHaveNoGapAndNoDuplicate(t *testing.T) {
	j, _ := openNew(t)
	put := func(n int, at time.Duration) {
		commit(t, j, func(b *Batch) {
			f := ring(n)
			f.CreatedAt = noon.Add(at)
			b.Put(f)
		})
	}
	for n := range 20 {
		put(n, time.Duration(n/3)*time.Second) // several share a moment
	}
	var got []protocol.ID
	next := ""
	for page := 0; ; page++ {
		var ids []protocol.ID
		ids, next = list(t, j, Query{Limit: 3, Before: next})
		got = append(got, ids...)
		put(100+page, time.Hour)
		commit(t, j, func(b *Batch) { b.Put(ended(ring(0))) })
		if next == "" {
			break
		}
	}
	want := []int{}
	for n := 19; n >= 0; n-- {
		want = append(want, n)
	}
	if !slices.Equal(got, numbers(want...)) {
		t.Errorf("got %v", got)
	}
	if _, next := list(t, j, Query{Apps: []string{"call"}, Limit: 27}); next != "" {
		t.Errorf("a list that ends with the page has next %q", next)
	}
}

func TestListRefuses(t *testing.T) {
	j, _ := openNew(t)
	for field, q := range map[string]Query{
		"before": {Before: "nonsense"},
		"limit":  {Limit: 501},
	} {
		var e *protocol.Error
		if _, _, err := j.List(q); !errors.As(err, &e) || e.Code != protocol.CodeInvalidArgument || e.Field != field {
			t.Errorf("List(%+v): %v", q, err)
		}
	}
	if _, _, err := j.List(Query{Limit: -1}); !errors.Is(err, &protocol.Error{Code: protocol.CodeInvalidArgument}) {
		t.Errorf("negative limit: %v", err)
	}
}
