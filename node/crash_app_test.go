package node

import (
	"context"
	"errors"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// How an invitation is to end, which its content says to the apps of both sides.
const (
	toBeAccepted = "accepted"
	toBeRefused  = "refused"
	toBeCanceled = "canceled"
	toExpire     = "expired"
)

// automaton is an app that does what an invitation's content says.
type automaton struct {
	n      *Node
	trying func(try)         // before each verb
	done   func(Event) error // after each event that was dealt with
	failed func(error)

	sub    *Subscription
	cancel context.CancelFunc
	gone   chan error
}

// start subscribes, deals with what is live, and goes on with events.
func (a *automaton) start(ctx context.Context, s Stream) (err error) {
	if a.sub, err = a.n.Subscribe(ctx, s); err != nil {
		return err
	}
	for _, v := range a.sub.Hello().Live {
		a.sub.HandedOver(v.ID)
		a.act(ctx, v)
	}
	ctx, a.cancel = context.WithCancel(ctx)
	a.gone = make(chan error, 1)
	go func() { a.gone <- a.follow(ctx) }()
	return nil
}

func (a *automaton) follow(ctx context.Context) error {
	for {
		events, err := a.sub.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, e := range events {
			if e.Type == string(invitation.RemoteReceived) {
				a.sub.HandedOver(e.View.ID)
			}
			if !e.Over {
				a.act(ctx, e.View)
			}
			if err := a.done(e); err != nil {
				return err
			}
		}
	}
}

// end waits for the app's end. It must come before the node's.
func (a *automaton) end() error {
	a.cancel()
	err := <-a.gone
	a.sub.Close()
	return err
}

// act does what is to be done about an invitation as it is now.
func (a *automaton) act(ctx context.Context, v invitation.View) {
	name := VerbName("")
	switch {
	case v.State == invitation.InvitationReceived && v.Content == toBeAccepted:
		name = VerbAccept
	case v.State == invitation.InvitationReceived && v.Content == toBeRefused:
		name = VerbRefuse
	case v.State == invitation.ReceivedByRemote && v.Content == toBeCanceled && !v.Canceling:
		name = VerbCancel
	default:
		return
	}
	tr := try{Name: name, ID: v.ID, Key: string(name) + " " + v.ID.String()}
	a.trying(tr)
	if _, err := tr.do(ctx, a.n); err != nil && codeOf(err) != protocol.CodeAlreadyEnd && ctx.Err() == nil {
		a.failed(err)
	}
}

// do makes the request.
func (tr try) do(ctx context.Context, n *Node) (Result, error) {
	idem := Idempotency{Key: tr.Key, Fingerprint: string(tr.Name), Status: 200}
	if tr.Name == create {
		return n.Create(ctx, tr.Create, idem)
	}
	v := Verb{Name: tr.Name}
	switch tr.Name {
	case VerbAccept:
		v.Response = "answer to " + tr.ID.String()
	case VerbRefuse:
		v.Reason = protocol.ReasonBusy
	}
	return n.Do(ctx, tr.ID, v, idem)
}

func codeOf(err error) protocol.Code {
	var e *protocol.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return protocol.CodeInternal
}

// terminals counts the terminal callbacks about each invitation in the whole
// event log.
func terminals(j *journal.Journal) (count map[protocol.ID]int, err error) {
	count = map[protocol.ID]int{}
	for after, more := int64(0), true; more; {
		events, last, err := j.Read(after, journal.Filter{}, readSize)
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			if e.View.Ended() && e.Type != string(invitation.LocalAcceptUnconfirmed) {
				count[e.View.ID]++
			}
		}
		after, more = last, len(events) == readSize
	}
	return count, nil
}
