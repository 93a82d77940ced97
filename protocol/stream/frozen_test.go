package stream

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/protocol"
)

// frozenEnv makes the test binary a peer that will be frozen; its value is
// where to listen.
const frozenEnv = "BECKON_TEST_FROZEN"

// runFrozen is that peer. It lives until its standard input ends.
func runFrozen() int {
	h, err := libp2p.New(libp2p.ListenAddrStrings(os.Getenv(frozenEnv)), libp2p.DisableMetrics())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer h.Close()
	r := newRecorder()
	r.onUp = func(s *Session) { s.SetLive(true) }
	t := New(Config{Host: h, Now: now, Receiver: r})
	t.Start()
	defer t.Close()
	fmt.Printf("%s/p2p/%s\n", h.Addrs()[0], h.ID())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

func TestFrozenPeerIsNoticedInTime(t *testing.T) {
	for name, listen := range listens {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^$")
			cmd.Env = append(os.Environ(), frozenEnv+"="+listen)
			cmd.Stderr = os.Stderr
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			other, err := peer.AddrInfoFromString(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}

			a := newEnd(t, newHost(t, listen))
			if err := a.Connect(t.Context(), *other); err != nil {
				t.Fatal(err)
			}
			s := a.open(t, other.ID)
			send(t, s, protocol.Done{ID: protocol.NewID(), Outcome: protocol.OutcomeUnknown})
			s.SetLive(true)
			a.await(t, "the peer's first word", func(e event) bool { return e.kind == "done_read" })
			if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			down := a.awaitDown(t, s)
			last, _ := s.Heard()
			if took := down.at.Sub(last); !errors.Is(down.err, ErrSilent) || took < protocol.SessionSilence || took > protocol.SessionSilence+time.Second {
				t.Errorf("ended %v after the last frame with %v", took, down.err)
			}
			if conns := a.Network().ConnsToPeer(other.ID); len(conns) != 0 {
				t.Errorf("%d connections are left", len(conns))
			}
		})
	}
}
