package dht

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"google.golang.org/protobuf/encoding/protodelim"
)

// askKnown is how many servers Known asks: one may be new or ill, three
// are not all.
const askKnown = 3

// Knowledge is what servers of the DHT said of this peer.
type Knowledge struct {
	Asked int            // servers that answered, at most 3
	Knew  int            // of them, those that named an address
	Addrs []ma.Multiaddr // all that were named
}

// Known asks up to 3 servers of the DHT that are connected where this peer is,
// as somebody would who wants to reach it. It returns when they have answered or
// ctx ends. An error says that the DHT does not run; a server that does not
// answer is not counted.
func (d *DHT) Known(ctx context.Context) (k Knowledge, err error) {
	kad, ok := d.enter()
	if !ok {
		return k, errors.New("the DHT is not running")
	}
	defer d.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.ctx, cancel)()

	var (
		asking sync.WaitGroup
		mu     sync.Mutex
	)
	for _, id := range d.connectedServers(kad.RoutingTable().ListPeers()) {
		asking.Go(func() {
			addrs, err := d.askWhere(ctx, id, d.cfg.Host.ID())
			if err != nil {
				log.Debug("a server does not say where this peer is", "server", id, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			k.Asked++
			if len(addrs) > 0 {
				k.Knew++
			}
			k.Addrs = append(k.Addrs, addrs...)
		})
	}
	asking.Wait()
	k.Addrs = ma.Unique(k.Addrs)
	return k, nil
}

// connectedServers returns some of the table's peers that can be asked at once.
func (d *DHT) connectedServers(table []peer.ID) []peer.ID {
	table = slices.DeleteFunc(table, func(id peer.ID) bool {
		return d.cfg.Host.Network().Connectedness(id) != network.Connected
	})
	return table[:min(len(table), askKnown)]
}

// askWhere asks one server for the addresses of a peer, by FIND_NODE.
func (d *DHT) askWhere(ctx context.Context, server, target peer.ID) (addrs []ma.Multiaddr, err error) {
	s, err := d.cfg.Host.NewStream(network.WithNoDial(ctx, "asked only if connected"), server, d.proto)
	if err != nil {
		return nil, err
	}
	defer s.Reset() // nothing more is asked on it
	if at, ok := ctx.Deadline(); ok {
		if err := s.SetDeadline(at); err != nil {
			return nil, err
		}
	}
	defer context.AfterFunc(ctx, func() { s.SetDeadline(time.Unix(1, 0)) })()
	ask := pb.NewMessage(pb.Message_FIND_NODE, []byte(target), 0)
	if _, err := protodelim.MarshalTo(s, ask); err != nil {
		return nil, err
	}
	answer := &pb.Message{}
	if err := (protodelim.UnmarshalOptions{MaxSize: network.MessageSizeMax}).UnmarshalFrom(bufio.NewReader(s), answer); err != nil {
		return nil, fmt.Errorf("its answer: %w", err)
	}
	for _, p := range answer.GetCloserPeers() {
		if peer.ID(p.GetId()) == target {
			addrs = append(addrs, p.Addresses()...)
		}
	}
	return addrs[:min(len(addrs), maxKnownAddrs)], nil
}

// maxKnownAddrs bounds what one server may name for one peer, which listens on a
// dozen addresses at most.
const maxKnownAddrs = 32
