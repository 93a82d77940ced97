package journal

import (
	"errors"
	"path/filepath"
	"strconv"
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

// TestWallClockForgetsNothingInAnotherBoot: a wall clock that was set is not
// believed by the next boot to have gone that far, once something was written or
// pruned; and one that is set back makes nothing older.
func TestWallClockForgetsNothingInAnotherBoot(t *testing.T) {
	for _, by := range []string{"a commit", "a pruning"} {
		now := invitation.Stamp{BootID: "one", Clock: protocol.Instant(time.Hour), Wall: time.Unix(1e9, 0)}
		cfg := Config{Path: filepath.Join(t.TempDir(), "journal"), Stamp: func() invitation.Stamp { return now }, ByHand: true}
		j, err := Open(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var b Batch
		b.Key("key", "print", protocol.NewID(), 201)
		if err := j.Commit(&b); err != nil {
			t.Fatal(err)
		}
		for i, set := range []time.Duration{26 * time.Hour, -52 * time.Hour, 10 * 365 * 24 * time.Hour} {
			now.Wall = now.Wall.Add(set)
			if by == "a commit" {
				var b Batch
				b.Setting("some", "thing")
				err = j.Commit(&b)
			} else {
				err = j.Prune(now.Wall)
			}
			if err = errors.Join(err, j.Close()); err != nil {
				t.Fatal(err)
			}
			// The machine is off for an hour, which only the wall clock counts.
			now.BootID, now.Clock, now.Wall = strconv.Itoa(i), protocol.Instant(time.Second), now.Wall.Add(time.Hour)
			if j, err = Open(cfg); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, want bool) {
			t.Helper()
			if err := j.Prune(now.Wall); err != nil {
				t.Fatal(err)
			}
			if _, found, err := j.Key("key"); err != nil || found != want {
				t.Errorf("%s, %s: key %v, want %v (%v)", by, when, found, want, err)
			}
		}
		check("after 3 h", true)
		now.Clock = now.Clock.Add(20 * time.Hour)
		check("after 23 h", true)
		now.Clock = now.Clock.Add(2 * time.Hour)
		check("after 25 h", false)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
