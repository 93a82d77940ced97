package node

import (
	"errors"

	"github.com/beckon-p2p/beckon/node/explain"
	"github.com/beckon-p2p/beckon/protocol"
	"github.com/beckon-p2p/beckon/protocol/invitation"
	"github.com/beckon-p2p/beckon/protocol/stream"
)

// rowSteps are the steps of the rows of both tables, by kind and name.
var rowSteps = map[invitation.Kind]map[string]explain.Code{
	invitation.KindLocal: {
		"create": explain.Created, "idle_over": explain.IdleOver, "send_logged_out": explain.NotLoggedIn, "send": explain.Sent,
		"stage":    explain.DeliveredRead, // only that of the three, see traceRow
		"received": explain.ReceivedRead, "reach_over_unheard": explain.ReachOver, "reach_over_heard": explain.ReachOver,
		"accept": explain.AcceptRead, "refuse": explain.RefuseRead, "done_refused": explain.DoneRead, "cancel": explain.Cancel,
		"cancel_unwritten": explain.Cancel, "canceling_done": explain.DoneRead, "canceling_over": explain.CancelOver,
		"canceling_refuse": explain.RefuseRead, "ring_over": explain.RingOver, "done_failure": explain.DoneRead,
		"done_canceled": explain.DoneRead, "done_accepted": explain.DoneRead, "logout": explain.LoggedOut,
		"unconfirmed": explain.Unconfirmed, "unconfirmed_by_time": explain.Unconfirmed,
		"park": explain.Parked, "unpark": explain.Unparked, "superseded": explain.Superseded,
	},
	invitation.KindRemote: {
		"invite": explain.InviteRead, "ring": explain.AppTold, "handed_over": explain.HandedOver, "held_cancel": explain.CancelRead,
		"held_done": explain.DoneRead, "held_reach_over": explain.ReachOver, "held_logout": explain.LoggedOut,
		"accept": explain.Accept, "confirm": explain.ConfirmRead, "confirm_over": explain.ConfirmOver,
		"accept_caller_lost": explain.CallerLost, "accept_ring_over": explain.BidOver, "refuse": explain.Refuse,
		"cancel": explain.CancelRead, "done_decided": explain.DoneRead, "done_failure": explain.DoneRead,
		"ring_over": explain.RingOver, "reach_over": explain.UnhandedOver, "caller_lost": explain.CallerLost,
		"logout": explain.LoggedOut, "accept_logout": explain.LoggedOut,
		"glare_bid_held": explain.GlareBid, "glare_bid_ringing": explain.GlareBid, "glare_bid_joined": explain.GlareBid,
		"glare_withdraw": explain.Refuse, "glare_alone": explain.BidOver, "superseded_held": explain.Superseded, "superseded": explain.Superseded,
	},
}

// trace notes what a step of the machine has done. in is nil when the form was
// made by it.
func (t *turn) trace(e *entry, in invitation.Input, out invitation.Out) {
	f := e.machine.Form()
	if in == nil {
		e.trail.fresh(t.now)
	}
	if _, up := in.(invitation.SessionUp); up && (e.machine.Live() || f.Owes) {
		t.note(e, explain.Step{Code: explain.SessionUp, Path: string(e.peer.path)})
	}
	for i, r := range out.Rows {
		t.traceRow(e, &f, in, r.Name, i > 0)
	}
	if recv, ok := in.(invitation.Recv); ok && len(out.Rows) == 0 && !f.Ended() && !out.Stray {
		t.note(e, explain.Step{Code: explain.RepeatRead, Message: nameOf(recv.Message)})
	}
	if f.Ended() && !f.Owes && len(out.Rows) == 0 {
		return // an answer for the memory of it: nothing of that is kept
	}
	for _, m := range out.Send {
		t.traceSent(e, m)
	}
}

func (t *turn) note(e *entry, s explain.Step) { t.sb.note(e, t.now, s) }

// traceRow notes a change of the form. further says that it is not the first of
// this step.
func (t *turn) traceRow(e *entry, f *invitation.Form, in invitation.Input, row string, further bool) {
	s := explain.Step{Code: rowSteps[f.Kind][row]}
	recv, _ := in.(invitation.Recv)
	done, isDone := recv.Message.(protocol.Done)
	switch s.Code {
	case "":
		s.Code, s.Reason = explain.Other, row
	case explain.DeliveredRead:
		if f.Progress != invitation.ProgressDelivered {
			return // the way itself is told in more detail
		}
	case explain.AppTold:
		if !further {
			s.Code = explain.AppCame
		}
	case explain.InviteRead:
		s.Path = string(e.peer.path)
	case explain.DoneRead:
		if isDone {
			s.Reason, s.Error = string(done.Reason), string(done.Failure)
		}
	case explain.Cancel, explain.CancelRead, explain.Refuse, explain.RefuseRead:
		s.Reason = string(f.Reason)
	}
	t.note(e, s)
	switch {
	case s.Code == explain.Sent && e.peer.session != nil:
		t.note(e, explain.Step{Code: explain.SessionUp, Path: string(e.peer.path)})
	case s.Code == explain.Sent && t.sb.dialer == nil:
		t.note(e, explain.Step{Code: explain.NoNetwork})
	case s.Code == explain.InviteRead && f.State == invitation.Held && t.sb.apps[f.App] == 0:
		t.note(e, explain.Step{Code: explain.NoApp})
	case s.Code == explain.InviteRead && f.State == invitation.Held:
		t.note(e, explain.Step{Code: explain.CallerUnheard})
	}
}

// sentSteps are the steps of messages that are written for the first time.
var sentSteps = map[string]explain.Code{
	"Invite": explain.InviteWritten, "Delivered": explain.DeliveredWritten, "Received": explain.ReceivedWritten,
	"Accept": explain.AcceptWritten, "Confirm": explain.ConfirmWritten, "Refuse": explain.RefuseWritten,
	"Cancel": explain.CancelWritten, "Done": explain.DoneWritten,
}

func (t *turn) traceSent(e *entry, m protocol.Message) {
	name := nameOf(m)
	code, known := sentSteps[name]
	if !known || e.trail.said[name] {
		t.note(e, explain.Step{Code: explain.RepeatWritten, Message: name})
		return
	}
	if e.trail.said == nil {
		e.trail.said = map[string]bool{}
	}
	e.trail.said[name] = true
	t.undos = append(t.undos, func() { delete(e.trail.said, name) })
	t.note(e, explain.Step{Code: code})
}

// nameOf is a message's name in the specification.
func nameOf(m protocol.Message) string {
	switch m.(type) {
	case protocol.Invite:
		return "Invite"
	case protocol.Delivered:
		return "Delivered"
	case protocol.Received:
		return "Received"
	case protocol.Accept:
		return "Accept"
	case protocol.Confirm:
		return "Confirm"
	case protocol.Refuse:
		return "Refuse"
	case protocol.Cancel:
		return "Cancel"
	case protocol.Done:
		return "Done"
	}
	return "another message"
}

// traceDown notes the end of the session that was written on.
func (p *peerState) traceDown(t *turn, err error) {
	word := explain.ErrBroken
	switch {
	case err == nil:
		word = "" // closed in peace
	case errors.Is(err, stream.ErrNotSpoken):
		word = explain.ErrNotSpoken
	case errors.Is(err, stream.ErrSilent):
		word = explain.ErrSilent
	}
	p.noteWay(t, t.now, explain.Step{Code: explain.SessionDown, Error: word})
}

// undoSteps takes back the steps of a moment that could not be journalled.
func (t *turn) undoSteps(e *entry) {
	e.trail.Undo()
	t.note(e, explain.Step{Code: explain.JournalFailed})
	e.trail.Keep()
}
