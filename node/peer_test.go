package node

import (
	"context"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// stuckDialer hands out each dial, which lasts until it is cut.
type stuckDialer chan context.Context

func (d stuckDialer) Dial(ctx context.Context, _ protocol.PeerID, _ func(invitation.Progress)) error {
	d <- ctx
	<-ctx.Done()
	return ctx.Err()
}

// TestNewInvitationDialsAnew: an invitation does not wait for the end of an
// attempt that began before it came, joins a young one, and many of them do not
// starve each other.
func TestNewInvitationDialsAnew(t *testing.T) {
	w := newNoticeBench(t)
	d := make(stuckDialer, 16)
	w.must(t, func(t *turn) { t.sb.dialer = d })
	t.Cleanup(func() { w.must(t, func(t *turn) { t.detach() }) })
	next := func() context.Context {
		t.Helper()
		select {
		case dial := <-d:
			return dial
		case <-time.After(patience):
			t.Fatal("no dial")
			return nil
		}
	}

	w.create(t)
	first := next()
	w.create(t)
	if first.Err() != nil {
		t.Error("a dial was cut that had just begun")
	}
	w.pass(t, dialFresh)
	w.create(t)
	if first.Err() == nil {
		t.Error("the old dial goes on")
	}
	second := next()
	w.pass(t, dialFresh)
	w.create(t)
	if second.Err() != nil {
		t.Error("a dial was cut that had begun for a new invitation")
	}
}
