package protocol

import (
	"errors"
	"io"
	"math"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/beckon-p2p/beckon/protocol/wirepb"
)

var frameFields = (*wirepb.Frame)(nil).ProtoReflect().Descriptor().Fields()

// checkWire holds a body to one meaning. Protobuf itself is lenient where two
// readers could then disagree: it takes the last of two bodies or fields, skips
// a known field of the wrong type, and cuts numbers that are too large.
func checkWire(body []byte) error {
	bodies := 0
	for len(body) > 0 {
		field, payload, rest, err := nextField(frameFields, body)
		if err != nil {
			return err.in("frame")
		}
		body = rest
		if field == nil {
			continue
		}
		if bodies++; bodies > 1 {
			return &FrameError{"frame", "has more than one body"}
		}
		if err := checkMessage(field.Message().Fields(), payload); err != nil {
			return err.in(string(field.Name()))
		}
	}
	return nil
}

func checkMessage(fields protoreflect.FieldDescriptors, b []byte) *FrameError {
	var seen uint64 // a bit for each field number; ours are small
	for len(b) > 0 {
		field, _, rest, err := nextField(fields, b)
		if err != nil {
			return err
		}
		b = rest
		if field == nil || field.IsList() {
			continue
		}
		bit := uint64(1) << field.Number()
		if seen&bit != 0 {
			return &FrameError{string(field.Name()), "is there more than once"}
		}
		seen |= bit
	}
	return nil
}

// nextField takes one field off b and checks its value as far as its type
// says. payload is the content of a message, string or bytes field. For a field
// that is not among fields, field is nil.
func nextField(fields protoreflect.FieldDescriptors, b []byte) (field protoreflect.FieldDescriptor, payload, rest []byte, err *FrameError) {
	number, wireType, n := protowire.ConsumeTag(b)
	if n < 0 {
		return nil, nil, nil, &FrameError{"", wireProblem(n)}
	}
	b = b[n:]
	name := ""
	if field = fields.ByNumber(number); field != nil {
		name = string(field.Name())
	}
	n = protowire.ConsumeFieldValue(number, wireType, b)
	if n < 0 {
		return nil, nil, nil, &FrameError{name, wireProblem(n)}
	}
	value, rest := b[:n], b[n:]
	if field == nil {
		return nil, nil, rest, nil
	}
	if wireType != wireTypeOf(field.Kind()) {
		return nil, nil, nil, &FrameError{name, "has the wrong wire type"}
	}
	problem := ""
	if wireType == protowire.BytesType {
		payload, _ = protowire.ConsumeBytes(value)
		if field.Kind() == protoreflect.StringKind && !utf8.Valid(payload) {
			problem = notUTF8
		}
	} else if v, _ := protowire.ConsumeVarint(value); !fits(field.Kind(), v) {
		problem = "is out of the range of its type"
	}
	if problem != "" {
		return nil, nil, nil, &FrameError{name, problem}
	}
	return field, payload, rest, nil
}

// wireTypeOf covers the kinds that wire.proto uses.
func wireTypeOf(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.MessageKind, protoreflect.StringKind, protoreflect.BytesKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

func fits(k protoreflect.Kind, v uint64) bool {
	switch k {
	case protoreflect.BoolKind:
		return v <= 1
	case protoreflect.Uint32Kind:
		return v <= math.MaxUint32
	case protoreflect.EnumKind:
		return int64(v) >= math.MinInt32 && int64(v) <= math.MaxInt32
	}
	return true
}

func wireProblem(n int) string {
	if errors.Is(protowire.ParseError(n), io.ErrUnexpectedEOF) {
		return "ends too early"
	}
	return "is not protobuf"
}

// in returns the error of a field inside of the one named outer.
func (e *FrameError) in(outer string) *FrameError {
	switch {
	case e.Field == "":
		e.Field = outer
	case outer != "frame":
		e.Field = outer + "." + e.Field
	}
	return e
}
