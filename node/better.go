package node

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/beckon-p2p/beckon/protocol/stream"
)

// better moves a peer's session from a relay to a direct connection that has
// come, by opening one there: the relay ends its connection after two minutes.
// Both sides may do so; they keep the same one. It does not wait.
func (u *uplink) better(c network.Conn) {
	if c.Stat().Limited {
		return
	}
	s := u.sessions.Current(c.RemotePeer())
	if s == nil || !s.Conn().Stat().Limited {
		return
	}
	go func() { // ends with Open, which Close of the sessions waits for
		ctx, cancel := context.WithTimeout(context.Background(), stream.OpenTime)
		defer cancel()
		if _, err := u.sessions.Open(ctx, c.RemotePeer()); err != nil {
			log.Debugw("the session stays on the relay", "peer", short(peerKey(c.RemotePeer())), "err", err)
		}
	}()
}
