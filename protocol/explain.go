package protocol

import (
	"encoding/binary"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/beckon-p2p/beckon/protocol/wirepb"
)

// ExplainID is the libp2p protocol ID by which one party of an invitation asks
// the other for its steps.
const ExplainID = "/beckon/explain/1.0.0"

// ExplainStatus says whether an answer has steps.
type ExplainStatus int32

// The statuses, by their numbers on the wire.
const (
	ExplainTimeline ExplainStatus = 1
	ExplainOff      ExplainStatus = 2 // the device does not share its steps
	ExplainUnknown  ExplainStatus = 3 // no such invitation with the asker
	ExplainBusy     ExplainStatus = 4 // asked too often
)

// ExplainStep is a step as it leaves a device: its word and its times.
type ExplainStep struct {
	Code        string        // 1 to MaxWord bytes of a-z 0-9 _
	Since, Last time.Duration // since the first step there, to the microsecond; Last 0: once
	Count       uint32
}

// ExplainAnswer is the answer to a request for steps.
type ExplainAnswer struct {
	Status ExplainStatus
	Steps  []ExplainStep // at most MaxExplainSteps
}

// AppendExplainRequest appends a request for the steps of an invitation, behind
// its length.
func AppendExplainRequest(dst []byte, id ID) []byte {
	return appendSized(dst, &wirepb.ExplainRequest{Id: id[:]})
}

// AppendExplainAnswer appends an answer, behind its length.
func AppendExplainAnswer(dst []byte, a ExplainAnswer) []byte {
	w := &wirepb.ExplainAnswer{Status: wirepb.ExplainStatus(a.Status)}
	for _, s := range a.Steps[:min(len(a.Steps), MaxExplainSteps)] {
		w.Steps = append(w.Steps, &wirepb.ExplainStep{
			Code: s.Code, SinceUs: uint64(s.Since.Microseconds()), Count: s.Count, LastUs: uint64(s.Last.Microseconds()),
		})
	}
	return appendSized(dst, w)
}

func appendSized(dst []byte, m proto.Message) []byte {
	out, err := proto.MarshalOptions{}.MarshalAppend(binary.AppendUvarint(dst, uint64(proto.Size(m))), m)
	if err != nil {
		return dst // only text that is not UTF-8, which codes never are
	}
	return out
}

var (
	requestFields = (*wirepb.ExplainRequest)(nil).ProtoReflect().Descriptor().Fields()
	answerFields  = (*wirepb.ExplainAnswer)(nil).ProtoReflect().Descriptor().Fields()
)

// DecodeExplainRequest reads a request without its length. An error is a
// *FrameError.
func DecodeExplainRequest(body []byte) (ID, error) {
	var w wirepb.ExplainRequest
	if err := decodeExplain(requestFields, body, &w); err != nil {
		return ID{}, err
	}
	var r idReader
	id := r.read("id", w.Id)
	if r.err != nil {
		return ID{}, r.err
	}
	return id, nil
}

// DecodeExplainAnswer reads an answer without its length, and holds it to the
// limits. An error is a *FrameError.
func DecodeExplainAnswer(body []byte) (a ExplainAnswer, err error) {
	var w wirepb.ExplainAnswer
	if err := decodeExplain(answerFields, body, &w); err != nil {
		return a, err
	}
	a.Status = ExplainStatus(w.Status)
	switch {
	case a.Status < ExplainTimeline || a.Status > ExplainBusy:
		return a, &FrameError{"status", "is none that is known"}
	case len(w.Steps) > MaxExplainSteps:
		return a, &FrameError{"steps", fmt.Sprintf("are %d; at most %d are allowed", len(w.Steps), MaxExplainSteps)}
	case len(w.Steps) > 0 && a.Status != ExplainTimeline:
		return a, &FrameError{"steps", "are there without a timeline"}
	}
	const most = uint64(MaxExplainSince / time.Microsecond)
	for _, s := range w.Steps {
		if problem := wordProblem(s.Code); problem != "" {
			return a, &FrameError{"steps.code", problem}
		}
		if s.SinceUs > most || s.LastUs > most {
			return a, &FrameError{"steps.since_us", "is out of its range"}
		}
		a.Steps = append(a.Steps, ExplainStep{
			Code: s.Code, Count: s.Count, Since: time.Duration(s.SinceUs) * time.Microsecond, Last: time.Duration(s.LastUs) * time.Microsecond,
		})
	}
	return a, nil
}

// decodeExplain reads a body that has one meaning only, as frames do.
func decodeExplain(fields protoreflect.FieldDescriptors, body []byte, into proto.Message) error {
	if len(body) > MaxExplain {
		return &FrameError{"frame", fmt.Sprintf("is %d bytes long; at most %d are allowed", len(body), MaxExplain)}
	}
	seen := map[protoreflect.FieldNumber]bool{}
	for rest := body; len(rest) > 0; {
		field, payload, next, err := nextField(fields, rest)
		if err != nil {
			return err.in("frame")
		}
		rest = next
		switch {
		case field == nil:
		case field.IsList():
			if err := checkMessage(field.Message().Fields(), payload); err != nil {
				return err.in(string(field.Name()))
			}
		case seen[field.Number()]:
			return &FrameError{string(field.Name()), "is there more than once"}
		default:
			seen[field.Number()] = true
		}
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, into); err != nil {
		return &FrameError{"frame", "is not protobuf"}
	}
	return nil
}
