package node

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

var errShuttingDown = protocol.Errorf(protocol.CodeShuttingDown, "beckond is stopping; try again when it runs")

// keyed is an idempotency key and what it was used for.
type keyed struct {
	Idempotency
	id protocol.ID
}

// ask runs f on the switchboard and waits until what it did is journalled.
func ask[R any](ctx context.Context, sb *switchboard, f func(t *turn) (R, error)) (R, error) {
	type reply struct {
		r   R
		err error
	}
	c := make(chan reply, 1)
	var zero R
	posted := sb.post(func(t *turn) {
		r, err := f(t)
		t.after = append(t.after, func(commit error) {
			if commit != nil {
				err = commit
			}
			c <- reply{r, err}
		})
	})
	if !posted {
		return zero, errShuttingDown
	}
	if sb.asked != nil {
		sb.asked()
	}
	select {
	case a := <-c:
		return a.r, a.err
	case <-sb.done:
		select {
		case a := <-c:
			return a.r, a.err
		default:
			return zero, errShuttingDown
		}
	case <-ctx.Done():
		return zero, ctx.Err()
	}
}

// Create makes a LocalInvitation and, unless it is to be held, sends it. Errors:
// invalid_argument, too_many, idempotency_conflict, shutting_down.
func (n *Node) Create(ctx context.Context, r CreateRequest, idem Idempotency) (Result, error) {
	f, err := n.localForm(r)
	if err != nil {
		return Result{}, err
	}
	if err := n.given(f.Callee, r.Addresses); err != nil {
		return Result{}, err
	}
	return ask(ctx, n.sb, func(t *turn) (Result, error) {
		return t.once(idem, func() (*entry, error) {
			if t.sb.locals >= maxLive {
				return nil, protocol.Errorf(protocol.CodeTooMany, "%d invitations are live; cancel some or wait for their ends", t.sb.locals)
			}
			p := t.sb.peer(f.Callee)
			m, out := invitation.NewLocal(invitation.Env{Now: t.now, Link: p.link(), Online: t.sb.online}, f)
			e := t.begin(m, out)
			if r.Hold {
				return e, nil
			}
			return e, t.step(e, invitation.Send{})
		})
	})
}

// localForm checks a request and makes the form of it.
func (n *Node) localForm(r CreateRequest) (f invitation.Form, err error) {
	callee, err := n.parsePeer("callee_id", r.Callee)
	if err != nil {
		return f, err
	}
	if r.App == "" {
		r.App = DefaultApp
	}
	if r.Reach == 0 {
		r.Reach = protocol.DefaultReach
	}
	if r.Ring == 0 {
		r.Ring = protocol.DefaultRing
	}
	glare, err := protocol.ParseGlare(r.Glare)
	for _, e := range []error{
		err, protocol.CheckApp(r.App), protocol.CheckChannelID(r.ChannelID), protocol.CheckContent(r.Content),
		protocol.CheckReach(r.Reach), protocol.CheckRing(r.Ring),
	} {
		if e != nil {
			return f, e
		}
	}
	return invitation.Form{
		ID: n.sb.newID(), Caller: n.self, Callee: callee, App: r.App, ChannelID: r.ChannelID,
		Content: r.Content, Reach: r.Reach, Ring: r.Ring, Glare: glare,
	}, nil
}

// DefaultApp is the app of an invitation that names none.
const DefaultApp = "call"

// parsePeer reads the ID of another peer.
func (n *Node) parsePeer(field, s string) (protocol.PeerID, error) {
	id, err := peer.Decode(s)
	switch {
	case s == "":
		return "", protocol.Invalid(field, "required", "%s is missing: give the peer ID of the device to reach, as beckon id prints it there", field)
	case err != nil:
		return "", protocol.Invalid(field, "a peer ID", "%s is not a peer ID; it looks like 12D3KooW…, as beckon id prints it on the other device", field)
	case peerKey(id) == n.self:
		return "", protocol.Invalid(field, "another peer", "%s is this device itself; give the ID of another one", field)
	}
	return peerKey(id), nil
}

// once runs what an idempotency key protects, or answers as it did before.
func (t *turn) once(idem Idempotency, do func() (*entry, error)) (Result, error) {
	if idem.Key != "" {
		k, used, err := t.key(idem.Key)
		switch {
		case err != nil:
			return Result{}, err
		case used && k.Fingerprint != idem.Fingerprint:
			return Result{}, protocol.Errorf(protocol.CodeIdempotencyConflict,
				"this Idempotency-Key was used for another request in the last 24 hours; use a new one")
		case used:
			return t.replay(k)
		}
	}
	e, err := do()
	if err != nil {
		return Result{}, err
	}
	if idem.Key != "" {
		t.batch.Key(idem.Key, idem.Fingerprint, e.id, idem.Status)
		if t.keys == nil {
			t.keys = map[string]keyed{}
		}
		t.keys[idem.Key] = keyed{idem, e.id}
	}
	return Result{View: e.machine.Form().View(t.now), Status: idem.Status}, nil
}

func (t *turn) key(key string) (keyed, bool, error) {
	if k, ok := t.keys[key]; ok {
		return k, true, nil
	}
	k, found, err := t.sb.journal.Key(key)
	if err != nil || !found {
		return keyed{}, false, err
	}
	return keyed{Idempotency{key, k.Fingerprint, k.Status}, k.ID}, true, nil
}

func (t *turn) replay(k keyed) (Result, error) {
	e, err := t.find(k.id)
	if err != nil {
		return Result{}, err
	}
	if e == nil {
		return Result{}, errNotFound(k.id)
	}
	return Result{View: e.machine.Form().View(t.now), Status: k.Status, Replayed: true}, nil
}

func errNotFound(id protocol.ID) error {
	return protocol.Errorf(protocol.CodeNotFound, "no invitation has the id %s here; GET /v1/invitations lists them", id)
}

// visible finds an invitation that apps may know.
func (t *turn) visible(id protocol.ID) (*entry, error) {
	if t.sb.entries[id] == nil {
		// Ended and gone from memory, or discarded: what apps may see decides.
		if _, found, err := t.sb.journal.Get(id); err != nil {
			return nil, err
		} else if !found {
			return nil, errNotFound(id)
		}
	}
	e, err := t.find(id)
	if err != nil {
		return nil, err
	}
	if e == nil || e.discarded {
		return nil, errNotFound(id)
	}
	if f := e.machine.Form(); !f.Visible() {
		return nil, errNotFound(id)
	}
	return e, nil
}

// Do does a verb. Errors: invalid_argument, not_found, wrong_kind, not_started,
// already_sent, already_accept, already_end, idempotency_conflict,
// shutting_down.
func (n *Node) Do(ctx context.Context, id protocol.ID, v Verb, idem Idempotency) (Result, error) {
	in, err := v.input()
	if err != nil {
		return Result{}, err
	}
	return ask(ctx, n.sb, func(t *turn) (Result, error) {
		return t.once(idem, func() (*entry, error) {
			e, err := t.visible(id)
			if err != nil {
				return nil, err
			}
			return e, t.step(e, in)
		})
	})
}

func (v Verb) input() (invitation.Input, error) {
	switch v.Name {
	case VerbSend:
		return invitation.Send{}, nil
	case VerbCancel:
		if v.Reason == "" {
			v.Reason = protocol.ReasonCanceled
		}
		return invitation.Cancel{Reason: v.Reason}, protocol.CheckCancelReason(v.Reason)
	case VerbAccept:
		return invitation.Accept{Response: v.Response}, protocol.CheckResponse(v.Response)
	case VerbRefuse:
		if v.Reason == "" {
			v.Reason = protocol.ReasonDeclined
		}
		if err := protocol.CheckRefuseReason(v.Reason); err != nil {
			return nil, err
		}
		return invitation.Refuse{Reason: v.Reason, Response: v.Response}, protocol.CheckResponse(v.Response)
	}
	return nil, protocol.Invalid("verb", "send, cancel, accept or refuse", "unknown verb; use send, cancel, accept or refuse")
}

// Update changes an idle LocalInvitation. Errors: invalid_argument, not_found,
// wrong_kind, already_sent, already_end, shutting_down.
func (n *Node) Update(ctx context.Context, id protocol.ID, p Patch) (invitation.View, error) {
	if p.Content != nil {
		if err := protocol.CheckContent(*p.Content); err != nil {
			return invitation.View{}, err
		}
	}
	if p.ChannelID != nil {
		if err := protocol.CheckChannelID(*p.ChannelID); err != nil {
			return invitation.View{}, err
		}
	}
	return ask(ctx, n.sb, func(t *turn) (invitation.View, error) {
		e, err := t.visible(id)
		if err != nil {
			return invitation.View{}, err
		}
		if err := t.step(e, invitation.Edit{Content: p.Content, ChannelID: p.ChannelID}); err != nil {
			return invitation.View{}, err
		}
		return e.machine.Form().View(t.now), nil
	})
}

// Discard forgets an idle or ended invitation, with its content and response.
// Errors: not_found, still_live, shutting_down.
func (n *Node) Discard(ctx context.Context, id protocol.ID) error {
	_, err := ask(ctx, n.sb, func(t *turn) (struct{}, error) {
		e, err := t.visible(id)
		if err != nil {
			return struct{}{}, err
		}
		f := e.machine.Form()
		switch {
		case e.machine.Live():
			return struct{}{}, &protocol.Error{Code: protocol.CodeStillLive, State: string(f.State),
				Detail: "the invitation is live; cancel or refuse it, or wait for its end"}
		case f.State == invitation.Idle:
			t.drop(e)
		default:
			t.hide(e)
			t.batch.Discard(id)
		}
		return struct{}{}, nil
	})
	return err
}

// drop discards an idle form, which nobody else knows.
func (t *turn) drop(e *entry) {
	t.touch(e, e.machine)
	t.hide(e)
	t.dropped = append(t.dropped, e)
	t.batch.Discard(e.id)
}

// hide takes an invitation from the apps' sight.
func (t *turn) hide(e *entry) {
	e.discarded = true
	t.undos = append(t.undos, func() { e.discarded = false })
}

// Get returns an invitation. Errors: not_found.
func (n *Node) Get(_ context.Context, id protocol.ID) (invitation.View, error) {
	v, found, err := n.journal.Get(id)
	if err == nil && !found {
		err = errNotFound(id)
	}
	return v, err
}

// Wait returns an invitation when it has ended, or as it is when ctx is done.
// Errors: not_found, shutting_down.
func (n *Node) Wait(ctx context.Context, id protocol.ID) (invitation.View, error) {
	ended := make(chan invitation.View, 1)
	v, err := ask(ctx, n.sb, func(t *turn) (invitation.View, error) {
		e, err := t.visible(id)
		if err != nil {
			return invitation.View{}, err
		}
		f := e.machine.Form()
		if !f.Ended() {
			e.waiters = append(e.waiters, ended)
		}
		return f.View(t.now), nil
	})
	if err != nil && ctx.Err() == nil || v.Ended() {
		return v, err
	}
	select {
	case v, told := <-ended:
		if !told {
			return v, errNotFound(id) // it was discarded
		}
		return v, nil
	case <-ctx.Done():
		n.sb.post(func(t *turn) { t.unwait(id, ended) })
		return n.Get(context.WithoutCancel(ctx), id)
	case <-n.sb.done:
		return v, errShuttingDown
	}
}

// unwait forgets somebody who waits no more.
func (t *turn) unwait(id protocol.ID, w chan<- invitation.View) {
	if e := t.sb.entries[id]; e != nil {
		e.waiters = slices.DeleteFunc(e.waiters, func(x chan<- invitation.View) bool { return x == w })
	}
}

// List returns a page of the history, newest first, and the token of the next
// one. Errors: invalid_argument.
func (n *Node) List(_ context.Context, q journal.Query) ([]invitation.View, string, error) {
	return n.journal.List(q)
}
