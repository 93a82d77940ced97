package journal

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// TestWallClockForgetsNothing: keys and tombstones are kept 24 h of time, not
// until somebody sets the clock; not across a restart of the daemon either.
func TestWallClockForgetsNothing(t *testing.T) {
	now := invitation.Stamp{BootID: "one", Clock: protocol.Instant(time.Hour), Wall: time.Unix(1e9, 0)}
	cfg := Config{Path: filepath.Join(t.TempDir(), "journal"), Stamp: func() invitation.Stamp { return now }, ByHand: true}
	var j *Journal
	reopen := func() {
		t.Helper()
		var err error
		if j != nil {
			err = j.Close()
		}
		if err == nil {
			j, err = Open(cfg)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	reopen()
	defer func() { j.Close() }()
	id := protocol.NewID()
	var b Batch
	b.Key("key", "print", id, 201)
	b.Tombstone("peer", id)
	if err := j.Commit(&b); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want bool) {
		t.Helper()
		if err := j.Prune(now.Wall); err != nil {
			t.Fatal(err)
		}
		_, key, err := j.Key("key")
		tomb, err2 := j.Tombstone("peer", id)
		if err != nil || err2 != nil || key != want || tomb != want {
			t.Errorf("%s: key %v, tombstone %v, want %v (%v, %v)", when, key, tomb, want, err, err2)
		}
	}
	now.Wall = now.Wall.Add(10 * 365 * 24 * time.Hour)
	check("the wall clock is set forward", true)
	reopen()
	check("and the daemon starts again", true)
	now.Clock = now.Clock.Add(23 * time.Hour)
	check("after 23 h", true)
	now.Clock = now.Clock.Add(2 * time.Hour)
	now.Wall = time.Unix(1e9, 0)
	check("after 25 h, with the clock set back", false)
}
