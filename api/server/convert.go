package server

import (
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/node"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

func nodeOf(i node.Info) api.Node {
	return api.Node{
		PeerID: string(i.PeerID), Version: i.Version, Instance: i.Instance, Network: i.Network,
		Online: i.Online, State: string(i.State), Addresses: list(i.Addresses),
		Reachability: i.Reachability, Relays: list(i.Relays), ConnectedPeers: i.Connected,
		DHT:       api.DHT{Mode: i.DHTMode, RoutingTable: i.DHTPeers, AnnouncedAt: api.Time{Time: i.AnnouncedAt}},
		StartedAt: moment(i.StartedAt),
	}
}

func invitationOf(v invitation.View) api.Invitation {
	i := api.Invitation{
		ID: v.ID.String(), Kind: string(v.Kind), State: string(v.State), App: v.App,
		CallerID: string(v.Caller), CalleeID: string(v.Callee), ChannelID: v.ChannelID,
		Content: v.Content, Response: v.Response,
		Reason: string(v.Reason), Error: string(v.Failure), Canceling: v.Canceling, Path: string(v.Path),
		GlareWith: idOf(v.GlareWith), MergedWith: idOf(v.MergedWith),
		CreatedAt: moment(v.CreatedAt), SentAt: moment(v.SentAt), ReceivedAt: moment(v.ReceivedAt),
		AnsweredAt: moment(v.AnsweredAt), EndedAt: moment(v.EndedAt), ExpiresAt: moment(v.ExpiresAt),
	}
	if v.MissedCount > 0 {
		i.Missed = &api.MissedCalls{
			Count: v.MissedCount, FirstAt: moment(v.MissedFirst), LastAt: moment(v.MissedAt), Why: string(v.MissedWhy),
		}
	}
	if !v.Ended() {
		i.Progress = string(v.Progress)
	}
	if !v.ExpiresAt.IsZero() {
		left := v.Left.Milliseconds()
		i.LeftMS = &left
	}
	return i
}

func invitationsOf(views []invitation.View) []api.Invitation {
	out := make([]api.Invitation, 0, len(views))
	for _, v := range views {
		out = append(out, invitationOf(v))
	}
	return out
}

func eventOf(e node.Event) api.Event {
	out := api.Event{Seq: e.Seq, Time: moment(e.Time), Type: e.Type, App: e.App, Over: e.Over, State: e.State, Cause: e.Cause}
	if e.View.Kind != "" {
		i := invitationOf(e.View)
		out.Invitation = &i
	}
	return out
}

func peerOf(p node.Peer) api.Peer {
	out := api.Peer{
		PeerID: string(p.ID), Addresses: list(p.Addresses), Connectedness: p.Connectedness,
		Path: string(p.Path), Source: p.Source, Agent: p.Agent, TookMS: p.Took.Milliseconds(),
	}
	for _, s := range p.Stages {
		out.Stages = append(out.Stages, api.Stage{
			Source: s.Source, Event: string(s.Event), TookMS: s.Took.Milliseconds(), Addresses: s.Addrs,
		})
	}
	return out
}

// ringing returns the ids of the remote invitations that an app is handed by
// being shown these.
func ringing(views []invitation.View) []protocol.ID {
	var ids []protocol.ID
	for _, v := range views {
		if v.State == invitation.InvitationReceived {
			ids = append(ids, v.ID)
		}
	}
	return ids
}

// idOf is an id as apps see it; "" for none.
func idOf(id protocol.ID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func moment(t time.Time) api.Time { return api.Time{Time: t} }

// list makes an absent list an empty one.
func list(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
