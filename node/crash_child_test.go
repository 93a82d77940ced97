package node

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crashEnv holds the life of a process that kills itself, as JSON.
const crashEnv = "BECKON_NODE_CHILD"

// tcpOnly is what these nodes listen on: the system tells their peers at once
// when they die.
var tcpOnly = []string{"/ip4/127.0.0.1/tcp/0"}

// life is what a child is to do: to take up what an earlier life left, which
// is over once that is settled, and then to take part in one more invitation
// until it dies.
type life struct {
	Dir       string
	Bootstrap []string
	Forget    bool // the app resumes without its cursor and goes by hello

	Repeat []try // requests of the earlier life, made again first

	Callee  string // the child is the caller of a new invitation; empty: it waits for one
	Plan    plan   // of the new invitation
	Key     string // of its POST
	DieAt   int    // commit of the new invitation at which to die; 0: never
	AtSent  bool   // … after what it says was sent
	DieWith string // the request whose turn dies before its commit: create, or a verb
}

// try is a request that an app made. It may have died without the answer.
type try struct {
	Name VerbName // create, or a verb
	ID   protocol.ID
	Key  string
	Plan plan `json:",omitempty"`
}

const create VerbName = "create"

// report is a line that a child writes.
type report struct {
	What     string // one of the below
	Form     *invitation.Form
	Keys     []string `json:",omitempty"`
	Try      *try     `json:",omitempty"`
	Replayed bool     `json:",omitempty"`
	Error    string   `json:",omitempty"`
	Peer     string   `json:",omitempty"`
}

// What a child reports.
const (
	saidOnline    = "online"    // others can find it; Peer
	saidRecovered = "recovered" // what an earlier life left; Form
	saidCommitted = "committed" // Form and the Keys of the same transaction
	saidTrying    = "trying"    // Try, before it is made
	saidAnswered  = "answered"  // a repeated Try: Replayed, Error
	saidSettled   = "settled"   // Form has ended and nothing is owed
	saidFailed    = "failed"    // Error
)

// say writes a line at once: it must outlive the process.
func say(r report) {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(append(b, '\n'))
}

// die is kill -9. No thread of the process does anything more.
func die() {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// crashChild is the whole child. It ends when its standard input does, or dies.
func crashChild(text string) int {
	var l life
	err := json.Unmarshal([]byte(text), &l)
	if err == nil {
		err = l.live()
	}
	if err != nil {
		say(report{What: saidFailed, Error: err.Error()})
		return 1
	}
	return 0
}

func (l *life) live() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	n, err := New(Config{DataDir: l.Dir, Listen: tcpOnly, Network: "test", Bootstrap: l.Bootstrap, NoMDNS: true})
	if err != nil {
		return err
	}
	known, err := l.known(n)
	if err != nil {
		return err
	}
	count := 0
	n.sb.observe = func(t *turn, sent bool) { l.observe(t, sent, known, &count) }
	if err := n.Start(); err != nil {
		return err
	}
	for _, try := range l.Repeat {
		r, err := try.do(ctx, n)
		answer := report{What: saidAnswered, Try: &try, Replayed: r.Replayed}
		if err != nil {
			answer.Error = string(codeOf(err))
		}
		say(answer)
	}
	a, err := l.startApp(ctx, n)
	if err != nil {
		return err
	}
	if l.Callee != "" {
		if err := l.create(ctx, n); err != nil {
			return err
		}
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, a.end(), n.Close())
}

// known reports what an earlier life left and returns the ids.
func (l *life) known(n *Node) (map[protocol.ID]bool, error) {
	known := map[protocol.ID]bool{}
	left, err := n.journal.Unfinished()
	if err != nil {
		return nil, err
	}
	for _, r := range left {
		known[r.Form.ID] = true
		say(report{What: saidRecovered, Form: &r.Form})
	}
	all, _, err := n.journal.List(journalAll)
	for _, v := range all {
		if !known[v.ID] {
			known[v.ID] = true
			say(report{What: saidSettled, Form: &v.Form})
		}
	}
	return known, err
}

// observe reports the commits, and dies at the one that it was told.
func (l *life) observe(t *turn, sent bool, known map[protocol.ID]bool, count *int) {
	for _, e := range t.changed {
		f := e.machine.Form()
		if !sent {
			r := report{What: saidCommitted, Form: &f}
			for k := range t.keys {
				r.Keys = append(r.Keys, k)
			}
			say(r)
			if !known[f.ID] {
				*count++
			}
		}
		if !known[f.ID] && *count == l.DieAt && sent == l.AtSent {
			die()
		}
		if sent && f.Ended() && !f.Owes {
			say(report{What: saidSettled, Form: &f})
		}
	}
}

// startApp starts the app, with its cursor if it has one and does not forget
// it, and waits until others can find the node.
func (l *life) startApp(ctx context.Context, n *Node) (*automaton, error) {
	cursor := filepath.Join(l.Dir, "cursor")
	stream := Stream{Apps: []string{DefaultApp}}
	if b, err := os.ReadFile(cursor); err == nil && !l.Forget {
		stream.After = string(b)
	}
	online := make(chan struct{})
	a := &automaton{n: n}
	a.trying = func(tr try, do func()) {
		say(report{What: saidTrying, Try: &tr})
		if string(tr.Name) == l.DieWith {
			dieBefore(n.sb, do)
		}
		do()
	}
	a.failed = func(err error) { say(report{What: saidFailed, Error: err.Error()}) }
	a.read = func(e Event) error {
		if e.Type == "node_online" {
			close(online)
		}
		if err := os.WriteFile(cursor+".new", []byte(e.Cursor), 0o600); err != nil {
			return err
		}
		return os.Rename(cursor+".new", cursor)
	}
	if err := a.start(ctx, stream); err != nil {
		return nil, err
	}
	select {
	case <-online:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	say(report{What: saidOnline, Peer: string(n.self)})
	return a, nil
}

func (l *life) create(ctx context.Context, n *Node) (err error) {
	tr := try{Name: create, Key: l.Key, Plan: l.Plan}
	tr.Plan.Callee = l.Callee
	say(report{What: saidTrying, Try: &tr})
	do := func() { _, err = tr.do(ctx, n) }
	if l.DieWith == string(create) {
		dieBefore(n.sb, do)
	}
	do()
	return err
}

// dieBefore makes the request and dies in the same turn, before its commit.
func dieBefore(sb *switchboard, request func()) {
	together := make(chan struct{})
	sb.post(func(*turn) { <-together })
	go request()
	for len(sb.inbox) == 0 {
		time.Sleep(time.Millisecond) // nothing tells when the request is waiting
	}
	sb.post(func(*turn) { die() })
	close(together)
	select {}
}

func codeOf(err error) protocol.Code {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return protocol.CodeInternal
}
