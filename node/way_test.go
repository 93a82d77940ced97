package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/node/explain"
)

// TestDialWords: why a dial failed, in people's words.
func TestDialWords(t *testing.T) {
	for want, err := range map[string]error{
		explain.ErrRefused:     fmt.Errorf("dial: %w", syscall.ECONNREFUSED),
		explain.ErrNoRoute:     fmt.Errorf("dial: %w", syscall.ENETUNREACH),
		explain.ErrTimeout:     context.DeadlineExceeded,
		explain.ErrWrongPeer:   fmt.Errorf("noise: %w", sec.ErrPeerIDMismatch{}),
		explain.ErrHandshake:   fmt.Errorf("failed to negotiate security protocol: %w", io.EOF),
		explain.ErrNoTransport: swarm.ErrNoTransport,
		explain.ErrLimited:     network.ErrResourceLimitExceeded,
		explain.ErrOther:       errors.New("something else"),
	} {
		if got := dialWord(err); got != want {
			t.Errorf("%v is %s, want %s", err, got, want)
		}
	}
}

// TestWayTellsOnceAnAttempt: an address fails once in an attempt, however often
// libp2p says so, and what never answered is told at its end.
func TestWayTellsOnceAnAttempt(t *testing.T) {
	var told []explain.Step
	w := wayOf(withWay(t.Context(), func(s explain.Step) { told = append(told, s) }))
	tcp, quic := ma.StringCast("/ip4/192.0.2.1/tcp/1"), ma.StringCast("/ip4/192.0.2.1/udp/1/quic-v1")
	w.dialing([]ma.Multiaddr{tcp, quic})
	w.dialFailed(tcp, syscall.ECONNREFUSED)
	w.dialed(&swarm.DialError{DialErrors: []swarm.TransportError{{Address: tcp, Cause: syscall.ECONNREFUSED}}})
	w.dialFailed(quic, context.Canceled) // by another that was faster
	w.over(nil, context.DeadlineExceeded)
	want := []explain.Step{
		{Code: explain.Dialing, Addresses: 2, Transport: "quic,tcp"},
		{Code: explain.DialFailed, Address: tcp.String(), Transport: "tcp", Error: explain.ErrRefused},
		{Code: explain.DialFailed, Addresses: 1, Transport: "quic", Error: explain.ErrTimeout},
	}
	if len(told) != len(want) {
		t.Fatalf("told %+v", told)
	}
	for i := range want {
		if told[i] != want[i] {
			t.Errorf("told %+v, want %+v", told[i], want[i])
		}
	}
	wayOf(context.Background()).dialing(nil) // nobody wants to hear: no crash
}

func TestTransportOf(t *testing.T) {
	for text, want := range map[string]string{
		"/ip4/192.0.2.1/tcp/1": "tcp", "/ip4/192.0.2.1/udp/1/quic-v1": "quic", "/ip4/192.0.2.1/udp/1": "other",
		"/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + stranger + "/p2p-circuit": "relay",
	} {
		if got := transportOf(ma.StringCast(text)); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}
