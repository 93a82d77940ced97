package node

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crash is one peer that dies in turn after turn of an invitation with the peer
// at home, which lives on. Every life that follows settles the invitation
// that the one before died in, and begins another.
type crash struct {
	t        *testing.T
	home     *Node
	caller   bool   // the peer that dies is the caller
	ending   string // what the invitations' content says
	at       moment
	dir      string
	homeAddr []string

	forms   map[protocol.ID]invitation.Form // as last committed
	keys    map[string]bool                 // committed
	tries   []try                           // of the invitation that is not settled
	settled map[protocol.ID]bool
	ready   func()               // waits until the child may be killed; nil: at once
	late    map[protocol.ID]bool // nobody was there for longer than a Confirm is waited for
	lives   int
}

// TestKilledInEveryTurn kills a node before the commit of a turn, after it and
// after it has sent what it had to say, for every turn that changes an
// invitation, on either side, and for every way in which it can end.
func TestKilledInEveryTurn(t *testing.T) {
	t.Parallel()
	home := startNode(t, Config{Listen: tcpOnly})
	startHomeApp(t, home)
	var wg sync.WaitGroup
	room := make(chan struct{}, 6)
	for _, ending := range []string{toBeAccepted, toBeRefused, toBeCanceled, toExpire} {
		for _, role := range []string{"caller", "callee"} {
			for _, at := range []moment{beforeCommit, committed, sent} {
				wg.Go(func() {
					room <- struct{}{}
					defer func() { <-room }()
					t.Run(fmt.Sprintf("%s, %s dies, %s", ending, role, at), func(t *testing.T) {
						newCrash(t, home, role, ending, at).run()
					})
				})
			}
		}
	}
	wg.Wait()
}

func startHomeApp(t *testing.T, n *Node) {
	t.Helper()
	a := &automaton{
		n: n, trying: func(try) {}, done: func(Event) error { return nil },
		failed: func(err error) { t.Errorf("the app at home: %v", err) },
	}
	if err := a.start(context.Background(), Stream{Apps: []string{DefaultApp}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.end(); err != nil {
			t.Errorf("the app at home: %v", err)
		}
	})
}

func newCrash(t *testing.T, home *Node, role, ending string, at moment) *crash {
	t.Helper()
	info, err := home.Info(testContext(t))
	if err != nil {
		t.Fatal(err)
	}
	return &crash{
		t: t, home: home, caller: role == "caller", ending: ending, at: at, dir: t.TempDir(), homeAddr: info.Addresses,
		forms: map[protocol.ID]invitation.Form{}, keys: map[string]bool{},
		settled: map[protocol.ID]bool{}, late: map[protocol.ID]bool{},
	}
}

// run goes on until a life gets through.
func (c *crash) run() {
	for died := true; died; {
		c.lives++
		if c.lives > 40 {
			c.t.Fatal("no life gets through")
		}
		died = c.life()
	}
	if c.lives < 3 {
		c.t.Errorf("only %d lives: hardly anything was tried", c.lives)
	}
	for _, pair := range c.outcomes() {
		c.checkAgreed(pair.local, pair.remote)
	}
}

// life runs one process and reports whether it died.
func (c *crash) life() bool {
	l := life{
		Dir: c.dir, Bootstrap: c.homeAddr, Forget: c.lives%2 == 0, Repeat: c.tries, DieIn: c.lives, At: c.at,
	}
	return c.live(l)
}

// live lets a process live as it is told.
func (c *crash) live(l life) bool {
	request := c.request()
	if c.caller {
		l.Next = &request
	}
	known := maps.Clone(c.keys)
	p := startChild(c.t, l)
	defer p.end()
	name := c.awaitLife(p, known)
	c.tries = nil
	p.begin()
	count := len(c.settled)
	for len(c.settled) == count {
		r, ok := p.next()
		if !ok {
			p.checkKilled()
			return true
		}
		c.take(p, r, known)
		if r.What == saidReady && !c.caller {
			request.Create.Callee = name
			if _, err := request.do(testContext(c.t), c.home); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	c.awaitHome()
	p.finish()
	return false
}

// request is the one that creates the invitation of this life.
func (c *crash) request() try {
	r := CreateRequest{Callee: string(c.home.self), Content: c.ending, Reach: 20 * time.Second, Ring: 20 * time.Second}
	if c.ending == toExpire {
		r.Ring = protocol.MinTime
	}
	key := fmt.Sprintf("%s %v %s %d", c.ending, c.caller, c.at, c.lives)
	return try{Name: create, Key: key, Create: r}
}

// awaitLife waits until the child is online and every invitation of the lives
// before is settled, and returns the child's name.
func (c *crash) awaitLife(p *child, known map[string]bool) (name string) {
	start := time.Now()
	for name == "" || len(c.settled) < c.lives-1 {
		r, ok := p.next()
		if !ok {
			c.t.Fatalf("life %d ended early: %s", c.lives, p.trouble())
		}
		c.take(p, r, known)
		if r.What != saidOnline {
			continue
		}
		name = r.Peer
		if time.Since(start) > protocol.ConfirmTime {
			for id := range c.forms {
				c.late[id] = true
			}
		}
	}
	c.awaitHome()
	return name
}

// awaitHome waits until the invitations have ended at home too.
func (c *crash) awaitHome() {
	for id := range c.settled {
		if v, err := c.home.Wait(testContext(c.t), id); err != nil || !v.Ended() {
			c.t.Fatalf("%v did not end at home: %s, %v", id, v.State, err)
		}
	}
}

// take notes what the child says and checks it.
func (c *crash) take(p *child, r report, known map[string]bool) {
	switch r.What {
	case saidTrying:
		c.tries = append(c.tries, *r.Try)
	case saidAnswered:
		// The key is committed with its effect or not at all.
		if r.Replayed != known[r.Try.Key] {
			c.t.Errorf("life %d: %s was committed: %v, and is replayed: %v", c.lives, r.Try.Name, known[r.Try.Key], r.Replayed)
		}
		if r.Error != "" && (r.Replayed || r.Error != string(protocol.CodeAlreadyEnd)) {
			c.t.Errorf("life %d: %s again: %s", c.lives, r.Try.Name, r.Error)
		}
	case saidRecovered:
		if was := c.forms[r.Form.ID]; plain(was) != plain(*r.Form) {
			c.t.Errorf("life %d: committed\n%+v\nand recovered\n%+v", c.lives, plain(was), plain(*r.Form))
		}
	case saidCommitted:
		c.checkClock(*r.Form)
		c.forms[r.Form.ID] = *r.Form
		for _, k := range r.Keys {
			c.keys[k] = true
		}
	case saidSettled:
		c.settled[r.Form.ID] = true
	case saidDying:
		if c.ready != nil {
			c.ready()
		}
		p.kill()
	case saidFailed:
		c.t.Errorf("life %d: %s", c.lives, r.Error)
	}
}

// checkClock checks that no clock runs longer than it did before.
func (c *crash) checkClock(f invitation.Form) {
	was := c.forms[f.ID]
	same := was.State == f.State && was.HandedOver == f.HandedOver && was.Canceling == f.Canceling && was.Owes == f.Owes
	if same && f.Deadline > was.Deadline {
		c.t.Errorf("life %d: the clock of %s grew by %v", c.lives, f.State, f.Deadline.Sub(was.Deadline))
	}
	if was.Ended() && was.State != f.State {
		c.t.Errorf("life %d: from %s to %s", c.lives, was.State, f.State)
	}
}

// plain is a form without what is for people only, which is stored less exactly.
func plain(f invitation.Form) invitation.Form {
	var no time.Time
	f.CreatedAt, f.SentAt, f.ReceivedAt, f.AnsweredAt, f.EndedAt = no, no, no, no, no
	return f
}

// pair is an invitation's two forms.
type pair struct{ local, remote invitation.Form }

// outcomes reads both sides' journals, where there must be one invitation for
// every life, and one terminal callback on each side.
func (c *crash) outcomes() (all []pair) {
	j, err := journal.Open(journal.Config{Path: filepath.Join(c.dir, journalFile), Stamp: NewClock().Stamp})
	if err != nil {
		c.t.Fatal(err)
	}
	defer j.Close()
	views, _, err := j.List(journal.Query{Limit: 500})
	if err != nil {
		c.t.Fatal(err)
	}
	if len(views) != c.lives {
		c.t.Errorf("%d invitations of %d requests", len(views), c.lives)
	}
	told, err := terminals(j)
	if err != nil {
		c.t.Fatal(err)
	}
	toldHome, err := terminals(c.home.journal)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, v := range views {
		if told[v.ID] != 1 || toldHome[v.ID] != 1 {
			c.t.Errorf("%v: %d terminal callbacks at the peer that died and %d at home", v.ID, told[v.ID], toldHome[v.ID])
		}
		home, err := c.home.Get(context.Background(), v.ID)
		if err != nil {
			c.t.Fatal(err)
		}
		p := pair{v.Form, home.Form}
		if !c.caller {
			p = pair{home.Form, v.Form}
		}
		all = append(all, p)
	}
	return all
}

// checkAgreed checks that both ended as the content says, or that the caller
// was told of it.
func (c *crash) checkAgreed(local, remote invitation.Form) {
	want := map[string][2]invitation.State{
		toBeAccepted: {invitation.AcceptedByRemote, invitation.Accepted},
		toBeRefused:  {invitation.RefusedByRemote, invitation.Refused},
		toBeCanceled: {invitation.Canceled, invitation.Canceled},
		toExpire:     {invitation.Failed, invitation.Failed},
	}[c.ending]
	lost := remote.Failure == protocol.AcceptFailure || remote.Failure == protocol.PeerOffline
	switch {
	case c.late[local.ID] && local.Told && lost: // the processor was too busy for the child
	case local.State != want[0] || remote.State != want[1] || local.Response != remote.Response || local.Reason != remote.Reason:
		c.t.Errorf("the caller %s %s%s %q, the callee %s %s%s %q", local.State, local.Reason, local.Failure, local.Response,
			remote.State, remote.Reason, remote.Failure, remote.Response)
	case c.ending == toExpire && (local.Failure != protocol.InvitationExpire || remote.Failure != protocol.InvitationExpire):
		c.t.Errorf("the caller %s, the callee %s", local.Failure, remote.Failure)
	}
}
