package node

import (
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	ma "github.com/multiformats/go-multiaddr"
)

// heardTCP is libp2p's TCP that lets the dials of a peer be listened to: a
// refusal is otherwise lost when the attempt ends on another address that does
// not answer.
type heardTCP struct {
	*tcp.TcpTransport

	mu        sync.Mutex
	listeners map[peer.ID][]*dialListener
}

// dialListener is told of dials that failed. It must not block for long.
type dialListener struct {
	failed func(addr ma.Multiaddr, err error)
}

func newHeardTCP(up transport.Upgrader, limits network.ResourceManager, shared *tcpreuse.ConnMgr) (*heardTCP, error) {
	t, err := tcp.NewTCPTransport(up, limits, shared)
	return &heardTCP{TcpTransport: t, listeners: map[peer.ID][]*dialListener{}}, err
}

// Dial is libp2p's, and so is DialWithUpdates.
func (t *heardTCP) Dial(ctx context.Context, addr ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	return t.DialWithUpdates(ctx, addr, p, nil)
}

func (t *heardTCP) DialWithUpdates(ctx context.Context, addr ma.Multiaddr, p peer.ID, updates chan<- transport.DialUpdate) (transport.CapableConn, error) {
	c, err := t.TcpTransport.DialWithUpdates(ctx, addr, p, updates)
	if err != nil && ctx.Err() == nil {
		t.mu.Lock()
		listeners := slices.Clone(t.listeners[p])
		t.mu.Unlock()
		for _, l := range listeners {
			l.failed(addr, err)
		}
	}
	return c, err
}

// listen tells failed of dials to p that failed until stop is called.
func (t *heardTCP) listen(p peer.ID, failed func(addr ma.Multiaddr, err error)) (stop func()) {
	l := &dialListener{failed}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.listeners[p] = append(t.listeners[p], l)
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.listeners[p] = slices.DeleteFunc(t.listeners[p], func(have *dialListener) bool { return have == l })
		if len(t.listeners[p]) == 0 {
			delete(t.listeners, p)
		}
	}
}

// hear listens to the TCP dials of a host, if it has TCP.
func hear(h host.Host, p peer.ID, failed func(addr ma.Multiaddr, err error)) (stop func()) {
	if n, ok := h.Network().(interface {
		TransportForDialing(ma.Multiaddr) transport.Transport
	}); ok {
		if t, ok := n.TransportForDialing(anyTCP).(*heardTCP); ok {
			return t.listen(p, failed)
		}
	}
	return func() {}
}

var anyTCP = ma.StringCast("/ip4/127.0.0.1/tcp/1")
