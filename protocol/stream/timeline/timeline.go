package timeline

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	libp2p "github.com/libp2p/go-libp2p/core/protocol"
	msmux "github.com/multiformats/go-multistream"

	"github.com/beckon-p2p/beckon/protocol"
)

const (
	// answerTime bounds one exchange on the answering side, whoever is slow.
	answerTime = 5 * time.Second
	// maxAnswering bounds the exchanges at one time.
	maxAnswering = 16
	// service is the name under which libp2p's resource manager accounts them.
	service = "beckon.explain"
)

// ErrNotSpoken: the peer does not know this protocol.
var ErrNotSpoken = errors.New("the peer does not tell steps: it runs an older beckond")

// Answer says what a peer is told about an invitation.
type Answer func(ctx context.Context, from protocol.PeerID, id protocol.ID) protocol.ExplainAnswer

// Server answers the requests that come to one host.
type Server struct {
	host   host.Host
	answer Answer
	rates  *rates
	ctx    context.Context
	cancel context.CancelFunc
	room   chan struct{}
	most   time.Duration // of one exchange

	mu     sync.Mutex
	closed bool
	wg     sync.WaitGroup // exchanges under way
}

// Serve begins to answer. now is a clock that also counts in suspend.
func Serve(h host.Host, now func() protocol.Instant, answer Answer) *Server {
	s := &Server{host: h, answer: answer, rates: newRates(now), room: make(chan struct{}, maxAnswering), most: answerTime}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	h.SetStreamHandler(protocol.ExplainID, s.accept)
	return s
}

// Close stops answering and waits for the exchanges under way.
func (s *Server) Close() {
	s.host.RemoveStreamHandler(protocol.ExplainID)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
}

// accept runs one exchange, in the goroutine that libp2p gives it.
func (s *Server) accept(raw network.Stream) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = raw.ResetWithError(network.StreamShutdown)
		return
	}
	s.wg.Add(1)
	most := s.most
	s.mu.Unlock()
	defer s.wg.Done()
	select {
	case s.room <- struct{}{}:
		defer func() { <-s.room }()
	default:
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	if err := raw.Scope().SetService(service); err != nil {
		_ = raw.ResetWithError(network.StreamResourceLimitExceeded)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, most)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	if err := s.exchange(ctx, raw); err != nil {
		_ = raw.ResetWithError(network.StreamProtocolViolation)
		return
	}
	_ = raw.Close()
}

func (s *Server) exchange(ctx context.Context, raw network.Stream) error {
	body, err := read(raw)
	if err != nil {
		return err
	}
	id, err := protocol.DecodeExplainRequest(body)
	if err != nil {
		return err
	}
	from := raw.Conn().RemotePeer()
	answer := protocol.ExplainAnswer{Status: protocol.ExplainBusy}
	if s.rates.take(from) {
		answer = s.answer(ctx, protocol.PeerID(from.String()), id)
	}
	_, err = raw.Write(protocol.AppendExplainAnswer(nil, answer))
	return err
}

// Ask asks a connected peer for the steps of an invitation. Errors: ErrNotSpoken,
// ctx's, the network's, a *protocol.FrameError.
func Ask(ctx context.Context, h host.Host, p peer.ID, id protocol.ID) (a protocol.ExplainAnswer, err error) {
	raw, err := h.NewStream(network.WithNoDial(network.WithAllowLimitedConn(ctx, service), service), p, protocol.ExplainID)
	if err != nil {
		return a, spoken(err)
	}
	defer context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })()
	body, err := func() ([]byte, error) {
		if _, err := raw.Write(protocol.AppendExplainRequest(nil, id)); err != nil {
			return nil, err
		}
		_ = raw.CloseWrite() // too late, if the other side has answered and closed
		return read(raw)
	}()
	if err == nil {
		a, err = protocol.DecodeExplainAnswer(body)
	}
	if err != nil {
		_ = raw.Reset()
		return a, spoken(err)
	}
	_ = raw.Close()
	return a, nil
}

func spoken(err error) error {
	var unknown msmux.ErrNotSupported[libp2p.ID]
	if errors.As(err, &unknown) {
		return ErrNotSpoken
	}
	return err
}

// read reads the one body that a stream has in this direction.
func read(raw io.Reader) ([]byte, error) {
	in := bufio.NewReaderSize(raw, 1<<10)
	n, err := binary.ReadUvarint(in)
	if err != nil {
		return nil, err
	}
	if n > protocol.MaxExplain {
		return nil, fmt.Errorf("%d bytes; at most %d are allowed", n, protocol.MaxExplain)
	}
	body := make([]byte, n)
	_, err = io.ReadFull(in, body)
	return body, err
}
