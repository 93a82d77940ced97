package journal

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func testNotice(m *machine, peer, app string) Notice {
	now := m.stamp().Clock
	return Notice{
		Peer: protocol.PeerID(peer), App: app, IDs: []protocol.ID{number(2), number(1)}, ChannelID: "room", Why: protocol.WhyPeerOffline,
		Count: 2, First: now.Add(-time.Minute), Last: now.Add(-30 * time.Second), Ended: now,
	}
}

func notices(t *testing.T, j *Journal) []Notice {
	t.Helper()
	all, err := j.Notices()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestNoticesComeBack(t *testing.T) {
	path, m := newPath(t), newMachine()
	j := openAt(t, path, m)
	one, two := testNotice(m, "peer-a", "call"), testNotice(m, "peer-a", "door")
	b := commit(t, j, func(b *Batch) { b.Notice(one); b.Notice(two) })
	if !b.Notices() {
		t.Error("the batch does not know of its notices")
	}
	one.Count = 3
	commit(t, j, func(b *Batch) { b.Notice(one) })
	if got := notices(t, j); !reflect.DeepEqual(got, []Notice{one, two}) {
		t.Errorf("got %+v", got)
	}
	commit(t, j, func(b *Batch) { b.DropNotice("peer-a", "door") })
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	// In the same boot the clock goes on.
	m.pass(time.Hour)
	if got := notices(t, openAt(t, path, m)); !reflect.DeepEqual(got, []Notice{one}) {
		t.Errorf("after a restart %+v", got)
	}
}

// TestNoticesAgeOverABoot: in another boot they are older by what the wall
// clock says, and not younger if that was set back.
func TestNoticesAgeOverABoot(t *testing.T) {
	for _, off := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		path, m := newPath(t), newMachine()
		j := openAt(t, path, m)
		commit(t, j, func(b *Batch) { b.Notice(testNotice(m, "peer-a", "call")) })
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		m.reboot("boot-2", off)
		n := notices(t, openAt(t, path, m))[0]
		age := func(at protocol.Instant) time.Duration { return m.stamp().Clock.Sub(at) }
		more := max(off, 0)
		if age(n.Ended) != more || age(n.Last) != more+30*time.Second || age(n.First) != more+time.Minute {
			t.Errorf("off for %v: ages %v, %v, %v", off, age(n.Ended), age(n.Last), age(n.First))
		}
	}
}

func TestOldNoticesArePruned(t *testing.T) {
	j, m := openNew(t)
	commit(t, j, func(b *Batch) { b.Notice(testNotice(m, "peer-a", "call")) })
	for _, tt := range []struct {
		after time.Duration
		left  int
	}{{protocol.MaxKeepMissed - time.Hour, 1}, {2 * time.Hour, 0}} {
		m.pass(tt.after)
		if err := j.Prune(m.stamp().Wall); err != nil {
			t.Fatal(err)
		}
		if n := len(notices(t, j)); n != tt.left {
			t.Errorf("%d are left, want %d", n, tt.left)
		}
	}
}

func TestMissedSince(t *testing.T) {
	j, m := openNew(t)
	missed := func(n int, caller string, age time.Duration) invitation.Form {
		f := ring(n)
		f.Caller, f.State, f.Deadline = protocol.PeerID(caller), invitation.Missed, 0
		f.CreatedAt = m.stamp().Wall.Add(-age)
		f.EndedAt = f.CreatedAt
		return f
	}
	commit(t, j, func(b *Batch) {
		b.Put(missed(1, "peer-a", time.Hour))
		b.Put(missed(2, "peer-a", 25*time.Hour))
		b.Put(missed(3, "peer-c", time.Hour))
		b.Put(ring(4))
		b.Put(ended(ring(5)))
	})
	day := m.stamp().Wall.Add(-24 * time.Hour)
	for _, tt := range []struct {
		peer             string
		limit, all, from int
	}{{"peer-a", 10, 2, 1}, {"peer-b", 10, 2, 0}, {"peer-a", 1, 1, 1}} {
		all, from, err := j.MissedSince(day, protocol.PeerID(tt.peer), tt.limit)
		if err != nil || all != tt.all || tt.limit > 1 && from != tt.from {
			t.Errorf("%s", fmt.Sprint(tt, ": ", all, from, err))
		}
	}
}
