package node

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// crashEnv holds the life of a process that kills itself, as JSON.
const crashEnv = "BECKON_NODE_CHILD"

// tcpOnly is what these nodes listen on: the system tells their peers at once
// when they die.
var tcpOnly = []string{"/ip4/127.0.0.1/tcp/0"}

// life is what a child is to do. First it takes up what an earlier life left.
// When it reads a line it takes part in one more invitation until it dies, or
// until its standard input ends.
type life struct {
	Dir       string
	Bootstrap []string
	Forget    bool   // the app comes back without its cursor and goes by hello
	Repeat    []try  // requests of the earlier life, made again first
	Next      *try   // the child is the caller of the new invitation
	DieIn     int    // turn that changes the new invitation in which to die; 0: never
	At        moment // … and where in it
	DieAs     string // state of the new invitation in which to die instead
	Ahead     time.Duration
	Missed    *missedLife // a life about missed calls instead
}

// try is a request that an app made. It may have died without the answer.
type try struct {
	Name   VerbName // create, or a verb
	ID     protocol.ID
	Key    string
	Create CreateRequest
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
	saidReady     = "ready"     // to die in the next invitation
	saidRecovered = "recovered" // what an earlier life left; Form
	saidCommitted = "committed" // Form and the Keys of the same transaction
	saidTrying    = "trying"    // Try, before it is made
	saidAnswered  = "answered"  // a repeated Try: Replayed, Error
	saidDying     = "dying"     // the switchboard stands still; kill it
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

// die is kill -9; no thread of the process does anything more. When messages
// have been sent it waits for the hand of the parent, so that the streams'
// writers come to their turn.
func die(at moment) {
	if at == sent {
		say(report{What: saidDying})
	} else {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	select {}
}

// crashChild is the whole child. It ends when its standard input does, or dies.
func crashChild(text string) int {
	var l life
	err := json.Unmarshal([]byte(text), &l)
	switch {
	case err != nil:
	case l.Missed != nil:
		err = l.Missed.live(l.Dir, l.Bootstrap)
	default:
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
	n, err := New(Config{DataDir: l.Dir, Listen: tcpOnly, Network: "test", Bootstrap: l.Bootstrap, NoMDNS: true, Clock: ahead{NewClock(), l.Ahead}})
	if err != nil {
		return err
	}
	if err := reportLeft(n); err != nil {
		return err
	}
	var w watch
	n.sb.observe = w.observe
	if err := n.Start(); err != nil {
		return err
	}
	for _, tr := range l.Repeat {
		r, err := tr.do(ctx, n)
		answer := report{What: saidAnswered, Try: &tr, Replayed: r.Replayed}
		if err != nil {
			answer.Error = string(codeOf(err))
		}
		say(answer)
	}
	a, err := l.startApp(ctx, n)
	if err != nil {
		return err
	}
	return errors.Join(l.takePart(ctx, n, &w), a.end(), n.Close())
}

// takePart waits for the line, and then for the end of the standard input.
func (l *life) takePart(ctx context.Context, n *Node, w *watch) error {
	in := bufio.NewReader(os.Stdin)
	if _, err := in.ReadString('\n'); err == io.EOF {
		return nil
	} else if err != nil {
		return err
	}
	n.sb.post(func(*turn) { w.armed, w.life = true, l })
	say(report{What: saidReady})
	if l.Next != nil {
		say(report{What: saidTrying, Try: l.Next})
		if _, err := l.Next.do(ctx, n); err != nil {
			return err
		}
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// reportLeft tells what an earlier life left.
func reportLeft(n *Node) error {
	left, err := n.journal.Unfinished()
	if err != nil {
		return err
	}
	live := map[protocol.ID]bool{}
	for _, r := range left {
		live[r.Form.ID] = true
		say(report{What: saidRecovered, Form: &r.Form})
	}
	all, _, err := n.journal.List(journal.Query{Limit: 500})
	for _, v := range all {
		if !live[v.ID] {
			say(report{What: saidSettled, Form: &v.Form})
		}
	}
	return err
}

// watch reports the commits, and dies in the turn that it was told. It is used
// on the switchboard's goroutine.
type watch struct {
	armed bool
	known map[protocol.ID]bool // not the new invitation
	turns int                  // that changed the new invitation
	life  *life
}

func (w *watch) observe(t *turn, at moment) {
	for _, e := range t.changed {
		f := e.machine.Form()
		if !w.armed {
			if w.known == nil {
				w.known = map[protocol.ID]bool{}
			}
			w.known[f.ID] = true
		}
		if at == committed {
			say(report{What: saidCommitted, Form: &f, Keys: slices.Collect(maps.Keys(t.keys))})
		}
		if !w.known[f.ID] {
			w.count(at, f)
		}
		if at == sent && f.Ended() && !f.Owes {
			say(report{What: saidSettled, Form: &f})
		}
	}
}

func (w *watch) count(at moment, f invitation.Form) {
	if at == beforeCommit {
		w.turns++
	}
	if at == w.life.At && (w.turns == w.life.DieIn || stateOf(f) == w.life.DieAs) {
		die(at)
	}
}

// stateOf is a form's state with what else it is in.
func stateOf(f invitation.Form) string {
	switch {
	case f.Canceling:
		return "canceling"
	case f.HandedOver && f.State == invitation.InvitationReceived:
		return "ringing"
	}
	return string(f.State)
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
	a := &automaton{
		n:      n,
		trying: func(tr try) { say(report{What: saidTrying, Try: &tr}) },
		failed: func(err error) { say(report{What: saidFailed, Error: err.Error()}) },
		done: func(e Event) error {
			if e.Type == journal.NodeOnline && e.Cause == causeJoined && online != nil {
				close(online)
				online = nil
			}
			if err := os.WriteFile(cursor+".new", []byte(e.Cursor), 0o600); err != nil {
				return err
			}
			return os.Rename(cursor+".new", cursor)
		},
	}
	joined := online
	if err := a.start(ctx, stream); err != nil {
		return nil, err
	}
	if a.sub.Hello().State != StateOnline {
		select {
		case <-joined:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	say(report{What: saidOnline, Peer: string(n.self)})
	return a, nil
}
