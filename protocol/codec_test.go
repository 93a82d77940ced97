package protocol_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

var (
	testID  = protocol.ID{0x01, 0x89, 0x0a, 0x5d, 15: 0x57}
	otherID = protocol.ID{0x01, 0x89, 0x0a, 0x5e, 15: 0x58}
)

func testInvite(content string) protocol.Invite {
	return protocol.Invite{
		ID: testID, App: "call", ChannelID: "room 7", Content: content,
		ReachLeft: protocol.DefaultReach, Ring: protocol.DefaultRing, Glare: protocol.GlareMerge,
	}
}

// Frames stand one behind another on a stream, each behind its length.
func TestFramesInARow(t *testing.T) {
	frames := []protocol.Frame{
		testInvite(strings.Repeat("x", 200)),
		protocol.Beat{},
		protocol.Accept{ID: testID, Response: "yes", Supersedes: otherID},
		protocol.Done{ID: testID, Outcome: protocol.OutcomeRefused, Reason: protocol.ReasonBusy, Response: "no"},
	}
	stream := []byte("before")
	for _, f := range frames {
		var err error
		if stream, err = protocol.AppendFrame(stream, f); err != nil {
			t.Fatal(err)
		}
	}
	rest, ok := bytes.CutPrefix(stream, []byte("before"))
	if !ok {
		t.Fatalf("what was there before is gone: %q", stream)
	}
	var got []protocol.Frame
	for len(rest) > 0 {
		size, n := binary.Uvarint(rest)
		f, err := protocol.DecodeFrame(rest[n : n+int(size)])
		if err != nil {
			t.Fatal(err)
		}
		got, rest = append(got, f), rest[n+int(size):]
	}
	if !slices.Equal(got, frames) {
		t.Errorf("got %#v\nwant %#v", got, frames)
	}
}

// A reader may use its buffer again for the next frame.
func TestDecodedFrameKeepsNothingOfTheBody(t *testing.T) {
	want := testInvite("offer")
	body := encodeBody(t, want)
	got, err := protocol.DecodeFrame(body)
	if err != nil {
		t.Fatal(err)
	}
	for i := range body {
		body[i] = 0xff
	}
	if got != want {
		t.Errorf("got %#v, want %#v", got, want)
	}
}

func TestDurationsAreCutToMilliseconds(t *testing.T) {
	f := protocol.Received{ID: testID, RingLeft: 1999*time.Microsecond + 999}
	got, err := protocol.DecodeFrame(encodeBody(t, f))
	if want := (protocol.Received{ID: testID, RingLeft: time.Millisecond}); err != nil || got != want {
		t.Errorf("got %#v, %v; want %#v", got, err, want)
	}
}

// What a peer would reject never leaves: the same rules hold on both sides.
func TestAppendFrameRejects(t *testing.T) {
	invite := func(change func(*protocol.Invite)) protocol.Invite {
		f := testInvite("")
		change(&f)
		return f
	}
	long := strings.Repeat("x", protocol.MaxContent+1)
	for _, tt := range []struct {
		field string
		frame protocol.Frame
	}{
		{"frame", nil},
		{"frame", protocol.Unknown{}},
		{"invite.id", invite(func(f *protocol.Invite) { f.ID = protocol.ID{} })},
		{"invite.app", invite(func(f *protocol.Invite) { f.App = "" })},
		{"invite.channel_id", invite(func(f *protocol.Invite) { f.ChannelID = strings.Repeat("é", 33) })},
		{"invite.content", invite(func(f *protocol.Invite) { f.Content = long })},
		{"invite.content", invite(func(f *protocol.Invite) { f.Content = "a\xff" })},
		{"invite.content", invite(func(f *protocol.Invite) { f.Content, f.Known = "x", true })},
		{"invite.reach_left_ms", invite(func(f *protocol.Invite) { f.ReachLeft = -time.Second })},
		{"invite.reach_left_ms", invite(func(f *protocol.Invite) { f.ReachLeft = 1 << 62 })},
		{"invite.ring_ms", invite(func(f *protocol.Invite) { f.Ring = protocol.MinTime - 1 })},
		{"invite.ring_ms", invite(func(f *protocol.Invite) { f.Ring = protocol.MaxTime + 1 })},
		{"delivered.id", protocol.Delivered{}},
		{"received.ring_left_ms", protocol.Received{ID: testID, RingLeft: -1}},
		{"accept.response", protocol.Accept{ID: testID, Response: long}},
		{"confirm.id", protocol.Confirm{}},
		{"refuse.reason", protocol.Refuse{ID: testID}},
		{"cancel.reason", protocol.Cancel{ID: testID, Reason: "Not now"}},
		{"missed.count", protocol.Missed{ID: testID, App: "call", Why: protocol.WhyCanceled, Earlier: [protocol.MaxEarlier]protocol.ID{otherID}, Count: 1}},
		{"missed.first_ago_ms", protocol.Missed{ID: testID, App: "call", Why: protocol.WhyCanceled, Count: 1, LastAgo: time.Second}},
		{"missed.earlier", protocol.Missed{ID: testID, App: "call", Why: protocol.WhyCanceled, Count: 3, Earlier: [protocol.MaxEarlier]protocol.ID{1: otherID}}},
		{"missed_taken.id", protocol.MissedTaken{}},
		{"done.outcome", protocol.Done{ID: testID}},
		{"done.reason", protocol.Done{ID: testID, Outcome: protocol.OutcomeCanceled}},
		{"done.failure", protocol.Done{ID: testID, Outcome: protocol.OutcomeFailure}},
		{"done.response", protocol.Done{ID: testID, Outcome: protocol.OutcomeUnknown, Response: "x"}},
	} {
		got, err := protocol.AppendFrame([]byte("before"), tt.frame)
		var bad *protocol.FrameError
		if !errors.As(err, &bad) || bad.Field != tt.field || bad.Problem == "" {
			t.Errorf("%#.80v: error %v, want a FrameError about %s", tt.frame, err, tt.field)
		}
		if string(got) != "before" {
			t.Errorf("%s: dst became %q", tt.field, got)
		}
	}
}

// The text of a peer goes into no error, since errors go into logs.
func TestFrameErrorKeepsSecrets(t *testing.T) {
	bodies := [][]byte{
		append([]byte{0x42, 0x1c, 0x0a, 0x10}, append(testID[:], "\x12\x08Secret 1"...)...), // refuse.reason
		[]byte("\x1a\x08\x12\x06Secret"), // invite without an id
	}
	for _, body := range bodies {
		_, err := protocol.DecodeFrame(body)
		if err == nil {
			t.Fatalf("%q was accepted", body)
		}
		if strings.Contains(err.Error(), "Secret") {
			t.Errorf("the error repeats the peer's text: %v", err)
		}
	}
}

func BenchmarkInvite1KiB(b *testing.B) {
	f := testInvite(strings.Repeat("x", 1<<10))
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = protocol.AppendFrame(buf[:0], f); err != nil {
			b.Fatal(err)
		}
		_, n := binary.Uvarint(buf)
		if _, err := protocol.DecodeFrame(buf[n:]); err != nil {
			b.Fatal(err)
		}
	}
}
