package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
)

// The roles of this program's other processes, and the protocols that they
// speak: one request a stream, or one after another on the same.
const (
	roleServer = "raw-server"
	roleClient = "raw-client"
	echoEach   = "/beckon-bench/each"
	echoMany   = "/beckon-bench/many"
)

// What the raw client can be asked for.
const (
	rawEach = "each" // round trips, a stream each
	rawMany = "many" // round trips on one stream
	rawCold = "cold" // connections, each with its first round trip
)

type rawRequest struct {
	Do string
	N  int
}

type rawReply struct {
	Took  []time.Duration
	Error string
}

// rawHost is a host with the transports of a daemon's and nothing beyond libp2p.
func rawHost(listen ...string) (host.Host, error) {
	return libp2p.New(
		libp2p.Transport(quic.NewTransport),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.ListenAddrStrings(listen...),
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	)
}

// rawServer echoes until its standard input ends. It first prints its address.
func rawServer(stdin io.Reader, stdout io.Writer) error {
	h, err := rawHost("/ip4/127.0.0.1/udp/0/quic-v1")
	if err != nil {
		return err
	}
	defer h.Close()
	h.SetStreamHandler(echoEach, func(s network.Stream) { echo(s, 1) })
	h.SetStreamHandler(echoMany, func(s network.Stream) { echo(s, -1) })
	fmt.Fprintf(stdout, "%s/p2p/%s\n", h.Addrs()[0], h.ID())
	_, err = io.Copy(io.Discard, stdin)
	return err
}

// echo answers requests until there are no more, or n of them.
func echo(s network.Stream, n int) {
	defer s.Close()
	buf := make([]byte, payload)
	for ; n != 0; n-- {
		if _, err := io.ReadFull(s, buf); err != nil {
			return
		}
		if _, err := s.Write(buf); err != nil {
			return
		}
	}
}

// rawClient does what its standard input asks for, until that ends.
func rawClient(to string, stdin io.Reader, stdout io.Writer) error {
	info, err := peer.AddrInfoFromString(to)
	if err != nil {
		return err
	}
	h, err := rawHost("/ip4/127.0.0.1/udp/0/quic-v1")
	if err != nil {
		return err
	}
	defer h.Close()
	c := &rawDialer{h: h, to: *info, buf: make([]byte, payload)}
	in, out := json.NewDecoder(bufio.NewReader(stdin)), json.NewEncoder(stdout)
	for {
		var r rawRequest
		if err := in.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var reply rawReply
		if reply.Took, err = c.do(r); err != nil {
			reply.Error = err.Error()
		}
		if err := out.Encode(reply); err != nil {
			return err
		}
	}
}

// rawDialer is the client's side of the raw measurements.
type rawDialer struct {
	h    host.Host
	to   peer.AddrInfo
	many network.Stream // nil: not open
	buf  []byte
}

func (c *rawDialer) do(r rawRequest) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	one := map[string]func(context.Context) error{rawEach: c.each, rawMany: c.onOne, rawCold: c.each}[r.Do]
	if one == nil {
		return nil, fmt.Errorf("cannot do %q", r.Do)
	}
	if err := c.h.Connect(ctx, c.to); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range r.N {
		if r.Do == rawCold {
			if err := c.hangUp(); err != nil {
				return nil, err
			}
		}
		start := time.Now()
		if r.Do == rawCold {
			if err := c.h.Connect(ctx, c.to); err != nil {
				return nil, err
			}
		}
		if err := one(ctx); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// each is one round trip on a stream of its own.
func (c *rawDialer) each(ctx context.Context) error {
	s, err := c.h.NewStream(ctx, c.to.ID, echoEach)
	if err != nil {
		return err
	}
	defer s.Close()
	return c.trip(s)
}

// onOne is one round trip on the stream that all of them share.
func (c *rawDialer) onOne(ctx context.Context) (err error) {
	if c.many == nil {
		if c.many, err = c.h.NewStream(ctx, c.to.ID, echoMany); err != nil {
			return err
		}
		if err := c.trip(c.many); err != nil {
			return err
		}
	}
	return c.trip(c.many)
}

func (c *rawDialer) trip(s network.Stream) error {
	if _, err := s.Write(c.buf); err != nil {
		return err
	}
	_, err := io.ReadFull(s, c.buf)
	return err
}

// hangUp ends the connection.
func (c *rawDialer) hangUp() error {
	c.many = nil
	return c.h.Network().ClosePeer(c.to.ID)
}
