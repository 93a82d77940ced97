package node

import (
	"sync"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// ahead is a clock that is ahead of the machine's: so much time has passed
// between two lives, but for the peer at home.
type ahead struct {
	Clock
	by time.Duration
}

func (c ahead) Now() protocol.Instant { return c.Clock.Now().Add(c.by) }

func (c ahead) Stamp() invitation.Stamp {
	s := c.Clock.Stamp()
	s.Clock, s.Wall = s.Clock.Add(c.by), s.Wall.Add(c.by)
	return s
}

func (c ahead) Alarm() Alarm { return aheadAlarm{c.Clock.Alarm(), c.by} }

type aheadAlarm struct {
	Alarm
	by time.Duration
}

func (a aheadAlarm) Set(at protocol.Instant) {
	if at != 0 {
		at = max(at.Add(-a.by), 1)
	}
	a.Alarm.Set(at)
}

// end is how one form ends.
type end struct {
	state   invitation.State
	failure protocol.Failure
}

// TestKilledAndAway kills a node in a state and brings it back when all clocks
// of the invitation are over for it: what had been decided stands, the rest is
// over, and both sides are told once.
func TestKilledAndAway(t *testing.T) {
	t.Parallel()
	home := startNode(t, Config{Listen: tcpOnly})
	startHomeApp(t, home)
	expired := end{invitation.Failed, protocol.InvitationExpire}
	var wg sync.WaitGroup
	for _, tt := range []struct {
		role, as      string
		at            moment
		ending        string
		local, remote end
		told          bool
	}{
		{"caller", "received_by_remote", sent, toExpire, expired, expired, false},
		{"caller", "canceling", committed, toBeCanceled, end{state: invitation.Canceled}, end{state: invitation.Canceled}, false},
		{"caller", "accepted_by_remote", committed, toBeAccepted, end{state: invitation.AcceptedByRemote}, end{state: invitation.Accepted}, false},
		{"callee", "ringing", sent, toExpire, expired, expired, false},
		{"callee", "refused", committed, toBeRefused, end{state: invitation.RefusedByRemote}, end{state: invitation.Refused}, false},
		{"callee", "accept_sent_to_local", sent, toBeAccepted,
			end{state: invitation.AcceptedByRemote}, end{invitation.Failed, protocol.PeerOffline}, true},
		// The bid never left: the caller knows of none.
		{"callee", "accept_sent_to_local", committed, toBeAccepted,
			end{invitation.Failed, protocol.PeerOffline}, end{invitation.Failed, protocol.PeerOffline}, false},
	} {
		wg.Go(func() {
			t.Run(tt.role+" in "+tt.as+", "+string(tt.at), func(t *testing.T) {
				c := newCrash(t, home, tt.role, tt.ending, tt.at)
				c.lives = 1
				if tt.told {
					c.ready = c.awaitBid
				}
				if !c.live(life{Dir: c.dir, Bootstrap: c.homeAddr, At: tt.at, DieAs: tt.as}) {
					t.Fatal("it did not die")
				}
				c.comeBack(time.Minute)
				if tt.told {
					c.awaitTold()
				}
				for _, p := range c.outcomes() {
					local, remote := end{p.local.State, p.local.Failure}, end{p.remote.State, p.remote.Failure}
					if local != tt.local || remote != tt.remote || p.local.Told != tt.told {
						t.Errorf("the caller %v, the callee %v, told %v; want %v, %v, %v", local, remote, p.local.Told, tt.local, tt.remote, tt.told)
					}
				}
			})
		})
	}
	wg.Wait()
}

// comeBack is the life after the time away; it only settles what was left.
func (c *crash) comeBack(after time.Duration) {
	p := startChild(c.t, life{Dir: c.dir, Bootstrap: c.homeAddr, Ahead: after})
	defer p.end()
	c.lives++
	c.awaitLife(p, c.keys)
	c.lives--
	p.finish()
}

// awaitTold waits until the caller at home was told that nobody knows of its
// acceptance.
func (c *crash) awaitTold() {
	c.t.Helper()
	sub, err := c.home.Subscribe(testContext(c.t), Stream{After: c.home.journal.Cursor(0)})
	if err != nil {
		c.t.Fatal(err)
	}
	defer sub.Close()
	for {
		events, err := sub.Next(testContext(c.t))
		if err != nil {
			c.t.Fatalf("accept_unconfirmed was not told: %v", err)
		}
		for _, e := range events {
			if _, ours := c.forms[e.View.ID]; ours && e.Type == string(invitation.LocalAcceptUnconfirmed) {
				return
			}
		}
	}
}

// awaitBid waits until the caller at home has taken the bid.
func (c *crash) awaitBid() {
	for id := range c.forms {
		if v, err := c.home.Wait(testContext(c.t), id); err != nil || v.State != invitation.AcceptedByRemote {
			c.t.Errorf("the bid made the caller %s, %v", v.State, err)
		}
	}
}
