package server

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/protocol"
)

// PeerParam names a peer in the path.
type PeerParam struct {
	ID string `path:"id" doc:"A peer ID."`
}

func (s *server) peerOperations(a huma.API) {
	type listOutput struct{ Body api.PeerList }
	operation(a, "GET /v1/peers", "list-peers", "Connected peers", "", nil,
		func(ctx context.Context, _ *struct{}) (*listOutput, error) {
			peers, err := s.node.Peers(ctx)
			if err != nil {
				return nil, fail(err)
			}
			out := &listOutput{api.PeerList{Peers: make([]api.Peer, 0, len(peers))}}
			for _, p := range peers {
				out.Body.Peers = append(out.Body.Peers, peerOf(p))
			}
			return out, nil
		})

	type findInput struct {
		PeerParam
		Addresses []string `query:"addresses,explode" doc:"Where the peer may be: a multiaddr of at most 256 bytes; may be given up to 16 times."`
		TimeoutMS int64    `query:"timeout_ms" minimum:"1" maximum:"60000" default:"10000" doc:"How long to look, in milliseconds."`
	}
	type findOutput struct{ Body api.Peer }
	operation(a, "GET /v1/peers/{id}", "find-peer", "Look a peer up",
		"Among the connected peers, at the addresses given, in the address cache, on the LAN and in the DHT. A peer that is found and cannot be dialed has the connectedness unreachable.",
		codes{protocol.CodePeerNotFound},
		func(ctx context.Context, in *findInput) (*findOutput, error) {
			p, err := s.node.FindPeer(ctx, in.ID, in.Addresses, time.Duration(in.TimeoutMS)*time.Millisecond)
			if errors.Is(err, context.DeadlineExceeded) {
				err = protocol.Errorf(protocol.CodePeerNotFound, "the peer was not found in time; it may be offline, or give a longer timeout_ms")
			}
			if err != nil {
				return nil, fail(err)
			}
			return &findOutput{peerOf(p)}, nil
		})

	type pingInput struct {
		PeerParam
		KeyParam
		Body api.PingPeer
	}
	type pingOutput struct{ Body api.Ping }
	operation(a, "POST /v1/peers/{id}/ping", "ping-peer", "Measure the round-trip time to a peer", "Connects to it if need be. A repeated key measures again.",
		codes{protocol.CodePeerNotFound, protocol.CodePeerUnreachable},
		func(ctx context.Context, in *pingInput) (*pingOutput, error) {
			rtt, path, err := s.node.Ping(ctx, in.ID, in.Body.Addresses)
			if err != nil {
				return nil, fail(err)
			}
			ms := math.Round(float64(rtt)/float64(time.Microsecond)) / 1000
			return &pingOutput{api.Ping{RTTMS: ms, Path: string(path)}}, nil
		})
}
