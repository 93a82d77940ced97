package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// Node returns what the daemon says about itself.
func (c *Client) Node(ctx context.Context) (api.Node, error) {
	return get[api.Node](ctx, c, api.RouteNode, nil)
}

// Doctor looks at everything that lets the device ring and be rung, for about
// 5 s at the most.
func (c *Client) Doctor(ctx context.Context) (api.Doctor, error) {
	return get[api.Doctor](ctx, c, api.RouteDoctor, nil)
}

// SetOnline logs the daemon in or out, and returns at once: the node's State
// tells when it is done.
func (c *Client) SetOnline(ctx context.Context, online bool) (api.Node, error) {
	var n api.Node
	err := c.call(ctx, request{method: http.MethodPut, path: api.RouteOnline, body: api.SetOnline{Online: online}}, &n)
	return n, err
}

// Create creates an invitation and sends it, unless it is to be held.
func (c *Client) Create(ctx context.Context, in api.CreateInvitation) (api.Invitation, error) {
	return c.CreateOnce(ctx, "", in)
}

// CreateOnce is Create with an Idempotency-Key of the caller's own, 1 to 128
// printable ASCII characters: repeated with the same key and fields within 24 h it
// returns the same invitation instead of a second one.
func (c *Client) CreateOnce(ctx context.Context, key string, in api.CreateInvitation) (api.Invitation, error) {
	return post[api.Invitation](ctx, c, api.RouteInvitations, key, in)
}

// Update changes an invitation that is idle.
func (c *Client) Update(ctx context.Context, id string, in api.PatchInvitation) (api.Invitation, error) {
	var inv api.Invitation
	err := c.call(ctx, request{method: http.MethodPatch, path: invitationPath(id), body: in}, &inv)
	return inv, err
}

// Discard forgets an invitation that is idle or ended.
func (c *Client) Discard(ctx context.Context, id string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: invitationPath(id)}, nil)
}

// Get returns an invitation as it is now.
func (c *Client) Get(ctx context.Context, id string) (api.Invitation, error) {
	return get[api.Invitation](ctx, c, invitationPath(id), nil)
}

// Wait returns the invitation once it has ended.
func (c *Client) Wait(ctx context.Context, id string) (api.Invitation, error) {
	query := url.Values{"wait": {"ended"}, "wait_ms": {strconv.Itoa(api.MaxWaitMS)}}
	for {
		inv, err := get[api.Invitation](ctx, c, invitationPath(id), query)
		if err != nil || inv.Ended() {
			return inv, err
		}
	}
}

// Explain tells why an invitation did or did not ring. With merge the other
// party is asked for its steps too, for at most 3 s.
func (c *Client) Explain(ctx context.Context, id string, merge bool) (api.Explanation, error) {
	return get[api.Explanation](ctx, c, invitationPath(id)+"/explain", url.Values{"merge": {strconv.FormatBool(merge)}})
}

// Send sends an invitation that was created with Hold.
func (c *Client) Send(ctx context.Context, id string) (api.Invitation, error) {
	return c.verb(ctx, id, api.VerbSend, "", struct{}{})
}

// Cancel withdraws an invitation sent from here. reason may be empty.
func (c *Client) Cancel(ctx context.Context, id, reason string) (api.Invitation, error) {
	return c.verb(ctx, id, api.VerbCancel, "", api.Cancel{Reason: reason})
}

// Accept bids to accept an invitation. The caller's word decides: Wait tells it.
func (c *Client) Accept(ctx context.Context, id, response string) (api.Invitation, error) {
	return c.AcceptOnce(ctx, "", id, response)
}

// AcceptOnce is Accept with an Idempotency-Key of the caller's own.
func (c *Client) AcceptOnce(ctx context.Context, key, id, response string) (api.Invitation, error) {
	return c.verb(ctx, id, api.VerbAccept, key, api.Accept{Response: response})
}

// Refuse refuses an invitation. reason and response may be empty.
func (c *Client) Refuse(ctx context.Context, id, reason, response string) (api.Invitation, error) {
	return c.RefuseOnce(ctx, "", id, reason, response)
}

// RefuseOnce is Refuse with an Idempotency-Key of the caller's own.
func (c *Client) RefuseOnce(ctx context.Context, key, id, reason, response string) (api.Invitation, error) {
	return c.verb(ctx, id, api.VerbRefuse, key, api.Refuse{Reason: reason, Response: response})
}

// ListOptions choose invitations; empty fields do not restrict.
type ListOptions struct {
	Kind   string // api.KindLocal or api.KindRemote
	State  string // "live", "ended", or one state
	App    string
	Peer   string // peer ID of the other side
	Limit  int    // of one page, 1 to 500; 0 means 50
	Before string // InvitationList.Next of the page before
}

// List returns one page of the invitations, newest first.
func (c *Client) List(ctx context.Context, o ListOptions) (api.InvitationList, error) {
	query := url.Values{}
	for name, value := range map[string]string{"kind": o.Kind, "state": o.State, "app": o.App, "peer": o.Peer, "before": o.Before} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if o.Limit != 0 {
		query.Set("limit", strconv.Itoa(o.Limit))
	}
	return get[api.InvitationList](ctx, c, api.RouteInvitations, query)
}

// All walks through the pages of List until there are no more. An error ends it.
func (c *Client) All(ctx context.Context, o ListOptions) iter.Seq2[api.Invitation, error] {
	return func(yield func(api.Invitation, error) bool) {
		for {
			page, err := c.List(ctx, o)
			if err != nil {
				yield(api.Invitation{}, err)
				return
			}
			for _, inv := range page.Invitations {
				if !yield(inv, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			o.Before = page.Next
		}
	}
}

// Peers returns the connected peers.
func (c *Client) Peers(ctx context.Context) ([]api.Peer, error) {
	list, err := get[api.PeerList](ctx, c, api.RoutePeers, nil)
	return list.Peers, err
}

// FindPeer looks a peer up, for at most timeout (in whole milliseconds; 0
// means the daemon's 10 s). The error has code peer_not_found if nobody knows
// an address of it. It is also looked for at the addresses, multiaddrs, given.
func (c *Client) FindPeer(ctx context.Context, id string, timeout time.Duration, addresses ...string) (api.Peer, error) {
	query := url.Values{}
	for _, a := range addresses {
		query.Add("addresses", a)
	}
	if timeout > 0 {
		query.Set("timeout_ms", strconv.FormatInt(timeout.Milliseconds(), 10))
	}
	return get[api.Peer](ctx, c, peerPath(id), query)
}

// Ping measures one round trip to a peer, connecting to it if need be, also at
// the addresses, multiaddrs, given.
func (c *Client) Ping(ctx context.Context, id string, addresses ...string) (api.Ping, error) {
	return post[api.Ping](ctx, c, peerPath(id)+"/ping", "", api.PingPeer{Addresses: addresses})
}

func (c *Client) verb(ctx context.Context, id, verb, key string, body any) (api.Invitation, error) {
	return post[api.Invitation](ctx, c, invitationPath(id)+"/"+verb, key, body)
}

func invitationPath(id string) string { return api.RouteInvitations + "/" + url.PathEscape(id) }

func peerPath(id string) string { return api.RoutePeers + "/" + url.PathEscape(id) }

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (out T, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: path, query: query}, &out)
	return out, err
}

func post[T any](ctx context.Context, c *Client, path, key string, body any) (out T, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: path, key: key, body: body}, &out)
	return out, err
}
