package doctor

import (
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// KeyFacts are what is known of the files that make this device this peer.
type KeyFacts struct {
	Path    string // of identity.key
	Missing bool
	Err     string      // why it cannot be read; "": it can
	Other   bool        // it holds another key than the daemon runs with
	Mode    fs.FileMode // of the file
	Dir     string
	DirMode fs.FileMode
}

// Key judges whether the identity key is there and for nobody else to read.
func Key(f KeyFacts) Verdict {
	switch {
	case f.Missing:
		return fail(f.Path+" is gone; beckond runs on with the key in memory and will be another peer at its next start",
			"put a copy of the file back before beckond ends")
	case f.Err != "":
		return fail(f.Path+" cannot be read: "+f.Err, "give it back to the user who runs beckond, or put a copy back")
	case f.Mode.Perm()&0o077 != 0:
		return fail(fmt.Sprintf("%s can be read or changed by other users (mode %04o): they could be this peer", f.Path, f.Mode.Perm()),
			"run: chmod 600 "+f.Path)
	case f.DirMode.Perm()&0o022 != 0:
		return fail(fmt.Sprintf("%s can be changed by other users (mode %04o): they could put another key there", f.Dir, f.DirMode.Perm()),
			"run: chmod 700 "+f.Dir)
	case f.DirMode.Perm()&0o077 != 0:
		return warn(fmt.Sprintf("%s can be listed by other users (mode %04o)", f.Dir, f.DirMode.Perm()), "run: chmod 700 "+f.Dir)
	case f.Other:
		return fail(f.Path+" holds another key than beckond runs with: it will be another peer at its next start",
			"put the right file back, or restart beckond to become the other peer")
	}
	return ok("the identity key is this user's alone")
}

// DiskFacts are what is known of the disk that the journal lies on.
type DiskFacts struct {
	Dir     string
	Free    uint64        // bytes that this user may still write
	FreeErr string        // why that is not known; "": it is
	Write   string        // why the journal cannot be written; "": it can
	Took    time.Duration // one transaction
}

// Space for a journal: it grows by some KiB an invitation, SQLite's log may
// take a few MiB before it is folded in, and below that much else on the
// machine begins to break, too.
const (
	LittleSpace   = 100 << 20
	NoSpace       = 10 << 20
	SlowJournal   = 500 * time.Millisecond // a ring waits for two transactions on either side
	bytesPerMiB   = 1 << 20
	clearTheDisk  = "free some space there, or move the data directory (--data-dir)"
	advisedToMove = "a slow or busy disk makes every ring late; move the data directory (--data-dir) to a faster one"
)

// Disk judges whether invitations can be journalled, now and for a while.
func Disk(f DiskFacts) Verdict {
	free := fmt.Sprintf("%d MiB free at %s", f.Free/bytesPerMiB, f.Dir)
	switch {
	case f.Write != "":
		return fail("the journal cannot be written: "+f.Write, clearTheDisk+"; see that beckond may write there")
	case f.FreeErr == "" && f.Free < NoSpace:
		return fail(free+": no more invitations when it is full", clearTheDisk)
	case f.FreeErr == "" && f.Free < LittleSpace:
		return warn(free, clearTheDisk)
	case f.Took > SlowJournal:
		return warn(fmt.Sprintf("one transaction of the journal took %v", f.Took.Round(time.Millisecond)), advisedToMove)
	case f.FreeErr != "":
		return ok("the journal can be written; the free space is not known here (%s)", f.FreeErr)
	}
	return ok("the journal can be written, %s", free)
}

// ClockFacts are what the wall clock can be compared with.
type ClockFacts struct {
	Jump time.Duration // how far the wall clock ran ahead of the running clock since the start of the daemon
	// Places are how long the places at relays last, as their end by the relay's
	// clock seems from here. A relay gives an hour unless its owner wants another.
	Places []time.Duration
	Past   bool // a relay gave a place whose end is past by this clock
}

// Bounds of a clock that is right: relays and peers keep time by NTP, to
// seconds; a slewing clock gains less than a minute a day.
const (
	UsualPlace = time.Hour
	SkewAtMost = 2 * time.Minute
	JumpAtMost = 5 * time.Minute
)

const setClock = "let the system set its clock by NTP (timedatectl shows it); times in lists are wrong till then, what rings and for how long is not"

// Clock judges whether the wall clock agrees with others'.
func Clock(f ClockFacts) Verdict {
	if f.Past {
		return fail("a relay's place seems to have run out before it began: this clock is more than an hour ahead of the relay's, or the relay's behind", setClock)
	}
	skew, compared := skewOf(f.Places)
	switch {
	case compared && skew.Abs() > SkewAtMost:
		return warn(fmt.Sprintf("the wall clock is %s as relays tell it", aheadBehind(-skew)), setClock)
	case f.Jump.Abs() > JumpAtMost:
		return warn(fmt.Sprintf("the wall clock was set %s since beckond started", forthBack(f.Jump)),
			"see that it is right now (timedatectl); older times in lists are as the clock was then")
	case compared:
		return ok("the wall clock agrees with %s", count(len(f.Places), "relay"))
	}
	return ok("the wall clock has not jumped since the start; there is no other clock to compare it with")
}

// skewOf is what the relays agree on: the one nearest to none, for one that
// gives places of another length says nothing of clocks.
func skewOf(places []time.Duration) (skew time.Duration, compared bool) {
	for _, p := range places {
		if s := p - UsualPlace; !compared || s.Abs() < skew.Abs() {
			skew, compared = s, true
		}
	}
	return skew, compared
}

func aheadBehind(d time.Duration) string {
	word := "ahead"
	if d < 0 {
		word = "behind"
	}
	return fmt.Sprintf("%v %s", d.Abs().Round(time.Second), word)
}

func forthBack(d time.Duration) string {
	word := "forward"
	if d < 0 {
		word = "back"
	}
	return fmt.Sprintf("%s by %v", word, d.Abs().Round(time.Second))
}

// InstanceFacts tell whether somebody else is this peer, too.
type InstanceFacts struct {
	LockGone bool     // the data directory's lock was removed or replaced
	Others   []string // addresses at which another device answered as this peer
	Strange  []string // addresses that peers name for this one, that are not its own and did not answer
}

// SecondInstance judges whether another device uses this peer's key.
func SecondInstance(f InstanceFacts) Verdict {
	switch {
	case len(f.Others) > 0:
		return fail("another device is this peer, too, at "+list(f.Others)+": rings reach one of the two, by chance",
			"one key is one device: stop the other one and give it a data directory of its own")
	case f.LockGone:
		return warn("the lock of the data directory is gone: a second beckond could be started on it", "restart beckond, and delete nothing in its data directory but peers.json")
	case len(f.Strange) > 0:
		return ok("no other device answers as this peer; peers still name %s of before", addresses(len(f.Strange)))
	}
	return ok("no other device was seen with this peer's key")
}

// list is some of the texts, for a sentence.
func list(texts []string) string {
	const most = 3
	if len(texts) > most {
		return strings.Join(texts[:most], ", ") + fmt.Sprintf(" and %d more", len(texts)-most)
	}
	return strings.Join(texts, ", ")
}
