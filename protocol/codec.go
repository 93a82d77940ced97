package protocol

import (
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/beckon-p2p/beckon/protocol/wirepb"
)

// FrameError says what makes a frame malformed. Field is the path of the field
// at fault, like invite.content, or "frame" for the frame as a whole; Problem
// is the rest of a sentence about it, which never repeats text of the frame.
type FrameError struct{ Field, Problem string }

func (e *FrameError) Error() string {
	return "malformed frame: " + e.Field + " " + e.Problem
}

// AppendFrame appends f to dst as it stands on a stream: its length as an
// unsigned varint, then its body of at most MaxFrame bytes. Durations are cut
// to whole milliseconds. A frame that a peer would reject gives a *FrameError,
// and dst unchanged; that is a mistake of this daemon. An Unknown cannot be sent.
func AppendFrame(dst []byte, f Frame) ([]byte, error) {
	w, err := toWire(f)
	if err != nil {
		return dst, err
	}
	if err := checkFrame(f); err != nil {
		return dst, err
	}
	out := binary.AppendUvarint(dst, uint64(proto.Size(w)))
	out, merr := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(out, w)
	if merr != nil {
		return dst, fmt.Errorf("marshal a frame: %w", merr)
	}
	return out, nil
}

// DecodeFrame reads the body of one frame, without its length. A body of a kind
// that is not known is Unknown, and unknown fields of a known one are skipped;
// everything else that breaks a rule gives a *FrameError. The frame keeps no
// reference to body.
func DecodeFrame(body []byte) (Frame, error) {
	if len(body) > MaxFrame {
		return nil, &FrameError{"frame", fmt.Sprintf("is %d bytes long; at most %d are allowed", len(body), MaxFrame)}
	}
	if len(body) == 0 {
		return nil, &FrameError{"frame", "is empty"}
	}
	if err := checkWire(body); err != nil {
		return nil, err
	}
	var w wirepb.Frame
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &w); err != nil {
		return nil, &FrameError{"frame", "is not protobuf"}
	}
	f, ferr := fromWire(&w)
	if ferr != nil {
		return nil, ferr
	}
	if err := checkFrame(f); err != nil {
		return nil, err
	}
	return f, nil
}

func toWire(f Frame) (*wirepb.Frame, error) {
	switch f := f.(type) {
	case Beat:
		return &wirepb.Frame{Body: &wirepb.Frame_Beat{Beat: &wirepb.Beat{Number: f.Number}}}, nil
	case BeatAnswer:
		return &wirepb.Frame{Body: &wirepb.Frame_BeatAnswer{BeatAnswer: &wirepb.BeatAnswer{Number: f.Number}}}, nil
	case Invite:
		return &wirepb.Frame{Body: &wirepb.Frame_Invite{Invite: &wirepb.Invite{
			Id: f.ID[:], App: f.App, ChannelId: f.ChannelID, Content: f.Content, Known: f.Known,
			ReachLeftMs: toMillis(f.ReachLeft), RingMs: toMillis(f.Ring), Glare: wirepb.Glare(f.Glare),
		}}}, nil
	case Delivered:
		return &wirepb.Frame{Body: &wirepb.Frame_Delivered{Delivered: &wirepb.Delivered{Id: f.ID[:]}}}, nil
	case Received:
		return &wirepb.Frame{Body: &wirepb.Frame_Received{Received: &wirepb.Received{
			Id: f.ID[:], RingLeftMs: toMillis(f.RingLeft),
		}}}, nil
	case Accept:
		w := &wirepb.Accept{Id: f.ID[:], Response: f.Response}
		if !f.Supersedes.IsZero() {
			w.Supersedes = f.Supersedes[:]
		}
		return &wirepb.Frame{Body: &wirepb.Frame_Accept{Accept: w}}, nil
	case Confirm:
		return &wirepb.Frame{Body: &wirepb.Frame_Confirm{Confirm: &wirepb.Confirm{Id: f.ID[:]}}}, nil
	case Refuse:
		return &wirepb.Frame{Body: &wirepb.Frame_Refuse{Refuse: &wirepb.Refuse{
			Id: f.ID[:], Reason: string(f.Reason), Response: f.Response,
		}}}, nil
	case Cancel:
		return &wirepb.Frame{Body: &wirepb.Frame_Cancel{Cancel: &wirepb.Cancel{Id: f.ID[:], Reason: string(f.Reason)}}}, nil
	case Done:
		return &wirepb.Frame{Body: &wirepb.Frame_Done{Done: &wirepb.Done{
			Id: f.ID[:], Outcome: wirepb.Outcome(f.Outcome), Reason: string(f.Reason),
			Response: f.Response, Failure: string(f.Failure),
		}}}, nil
	case Missed:
		return f.toWire(), nil
	case MissedTaken:
		return &wirepb.Frame{Body: &wirepb.Frame_MissedTaken{MissedTaken: &wirepb.MissedTaken{Id: f.ID[:]}}}, nil
	}
	return nil, &FrameError{"frame", fmt.Sprintf("of type %T cannot be sent", f)}
}

func fromWire(w *wirepb.Frame) (Frame, *FrameError) {
	var r idReader
	var f Frame
	switch b := w.Body.(type) {
	case *wirepb.Frame_Beat:
		f = Beat{b.Beat.Number}
	case *wirepb.Frame_BeatAnswer:
		f = BeatAnswer{b.BeatAnswer.Number}
	case *wirepb.Frame_Invite:
		v := b.Invite
		f = Invite{
			ID: r.read("invite.id", v.Id), App: v.App, ChannelID: v.ChannelId, Content: v.Content, Known: v.Known,
			ReachLeft: fromMillis(v.ReachLeftMs), Ring: fromMillis(v.RingMs), Glare: Glare(v.Glare),
		}
	case *wirepb.Frame_Delivered:
		f = Delivered{r.read("delivered.id", b.Delivered.Id)}
	case *wirepb.Frame_Received:
		f = Received{r.read("received.id", b.Received.Id), fromMillis(b.Received.RingLeftMs)}
	case *wirepb.Frame_Accept:
		v := Accept{ID: r.read("accept.id", b.Accept.Id), Response: b.Accept.Response}
		if len(b.Accept.Supersedes) > 0 {
			v.Supersedes = r.read("accept.supersedes", b.Accept.Supersedes)
		}
		f = v
	case *wirepb.Frame_Confirm:
		f = Confirm{r.read("confirm.id", b.Confirm.Id)}
	case *wirepb.Frame_Refuse:
		f = Refuse{r.read("refuse.id", b.Refuse.Id), Reason(b.Refuse.Reason), b.Refuse.Response}
	case *wirepb.Frame_Cancel:
		f = Cancel{r.read("cancel.id", b.Cancel.Id), Reason(b.Cancel.Reason)}
	case *wirepb.Frame_Done:
		v := b.Done
		f = Done{r.read("done.id", v.Id), Outcome(v.Outcome), Reason(v.Reason), v.Response, Failure(v.Failure)}
	case *wirepb.Frame_Missed:
		f = r.missed(b.Missed)
	case *wirepb.Frame_MissedTaken:
		f = MissedTaken{r.read("missed_taken.id", b.MissedTaken.Id)}
	default:
		f = Unknown{} // not empty, so what it has are fields of a newer peer
	}
	return f, r.err
}

// idReader reads ids and keeps the first error. On the wire an id is present
// and not zero; in a Frame the zero ID stands for an absent one.
type idReader struct{ err *FrameError }

func (r *idReader) read(field string, b []byte) ID {
	var id ID
	problem := ""
	if copy(id[:], b); len(b) != len(id) {
		problem = fmt.Sprintf("has the length %d; an id has %d bytes", len(b), len(id))
	} else if id.IsZero() {
		problem = "is all zero"
	}
	if problem != "" && r.err == nil {
		r.err = &FrameError{field, problem}
	}
	return id
}

// toMillis may wrap around for what checkFrame rejects.
func toMillis(d time.Duration) uint32    { return uint32(d.Milliseconds()) }
func fromMillis(ms uint32) time.Duration { return time.Duration(ms) * time.Millisecond }
