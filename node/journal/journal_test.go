package journal

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		commitUntilKilled(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// machine is a computer whose clocks a test sets.
type machine struct {
	mu  sync.Mutex
	now invitation.Stamp
}

func newMachine() *machine {
	return &machine{now: invitation.Stamp{BootID: "boot-1", Clock: protocol.Instant(time.Hour), Wall: noon}}
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func (m *machine) stamp() invitation.Stamp {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now
}

func (m *machine) pass(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now.Clock, m.now.Wall = m.now.Clock.Add(d), m.now.Wall.Add(d)
}

// reboot starts the machine again after it was off for d.
func (m *machine) reboot(boot string, d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = invitation.Stamp{BootID: boot, Clock: protocol.Instant(time.Minute), Wall: m.now.Wall.Add(d)}
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "beckon.db") }

func openAt(t testing.TB, path string, m *machine) *Journal {
	t.Helper()
	j, err := Open(Config{Path: path, Stamp: m.stamp})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return j
}

func openNew(t testing.TB) (*Journal, *machine) {
	m := newMachine()
	return openAt(t, newPath(t), m), m
}

func commit(t testing.TB, j *Journal, fill func(b *Batch)) *Batch {
	t.Helper()
	var b Batch
	fill(&b)
	if err := j.Commit(&b); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	return &b
}

func number(n int) (id protocol.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	id[0] = 1
	return id
}

// ring is a remote form that rings.
func ring(n int) invitation.Form {
	return invitation.Form{
		Kind: invitation.KindRemote, ID: number(n), Caller: "peer-a", Callee: "peer-b", App: "call",
		Content: fmt.Sprintf("offer %d", n), State: invitation.InvitationReceived,
		Reach: 30 * time.Second, Ring: time.Minute,
		Deadline:  protocol.Instant(time.Hour + time.Minute),
		CreatedAt: noon.Add(time.Duration(n) * time.Second),
	}
}

func told(f invitation.Form, typ invitation.Callback) Event {
	return Event{Time: noon, Type: string(typ), App: f.App, View: invitation.View{Form: f}}
}

func ended(f invitation.Form) invitation.Form {
	f.State, f.Deadline, f.EndedAt = invitation.Canceled, 0, noon.Add(time.Minute)
	return f
}
