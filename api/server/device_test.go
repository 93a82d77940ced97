package server_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/node/doctor"
	"github.com/beckon-p2p/beckon/node/journal"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

const (
	self  = "12D3KooWSelf"
	other = "12D3KooWOther"
	gone  = "12D3KooWGone"
)

// device is a node in memory: it keeps the promises that the server relies
// on, and talks to nobody. Its clock steps a second with every event.
type device struct {
	mu       sync.Mutex
	forms    map[protocol.ID]*invitation.Form
	order    []protocol.ID
	events   []node.Event
	grown    chan struct{} // closed when events grow or a mark changes
	keys     map[string]kept
	handed   []protocol.ID
	open     int // subscriptions
	waits    int // calls of Wait
	online   bool
	stopping bool
	lagging  bool
	fail     error // answer to Info
}

type kept struct {
	fingerprint string
	status      int
	id          protocol.ID
}

func newDevice() *device {
	return &device{forms: map[protocol.ID]*invitation.Form{}, keys: map[string]kept{}, grown: make(chan struct{}), online: true}
}

func (d *device) now() time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5+len(d.events), 678_900_000, time.FixedZone("", 3600))
}

func (d *device) state() node.NodeState {
	if d.online {
		return node.StateOnline
	}
	return node.StateOffline
}

func (d *device) Info(context.Context) (node.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return node.Info{
		PeerID: self, Version: "0.1.0", Instance: "i1", Network: "lan", Online: d.online, State: d.state(),
		Addresses: []string{"/ip4/127.0.0.1/tcp/4001/p2p/" + self}, Reachability: "unknown",
		DHTMode: "off", StartedAt: d.now(),
	}, d.fail
}

func (d *device) SetOnline(ctx context.Context, online bool) (node.Info, error) {
	d.mu.Lock()
	d.online = online
	kind := journal.NodeOffline
	if online {
		kind = journal.NodeOnline
	}
	d.tell(node.Event{Type: kind, State: string(d.state()), Cause: "asked"})
	d.mu.Unlock()
	return d.Info(ctx)
}

// tell appends an event. The caller holds mu.
func (d *device) tell(e node.Event) {
	e.Time = d.now()
	e.Seq = int64(len(d.events) + 1)
	e.Cursor = cursor(e.Seq)
	d.events = append(d.events, e)
	d.wake()
}

func (d *device) wake() {
	close(d.grown)
	d.grown = make(chan struct{})
}

func (d *device) callback(f *invitation.Form, c invitation.Callback) {
	d.tell(node.Event{Type: string(c), App: f.App, View: d.view(f)})
	if f.Ended() {
		for i := range d.events {
			if d.events[i].View.ID == f.ID && !d.events[i].View.Ended() {
				d.events[i].Over = true
			}
		}
	}
}

func (d *device) view(f *invitation.Form) invitation.View {
	v := invitation.View{Form: *f}
	if !f.Ended() && f.State != invitation.Idle {
		v.Left = 30 * time.Second
		v.ExpiresAt = d.now().Add(v.Left)
	}
	return v
}

func cursor(seq int64) string { return fmt.Sprintf("EPOCH:%d", seq) }

func (d *device) add(f invitation.Form) *invitation.Form {
	n := len(d.order) + 1
	f.ID, _ = protocol.ParseID(fmt.Sprintf("01890a5d-ac96-774b-bcce-%012d", n))
	f.CreatedAt = d.now()
	d.forms[f.ID] = &f
	d.order = append(d.order, f.ID)
	return &f
}

// ring has another peer invite this one.
func (d *device) ring(app, content string) protocol.ID {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.add(invitation.Form{Kind: invitation.KindRemote, Caller: other, Callee: self, App: app, Content: content, State: invitation.InvitationReceived})
	d.callback(f, invitation.RemoteReceived)
	return f.ID
}

// end has an invitation end.
func (d *device) end(id protocol.ID, s invitation.State, c invitation.Callback) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.forms[id]
	f.State, f.EndedAt = s, d.now()
	d.callback(f, c)
}

// mark changes the device under its lock.
func (d *device) mark(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	d.wake()
}

func (d *device) Create(_ context.Context, r node.CreateRequest, i node.Idempotency) (node.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.once(i, func() (*invitation.Form, error) {
		switch {
		case !strings.HasPrefix(r.Callee, "12D3Koo") || r.Callee == self:
			return nil, protocol.Invalid("callee_id", "", "callee_id is not the ID of another peer")
		case len(r.Content) > protocol.MaxContent:
			return nil, protocol.Invalid("content", "16384 bytes", "content is too long")
		case len(r.ChannelID) > protocol.MaxChannelID:
			return nil, protocol.Invalid("channel_id", "64 bytes", "channel_id is too long")
		}
		f := d.add(invitation.Form{Kind: invitation.KindLocal, Caller: self, Callee: protocol.PeerID(r.Callee), App: r.App,
			ChannelID: r.ChannelID, Content: r.Content, State: invitation.Idle})
		if !r.Hold {
			d.send(f)
		}
		return f, nil
	})
}

func (d *device) send(f *invitation.Form) {
	f.State, f.SentAt, f.Progress = invitation.SentToRemote, d.now(), invitation.ProgressLocating
	if !d.online {
		f.State, f.Failure, f.EndedAt = invitation.Failed, protocol.NotLoggedIn, d.now()
		d.callback(f, invitation.LocalFailure)
	}
}

// once does something once for each key.
func (d *device) once(i node.Idempotency, do func() (*invitation.Form, error)) (node.Result, error) {
	if k, ok := d.keys[i.Key]; ok && i.Key != "" {
		if k.fingerprint != i.Fingerprint {
			return node.Result{}, protocol.Errorf(protocol.CodeIdempotencyConflict, "the key was used for something else; choose a new one")
		}
		return node.Result{View: d.view(d.forms[k.id]), Status: k.status, Replayed: true}, nil
	}
	f, err := do()
	if err != nil {
		return node.Result{}, err
	}
	d.keys[i.Key] = kept{i.Fingerprint, i.Status, f.ID}
	return node.Result{View: d.view(f), Status: i.Status}, nil
}

func (d *device) find(id protocol.ID) (*invitation.Form, error) {
	if f := d.forms[id]; f != nil {
		return f, nil
	}
	return nil, protocol.Errorf(protocol.CodeNotFound, "there is no such invitation")
}

func (d *device) Update(_ context.Context, id protocol.ID, p node.Patch) (invitation.View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find(id)
	if err != nil {
		return invitation.View{}, err
	}
	if f.State != invitation.Idle {
		return invitation.View{}, &protocol.Error{Code: protocol.CodeAlreadySent, Detail: "it was sent", State: string(f.State)}
	}
	if p.Content != nil {
		f.Content = *p.Content
	}
	if p.ChannelID != nil {
		f.ChannelID = *p.ChannelID
	}
	return d.view(f), nil
}

func (d *device) Discard(_ context.Context, id protocol.ID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find(id)
	if err != nil {
		return err
	}
	if !f.Ended() && f.State != invitation.Idle {
		return &protocol.Error{Code: protocol.CodeStillLive, Detail: "cancel or refuse it first", State: string(f.State)}
	}
	delete(d.forms, id)
	return nil
}

func (d *device) Do(_ context.Context, id protocol.ID, v node.Verb, i node.Idempotency) (node.Result, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.once(i, func() (*invitation.Form, error) {
		f, err := d.find(id)
		if err != nil {
			return nil, err
		}
		if f.Ended() {
			return nil, &protocol.Error{Code: protocol.CodeAlreadyEnd, Detail: "it has ended", State: string(f.State)}
		}
		local := v.Name == node.VerbSend || v.Name == node.VerbCancel
		if local != (f.Kind == invitation.KindLocal) {
			return nil, protocol.Errorf(protocol.CodeWrongKind, "this verb is for the other kind")
		}
		return f, d.act(f, v)
	})
}

func (d *device) act(f *invitation.Form, v node.Verb) error {
	switch {
	case v.Name == node.VerbSend && f.State == invitation.Idle:
		d.send(f)
	case v.Name == node.VerbSend:
		return protocol.Errorf(protocol.CodeAlreadySent, "it was sent")
	case v.Name == node.VerbCancel && f.State == invitation.Idle:
		return protocol.Errorf(protocol.CodeNotStarted, "send it first, or discard it")
	case v.Name == node.VerbCancel:
		f.State, f.Reason, f.EndedAt = invitation.Canceled, v.Reason, d.now()
		d.callback(f, invitation.LocalCanceled)
	case f.State == invitation.AcceptSentToLocal:
		return protocol.Errorf(protocol.CodeAlreadyAccept, "it is being accepted")
	case v.Name == node.VerbAccept:
		f.State, f.Response, f.AnsweredAt = invitation.AcceptSentToLocal, v.Response, d.now()
		d.callback(f, invitation.RemoteProgress)
	default:
		f.State, f.Reason, f.Response, f.EndedAt = invitation.Refused, v.Reason, v.Response, d.now()
		d.callback(f, invitation.RemoteRefused)
	}
	return nil
}

func (d *device) Get(_ context.Context, id protocol.ID) (invitation.View, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, err := d.find(id)
	if err != nil {
		return invitation.View{}, err
	}
	return d.view(f), nil
}

func (d *device) Wait(ctx context.Context, id protocol.ID) (invitation.View, error) {
	d.mark(func() { d.waits++ })
	for {
		d.mu.Lock()
		grown := d.grown
		d.mu.Unlock()
		v, err := d.Get(ctx, id)
		if err != nil || v.Ended() {
			return v, err
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return v, nil
		}
	}
}

func (d *device) List(_ context.Context, q journal.Query) (page []invitation.View, next string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	from := len(d.order)
	if q.Before != "" {
		if from, err = strconv.Atoi(q.Before); err != nil {
			return nil, "", protocol.Invalid("before", "", "before is no next of a list")
		}
	}
	for i := from - 1; i >= 0; i-- {
		f := d.forms[d.order[i]]
		if f == nil || q.Kind != "" && f.Kind != q.Kind || q.State != "" && f.State != q.State ||
			q.Live != nil && *q.Live == f.Ended() || len(q.Apps) > 0 && !slices.Contains(q.Apps, f.App) || q.Peer != "" && f.Peer() != q.Peer {
			continue
		}
		if len(page) == q.Limit {
			return page, strconv.Itoa(i + 1), nil
		}
		page = append(page, d.view(f))
	}
	return page, "", nil
}

func (d *device) Doctor(context.Context) ([]doctor.Check, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	online := doctor.Verdict{Outcome: doctor.OK, Found: "logged in"}
	if !d.online {
		online = doctor.Verdict{Outcome: doctor.Warn, Found: "logged out", Advice: "log in"}
	}
	return []doctor.Check{
		{Name: "disk", Verdict: doctor.Verdict{Outcome: doctor.OK, Found: "much free"}, Took: 12345 * time.Microsecond},
		{Name: "online", Verdict: online},
	}, d.fail
}

func (d *device) Peers(context.Context) ([]node.Peer, error) {
	return []node.Peer{{ID: other, Connectedness: "connected", Path: invitation.PathLAN, Source: "connected", Agent: "beckond/0.1.0"}}, nil
}

func (d *device) FindPeer(_ context.Context, id string, addresses []string, timeout time.Duration) (node.Peer, error) {
	switch id {
	case other:
		return node.Peer{ID: other, Addresses: append([]string{"/ip4/10.0.0.2/tcp/1"}, addresses...), Connectedness: "unreachable", Source: "dht", Took: timeout, Stages: []discovery.Stage{
			{Source: "dht", Event: discovery.Asked}, {Source: "dht", Event: discovery.Answered, Took: 1500 * time.Microsecond, Addrs: 1},
		}}, nil
	case gone:
		return node.Peer{}, protocol.Errorf(protocol.CodePeerNotFound, "nobody knows it")
	}
	return node.Peer{}, protocol.Invalid("id", "", "not a peer ID")
}

func (d *device) Ping(_ context.Context, id string, addresses []string) (time.Duration, invitation.Path, error) {
	if len(addresses) == 2 {
		return time.Millisecond, invitation.PathDirect, nil
	}
	if id == other {
		return 1234567 * time.Nanosecond, invitation.PathLAN, nil
	}
	return 0, "", protocol.Errorf(protocol.CodePeerUnreachable, "it does not answer")
}
