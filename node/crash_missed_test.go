package node

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// missedLife is what a child does about missed calls: it may ring somebody, and
// dies in the turn that it is told, or lives until its standard input ends.
type missedLife struct {
	Ring string // peer ID
	In   string // "noted", "dropped" or "told": the turn to die in; "" for none
	At   moment
}

func (l *missedLife) live(dir string, bootstrap []string) error {
	n, err := New(Config{DataDir: dir, Listen: tcpOnly, Network: "test", Bootstrap: bootstrap, NoMDNS: true})
	if err != nil {
		return err
	}
	n.sb.observe = func(t *turn, at moment) {
		is := turnOf(t)
		if is == l.In && at == l.At {
			die(at)
		}
		if is != "" && at == sent {
			say(report{What: is})
		}
	}
	if err := n.Start(); err != nil {
		return err
	}
	if l.Ring != "" {
		r := CreateRequest{Callee: l.Ring, Reach: protocol.MinTime}
		if _, err := n.Create(context.Background(), r, Idempotency{}); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return n.Close()
}

// turnOf says what a turn does about missed calls.
func turnOf(t *turn) string {
	for _, e := range t.changed {
		if f := e.machine.Form(); f.State == invitation.Missed {
			return "told"
		}
	}
	switch {
	case !t.batch.Notices():
		return ""
	case len(t.sb.notices.peers) > 0:
		return "noted"
	}
	return "dropped"
}

// await waits until the child has come through such a turn, or has died in it.
func (p *child) await(turn string, dies bool) {
	p.t.Helper()
	for {
		r, ok := p.next()
		switch {
		case !ok && dies:
			p.checkKilled()
			return
		case !ok:
			p.t.Fatalf("the child ended early: %s", p.trouble())
		case r.What == saidDying:
			p.kill()
		case r.What == saidFailed:
			p.t.Error(r.Error)
		case r.What == turn && !dies:
			return
		}
	}
}

// offNode is a node that is off, and its peer ID.
func offNode(t *testing.T) (dir string, id protocol.PeerID) {
	t.Helper()
	dir = t.TempDir()
	n, err := New(Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, n.self
}

// checkToldOnce checks that a log has one event of the missed call, and none
// of the ten callbacks.
func checkToldOnce(t *testing.T, j *journal.Journal) {
	t.Helper()
	events, _, err := j.Read(0, journal.Filter{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, e := range events {
		switch {
		case e.View.Kind == "":
		case e.Type == string(invitation.RemoteMissed) && e.View.MissedCount == 1:
			told++
		default:
			t.Errorf("%s about %+v", e.Type, e.View)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
}

// TestMissedCallerKilled kills a caller in each turn of a notice: it is said at
// least once, and told once.
func TestMissedCallerKilled(t *testing.T) {
	t.Parallel()
	for _, in := range []string{"noted", "dropped"} {
		for _, at := range []moment{beforeCommit, committed, sent} {
			t.Run(in+", "+string(at), func(t *testing.T) {
				t.Parallel()
				homeDir, homeID := offNode(t)
				dir := t.TempDir()
				live := func(l missedLife, bootstrap []string, until string) {
					p := startChild(t, life{Dir: dir, Bootstrap: bootstrap, Missed: &l})
					defer p.end()
					p.await(until, l.In != "")
				}
				first := missedLife{Ring: string(homeID)}
				if in == "noted" {
					first.In, first.At = in, at
				}
				live(first, nil, "noted")
				home := startNode(t, Config{DataDir: homeDir, Listen: tcpOnly})
				info, err := home.Info(testContext(t))
				if err != nil {
					t.Fatal(err)
				}
				if in == "dropped" {
					live(missedLife{In: in, At: at}, info.Addresses, in)
				}
				if in == "noted" || at == beforeCommit {
					live(missedLife{}, info.Addresses, "dropped")
				}
				checkToldOnce(t, home.journal)
				if n := noticesIn(t, dir); n != 0 {
					t.Errorf("%d notices are left", n)
				}
			})
		}
	}
}

func noticesIn(t *testing.T, dir string) int {
	t.Helper()
	j, err := journal.Open(journal.Config{Path: filepath.Join(dir, journalFile), Stamp: NewClock().Stamp})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	all, err := j.Notices()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// TestMissedCalleeKilled kills a callee in the turn in which it learns.
func TestMissedCalleeKilled(t *testing.T) {
	t.Parallel()
	for _, at := range []moment{beforeCommit, committed, sent} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			dir, id := offNode(t)
			home := startNode(t, Config{Listen: tcpOnly})
			info, err := home.Info(testContext(t))
			if err != nil {
				t.Fatal(err)
			}
			r, err := home.Create(testContext(t), CreateRequest{Callee: string(id), Reach: protocol.MinTime}, Idempotency{})
			if err != nil {
				t.Fatal(err)
			}
			if v, err := home.Wait(testContext(t), r.View.ID); err != nil || v.Failure != protocol.PeerOffline {
				t.Fatalf("ended as %s, %v", v.Failure, err)
			}
			p := startChild(t, life{Dir: dir, Bootstrap: info.Addresses, Missed: &missedLife{In: "told", At: at}})
			p.await("told", true)
			p.end()
			p = startChild(t, life{Dir: dir, Bootstrap: info.Addresses, Missed: &missedLife{}})
			defer p.end()
			awaitNoNotice(t, home)
			p.finish()
			j, err := journal.Open(journal.Config{Path: filepath.Join(dir, journalFile), Stamp: NewClock().Stamp})
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			checkToldOnce(t, j)
		})
	}
}

// awaitNoNotice waits until everything was taken.
func awaitNoNotice(t *testing.T, n *Node) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; <-tick.C {
		all, err := n.journal.Notices()
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not taken: %+v", all)
		}
	}
}
