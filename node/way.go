package node

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/beckon-p2p/beckon/discovery"
	"github.com/beckon-p2p/beckon/node/explain"
)

// way is who wants to hear how an attempt to reach a peer goes: it travels with
// the attempt's context, as an http trace does. A nil way hears nothing.
type way struct {
	tell func(explain.Step) // from any goroutine

	mu     sync.Mutex
	tried  []ma.Multiaddr  // dialed in this attempt
	failed map[string]bool // of them, those of which it was told
	silent []string        // sources that had not answered in the end
}

type wayKey struct{}

// withWay returns a context whose attempt is told of.
func withWay(ctx context.Context, tell func(explain.Step)) context.Context {
	return context.WithValue(ctx, wayKey{}, &way{tell: tell, failed: map[string]bool{}})
}

func wayOf(ctx context.Context) *way {
	w, _ := ctx.Value(wayKey{}).(*way)
	return w
}

// asked says which sources are asked, as the search begins.
func (w *way) asked(f *discovery.Finder) {
	if w != nil {
		w.tell(explain.Step{Code: explain.Asked, Source: strings.Join(f.Names(), ",")})
	}
}

// stage follows the search. It runs on the searching goroutine.
func (w *way) stage(s discovery.Stage) {
	if w == nil {
		return
	}
	switch s.Event {
	case discovery.Answered:
		if s.Source == "connected" && s.Addrs == 0 {
			return // or nothing would be asked
		}
		w.tell(explain.Step{Code: explain.Answered, Source: s.Source, Addresses: s.Addrs})
	case discovery.Failed:
		w.tell(explain.Step{Code: explain.SourceFailed, Source: s.Source})
	case discovery.GaveUp:
		w.silent = append(w.silent, s.Source)
	}
}

// dialing says that a source's addresses are tried now.
func (w *way) dialing(addrs []ma.Multiaddr) {
	if w == nil {
		return
	}
	w.mu.Lock()
	w.tried = append(w.tried, addrs...)
	w.mu.Unlock()
	w.tell(explain.Step{Code: explain.Dialing, Addresses: len(addrs), Transport: transports(addrs)})
}

// dialFailed says what became of an address, once an attempt.
func (w *way) dialFailed(addr ma.Multiaddr, err error) {
	if w == nil || errors.Is(err, context.Canceled) {
		return
	}
	text := addr.String()
	w.mu.Lock()
	told := w.failed[text]
	w.failed[text] = true
	w.mu.Unlock()
	if !told {
		w.tell(explain.Step{Code: explain.DialFailed, Address: text, Transport: transportOf(addr), Error: dialWord(err)})
	}
}

// dialed takes in what libp2p says of all addresses that it tried.
func (w *way) dialed(err error) {
	var d *swarm.DialError
	if w == nil || !errors.As(err, &d) {
		return
	}
	for _, e := range d.DialErrors {
		if !errors.Is(e.Cause, swarm.ErrGaterDisallowedConnection) { // its relay is not met yet
			w.dialFailed(e.Address, e.Cause)
		}
	}
}

// connected says that a connection stands.
func (w *way) connected(c network.Conn) {
	if w != nil {
		w.tell(explain.Step{Code: explain.Connected, Address: c.RemoteMultiaddr().String(),
			Transport: transportOf(c.RemoteMultiaddr()), Path: string(pathOf(c))})
	}
}

// over says what an attempt came to that found no connection.
func (w *way) over(conn network.Conn, err error) {
	switch {
	case w == nil || conn != nil && err == nil:
		return
	case conn != nil:
		w.tell(explain.Step{Code: explain.AttemptFailed, Error: explain.ErrOther}) // no session on it
		return
	}
	for _, source := range w.silent {
		w.tell(explain.Step{Code: explain.SourceSilent, Source: source})
	}
	if errors.Is(err, errNoAddress) {
		w.tell(explain.Step{Code: explain.AttemptFailed, Error: explain.ErrNoAddress})
		return
	}
	w.mu.Lock()
	silent := map[string]int{} // by transport
	for _, a := range w.tried {
		if !w.failed[a.String()] {
			silent[transportOf(a)]++
		}
	}
	w.mu.Unlock()
	for transport, n := range silent {
		w.tell(explain.Step{Code: explain.DialFailed, Addresses: n, Transport: transport, Error: explain.ErrTimeout})
	}
}

// transports are the kinds of addresses, with commas.
func transports(addrs []ma.Multiaddr) string {
	var kinds []string
	for _, a := range addrs {
		if k := transportOf(a); !slices.Contains(kinds, k) {
			kinds = append(kinds, k)
		}
	}
	slices.Sort(kinds)
	return strings.Join(kinds, ",")
}

func transportOf(addr ma.Multiaddr) string {
	kind := "other"
	for _, c := range addr {
		switch c.Protocol().Code {
		case ma.P_CIRCUIT:
			return "relay"
		case ma.P_TCP:
			kind = "tcp"
		case ma.P_QUIC_V1:
			kind = "quic"
		}
	}
	return kind
}

// dialWord is people's word for why a dial failed.
func dialWord(err error) string {
	var timeout net.Error
	var wrong sec.ErrPeerIDMismatch
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	switch {
	case errors.As(err, &wrong):
		return explain.ErrWrongPeer
	case is(syscall.ECONNREFUSED):
		return explain.ErrRefused
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EADDRNOTAVAIL):
		return explain.ErrNoRoute
	case is(swarm.ErrNoTransport):
		return explain.ErrNoTransport
	case is(network.ErrResourceLimitExceeded):
		return explain.ErrLimited
	case is(context.DeadlineExceeded, swarm.ErrDialBackoff), errors.As(err, &timeout) && timeout.Timeout():
		return explain.ErrTimeout
	case strings.Contains(err.Error(), "peer id mismatch"), strings.Contains(err.Error(), "CRYPTO_ERROR"):
		// QUIC tells another peer's certificate by the handshake's failure.
		if strings.Contains(err.Error(), "mismatch") || strings.Contains(err.Error(), "peer IDs don't match") {
			return explain.ErrWrongPeer
		}
		return explain.ErrHandshake
	case strings.Contains(err.Error(), "negotiate"), is(syscall.ECONNRESET):
		return explain.ErrHandshake
	}
	return explain.ErrOther
}
