package dht

import (
	"context"
	"sync"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// maxStored bounds the memory for records that others leave here, which only a
// server of the public DHT keeps.
const maxStored = 64 << 20

// perRecord is what a record costs beside its key and value.
const perRecord = 200

// store keeps records in memory. When it is full, any other record gives way
// to a new one: nineteen more servers have it. Records lie by the parent of
// their key, for the DHT asks for all children of one parent at each request.
type store struct {
	max int

	mu   sync.Mutex
	all  map[ds.Key]map[ds.Key][]byte
	size int
}

func newStore(limit int) *store { return &store{max: limit, all: map[ds.Key]map[ds.Key][]byte{}} }

func cost(k ds.Key, v []byte) int { return len(k.String()) + len(v) + perRecord }

// Put keeps a record.
func (s *store) Put(_ context.Context, k ds.Key, v []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k)
	parent := k.Parent()
	if s.all[parent] == nil {
		s.all[parent] = map[ds.Key][]byte{}
	}
	s.size += cost(k, v)
	for s.size > s.max && s.dropAny() {
	}
	if s.all[parent] == nil { // its last other child gave way
		s.all[parent] = map[ds.Key][]byte{}
	}
	s.all[parent][k] = v
	return nil
}

// drop is called with mu held.
func (s *store) drop(k ds.Key) {
	siblings := s.all[k.Parent()]
	v, ok := siblings[k]
	if !ok {
		return
	}
	s.size -= cost(k, v)
	delete(siblings, k)
	if len(siblings) == 0 {
		delete(s.all, k.Parent())
	}
}

// dropAny drops some record, if there is one; maps begin anywhere.
func (s *store) dropAny() bool {
	for _, siblings := range s.all {
		for k := range siblings {
			s.drop(k)
			return true
		}
	}
	return false
}

// Delete forgets a record.
func (s *store) Delete(_ context.Context, k ds.Key) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(k)
	return nil
}

// Get returns a record, or ds.ErrNotFound.
func (s *store) Get(_ context.Context, k ds.Key) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.all[k.Parent()][k]; ok {
		return v, nil
	}
	return nil, ds.ErrNotFound
}

// Has reports whether there is such a record.
func (s *store) Has(ctx context.Context, k ds.Key) (bool, error) {
	_, err := s.Get(ctx, k)
	return err == nil, nil
}

// GetSize returns the length of a record's value, or ds.ErrNotFound.
func (s *store) GetSize(ctx context.Context, k ds.Key) (int, error) {
	v, err := s.Get(ctx, k)
	if err != nil {
		return -1, err
	}
	return len(v), nil
}

// Query returns the records under a prefix.
func (s *store) Query(_ context.Context, q query.Query) (query.Results, error) {
	var found []query.Entry
	add := func(records map[ds.Key][]byte) {
		for k, v := range records {
			e := query.Entry{Key: k.String(), Size: len(v)}
			if !q.KeysOnly {
				e.Value = v
			}
			found = append(found, e)
		}
	}
	s.mu.Lock()
	if prefix := ds.NewKey(q.Prefix); len(prefix.List()) > 1 {
		add(s.all[prefix])
	} else {
		for _, records := range s.all {
			add(records)
		}
	}
	s.mu.Unlock()
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, found)), nil
}

// Batch returns a batch that is no faster than its parts.
func (s *store) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(s), nil }

// Sync has nothing to do.
func (s *store) Sync(context.Context, ds.Key) error { return nil }

// Close has nothing to do.
func (s *store) Close() error { return nil }
