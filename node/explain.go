package node

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream/timeline"
)

// mergeTime bounds reaching the other party and its answer: who asks why it
// did not ring often asks about a device that is not there.
const mergeTime = 3 * time.Second

// Other says what came of asking the other party for its steps.
type Other string

// What can come of it. Words may be added.
const (
	OtherMerged      Other = "merged"
	OtherOff         Other = "off"         // it does not share its steps
	OtherUnreachable Other = "unreachable" // or this device is logged out
	OtherUnsupported Other = "unsupported" // its beckond is older
	OtherUnknown     Other = "unknown"     // it knows no such invitation with this peer
	OtherBusy        Other = "busy"        // it was asked too often
	OtherNotAsked    Other = "not_asked"
)

// Step is one thing that happened to an invitation.
type Step = explain.Step

// Explanation is the timeline of an invitation and what it comes to.
type Explanation struct {
	View      invitation.View
	Steps     []Step
	Verdict   explain.Verdict
	Other     Other
	Alignment explain.Alignment // with OtherMerged
}

// Explain tells why an invitation did or did not ring. With merge the other
// party is asked for its steps, for at most 3 s. Errors: not_found,
// shutting_down.
func (n *Node) Explain(ctx context.Context, id protocol.ID, merge bool) (Explanation, error) {
	x, err := ask(ctx, n.sb, func(t *turn) (x Explanation, err error) {
		t.flush() // what earlier jobs did is in the journal, once
		e, err := t.visible(id)
		if err != nil {
			return x, err
		}
		x.View = e.machine.Form().View(t.now)
		x.Steps, err = t.sb.steps(e)
		return x, err
	})
	if err != nil {
		return x, err
	}
	for i := range x.Steps {
		x.Steps[i].Side = explain.Here
	}
	x.Other = OtherNotAsked
	if merge {
		var theirs []explain.Step
		if theirs, x.Other = n.askOther(ctx, x); x.Other == OtherMerged {
			x.Steps, x.Alignment = explain.Merge(x.View.Kind, x.Steps, theirs)
		}
	}
	x.Verdict = explain.Judge(x.View.Form, x.Steps)
	return x, nil
}

// steps are those of an entry, in the journal and not yet.
func (sb *switchboard) steps(e *entry) ([]explain.Step, error) {
	kept, err := sb.keptSteps(e.id)
	return explain.Collect(append(kept, e.trail.Pending()...)), err
}

// askOther asks the other party for its steps.
func (n *Node) askOther(ctx context.Context, x Explanation) ([]explain.Step, Other) {
	u := n.uplink.Load()
	if x.View.Kind == invitation.KindLocal && len(x.Steps) > 0 && !wasWritten(x.Steps) {
		return nil, OtherUnreachable // it was never told of the invitation
	}
	id, err := peer.Decode(string(x.View.Peer()))
	if u == nil || err != nil {
		return nil, OtherUnreachable
	}
	ctx, cancel := context.WithTimeout(ctx, mergeTime)
	defer cancel()
	f, err := u.reach(ctx, id, func(invitation.Progress) {}, func(network.Conn) error { return nil })
	if err != nil || f.conn == nil {
		return nil, OtherUnreachable
	}
	answer, err := timeline.Ask(ctx, u.host, id, x.View.ID)
	switch {
	case errors.Is(err, timeline.ErrNotSpoken):
		return nil, OtherUnsupported
	case err != nil:
		log.Debugw("asking for steps", "peer", short(x.View.Peer()), "err", err)
		return nil, OtherUnreachable
	}
	switch answer.Status {
	case protocol.ExplainOff:
		return nil, OtherOff
	case protocol.ExplainBusy:
		return nil, OtherBusy
	case protocol.ExplainTimeline:
		return fromThere(answer.Steps), OtherMerged
	}
	return nil, OtherUnknown
}

func wasWritten(steps []explain.Step) bool {
	for _, s := range steps {
		if s.Code == explain.InviteWritten {
			return true
		}
	}
	return false
}

func fromThere(steps []protocol.ExplainStep) []explain.Step {
	all := make([]explain.Step, 0, len(steps))
	for _, s := range steps {
		all = append(all, explain.Step{
			Code: explain.Code(s.Code), Since: s.Since.Microseconds(), Last: s.Last.Microseconds(),
			Count: int(min(s.Count, 1<<20)), Side: explain.There,
		})
	}
	return all
}

// tellSteps answers another peer: only the invitation's other party, and never
// more than words and times.
func (sb *switchboard) tellSteps(ctx context.Context, from protocol.PeerID, id protocol.ID) protocol.ExplainAnswer {
	nothing := protocol.ExplainAnswer{Status: protocol.ExplainUnknown}
	steps, err := ask(ctx, sb, func(t *turn) ([]explain.Step, error) {
		t.flush()
		e, err := t.find(id)
		if err != nil || e == nil || e.discarded {
			return nil, err
		}
		if f := e.machine.Form(); f.Peer() != from {
			return nil, nil
		}
		return sb.steps(e)
	})
	if err != nil || !toldOf(steps) {
		return nothing
	}
	answer := protocol.ExplainAnswer{Status: protocol.ExplainTimeline}
	for _, s := range steps {
		answer.Steps = append(answer.Steps, protocol.ExplainStep{
			Code: string(s.Code), Count: uint32(s.Count),
			Since: time.Duration(s.Since) * time.Microsecond, Last: time.Duration(s.Last) * time.Microsecond,
		})
	}
	return answer
}

// stepsFor is how other peers are answered.
func (sb *switchboard) stepsFor(share bool) timeline.Answer {
	if share {
		return sb.tellSteps
	}
	return func(context.Context, protocol.PeerID, protocol.ID) protocol.ExplainAnswer {
		return protocol.ExplainAnswer{Status: protocol.ExplainOff}
	}
}

// toldOf reports whether the other party was ever told of the invitation, or
// told us of it.
func toldOf(steps []explain.Step) bool {
	for _, s := range steps {
		if s.Code == explain.InviteWritten || s.Code == explain.InviteRead {
			return true
		}
	}
	return false
}
