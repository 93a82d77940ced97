package stream

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// tap remembers each write on the streams that a tapHost opens.
type tap struct {
	mu     sync.Mutex
	writes [][]byte
}

func (t *tap) written() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.writes)
}

// tapHost hands out connections whose streams are tapped.
type tapHost struct {
	host.Host
	tap *tap
}

type tapNetwork struct {
	network.Network
	tap *tap
}

type tapConn struct {
	network.Conn
	tap *tap
}

type tapStream struct {
	network.Stream
	tap *tap
}

func (h tapHost) Network() network.Network { return tapNetwork{h.Host.Network(), h.tap} }

func (n tapNetwork) ConnsToPeer(p peer.ID) []network.Conn {
	conns := n.Network.ConnsToPeer(p)
	for i, c := range conns {
		conns[i] = tapConn{c, n.tap}
	}
	return conns
}

func (c tapConn) NewStream(ctx context.Context) (network.Stream, error) {
	s, err := c.Conn.NewStream(ctx)
	return tapStream{s, c.tap}, err
}

func (s tapStream) Write(b []byte) (int, error) {
	s.tap.mu.Lock()
	s.tap.writes = append(s.tap.writes, bytes.Clone(b))
	s.tap.mu.Unlock()
	return s.Stream.Write(b)
}
