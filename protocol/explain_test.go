package protocol

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// unsized takes the length off.
func unsized(t testing.TB, b []byte) []byte {
	t.Helper()
	n, used := binary.Uvarint(b)
	if used <= 0 || int(n) != len(b)-used {
		t.Fatalf("the length %d of %d bytes", n, len(b)-used)
	}
	return b[used:]
}

func TestExplainThereAndBack(t *testing.T) {
	id := NewID()
	got, err := DecodeExplainRequest(unsized(t, AppendExplainRequest(nil, id)))
	if err != nil || got != id {
		t.Errorf("%v, %v", got, err)
	}
	want := ExplainAnswer{Status: ExplainTimeline, Steps: []ExplainStep{
		{Code: "sent"}, {Code: "dial_failed", Since: 1234567 * time.Microsecond, Last: time.Hour, Count: 14},
	}}
	a, err := DecodeExplainAnswer(unsized(t, AppendExplainAnswer(nil, want)))
	if err != nil || !reflect.DeepEqual(a, want) {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestLargestExplainFits: the most steps with the longest words and times.
func TestLargestExplainFits(t *testing.T) {
	s := ExplainStep{Code: strings.Repeat("x", MaxWord), Since: MaxExplainSince, Last: MaxExplainSince, Count: 1<<32 - 1}
	b := unsized(t, AppendExplainAnswer(nil, ExplainAnswer{Status: ExplainTimeline, Steps: slices.Repeat([]ExplainStep{s}, MaxExplainSteps+50)}))
	a, err := DecodeExplainAnswer(b)
	if len(b) > MaxExplain || err != nil || len(a.Steps) != MaxExplainSteps {
		t.Errorf("%d bytes, %d steps, %v", len(b), len(a.Steps), err)
	}
}

func TestMalformedExplain(t *testing.T) {
	id := NewID()
	field := func(n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, n, protowire.BytesType), b)
	}
	number := func(n protowire.Number, v uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, n, protowire.VarintType), v)
	}
	for name, body := range map[string][]byte{
		"empty": nil, "no protobuf": {0xff}, "id too short": field(1, id[:15]), "zero id": field(1, make([]byte, 16)),
		"id twice": append(field(1, id[:]), field(1, id[:])...), "wrong type": number(1, 5), "cut": field(1, id[:])[:9],
		"too long": field(9, make([]byte, MaxExplain)),
	} {
		if got, err := DecodeExplainRequest(body); err == nil {
			t.Errorf("request, %s: taken as %v", name, got)
		}
	}
	if _, err := DecodeExplainRequest(append(field(1, id[:]), field(9, []byte("newer"))...)); err != nil {
		t.Errorf("a field of a newer peer: %v", err)
	}
	status := number(1, 1)
	step := func(parts ...[]byte) []byte {
		return append(slices.Clone(status), field(2, slices.Concat(parts...))...)
	}
	code := field(1, []byte("sent"))
	if _, err := DecodeExplainAnswer(step(code)); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"no status": field(2, code), "unknown status": number(1, 99), "status twice": append(number(1, 1), number(1, 1)...),
		"steps without timeline": append(number(1, 2), field(2, code)...),
		"no code":                step(), "code with a capital": step(field(1, []byte("Sent"))), "code with escape": step(field(1, []byte("\x1b[31m"))),
		"long code": step(field(1, []byte(strings.Repeat("x", MaxWord+1)))), "code twice": step(code, code),
		"no UTF-8": step(field(1, []byte{0xff})), "too late": step(code, number(2, 1<<51)), "last too late": step(code, number(4, 1<<63)),
		"count too large": step(code, number(3, 1<<33)),
		"too many steps":  append(slices.Clone(status), slices.Repeat(field(2, code), MaxExplainSteps+1)...),
		"step no message": append(slices.Clone(status), number(2, 1)...),
	} {
		if got, err := DecodeExplainAnswer(body); err == nil {
			t.Errorf("answer, %s: taken as %+v", name, got)
		}
	}
}

func FuzzExplainAnswer(f *testing.F) {
	f.Add(AppendExplainAnswer(nil, ExplainAnswer{Status: ExplainTimeline, Steps: []ExplainStep{{Code: "sent", Since: time.Second, Count: 2, Last: time.Minute}}})[1:])
	f.Add([]byte{0x08, 0x02})
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = DecodeExplainRequest(body)
		a, err := DecodeExplainAnswer(body)
		if err != nil {
			return
		}
		again, err := DecodeExplainAnswer(unsized(t, AppendExplainAnswer(nil, a)))
		if err != nil || !reflect.DeepEqual(a, again) {
			t.Errorf("%+v became %+v, %v", a, again, err)
		}
	})
}
