package dht

import (
	"bytes"
	"fmt"
	"testing"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

func keysOf(t *testing.T, s *store, prefix string) int {
	t.Helper()
	r, err := s.Query(t.Context(), query.Query{Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Rest()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestStoreKeepsWhatItIsGiven(t *testing.T) {
	s, ctx := newStore(1<<20), t.Context()
	for _, k := range []string{"/providers/a/1", "/providers/a/2", "/providers/ab/1", "/value/x"} {
		for range 2 { // the second takes the place of the first
			if err := s.Put(ctx, ds.NewKey(k), []byte(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for prefix, want := range map[string]int{
		"": 4, "/providers": 3, "/providers/": 3, "/providers/a": 2, "/providers/a/": 2, "/providers/ab": 1, "/providers/b": 0, "/value": 1,
	} {
		if got := keysOf(t, s, prefix); got != want {
			t.Errorf("%q: %d records, want %d", prefix, got, want)
		}
	}
	k := ds.NewKey("/providers/a/1")
	if v, err := s.Get(ctx, k); err != nil || string(v) != k.String() {
		t.Errorf("got %q, %v", v, err)
	}
	if n, err := s.GetSize(ctx, k); err != nil || n != len(k.String()) {
		t.Errorf("size %d, %v", n, err)
	}
	for range 2 {
		if err := s.Delete(ctx, k); err != nil {
			t.Error(err)
		}
	}
	if ok, err := s.Has(ctx, k); ok || err != nil {
		t.Errorf("has %v, %v", ok, err)
	}
	if _, err := s.Get(ctx, k); err != ds.ErrNotFound {
		t.Error(err)
	}
	if _, err := s.GetSize(ctx, k); err != ds.ErrNotFound {
		t.Error(err)
	}
}

func TestStoreIsBounded(t *testing.T) {
	const limit = 100 << 10
	s, ctx := newStore(limit), t.Context()
	for i := range 2000 {
		k := ds.NewKey(fmt.Sprintf("/providers/%d/%d", i%7, i))
		if err := s.Put(ctx, k, bytes.Repeat([]byte{1}, i%500)); err != nil {
			t.Fatal(err)
		}
		if ok, _ := s.Has(ctx, k); !ok || s.size > limit {
			t.Fatalf("record %d: there %v, size %d", i, ok, s.size)
		}
	}
	n := keysOf(t, s, "")
	if n < limit/1000 || n > limit/perRecord {
		t.Errorf("%d records are left", n)
	}
	for _, records := range s.all {
		for k := range records {
			s.Delete(ctx, k)
		}
	}
	if s.size != 0 || len(s.all) != 0 {
		t.Errorf("size %d, %d parents when all is gone", s.size, len(s.all))
	}
}
