package protocol_test

import (
	"errors"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

// FuzzDecodeFrame: no body panics; a rejected one gives a FrameError that names
// a field; an accepted one means the same after a round trip.
func FuzzDecodeFrame(f *testing.F) {
	for _, kind := range []string{"accept", "reject"} {
		for _, v := range loadVectors(f, kind) {
			f.Add(v.body)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		frame, err := protocol.DecodeFrame(body)
		if err != nil {
			var bad *protocol.FrameError
			if !errors.As(err, &bad) || bad.Field == "" || bad.Problem == "" {
				t.Fatalf("%T is no FrameError that says what is wrong: %v", err, err)
			}
			return
		}
		reencode(t, frame, body)
	})
}

// parts are the fields of all messages side by side, which is what the fuzzer
// can vary.
type parts struct {
	kind            byte
	id, other       []byte
	number          uint64
	text, word, end string
	reach, ring     int64
	choice          int32
	known           bool
}

func (p parts) frame() protocol.Frame {
	var id, other protocol.ID
	copy(id[:], p.id)
	copy(other[:], p.other)
	switch p.kind % 12 {
	case 0:
		return protocol.Beat{Number: p.number}
	case 1:
		return protocol.BeatAnswer{Number: p.number}
	case 2:
		return protocol.Invite{
			ID: id, App: p.word, ChannelID: p.end, Content: p.text, Known: p.known,
			ReachLeft: time.Duration(p.reach), Ring: time.Duration(p.ring), Glare: protocol.Glare(p.choice),
		}
	case 3:
		return protocol.Delivered{ID: id}
	case 4:
		return protocol.Received{ID: id, RingLeft: time.Duration(p.ring)}
	case 5:
		return protocol.Accept{ID: id, Response: p.text, Supersedes: other}
	case 6:
		return protocol.Confirm{ID: id}
	case 7:
		return protocol.Refuse{ID: id, Reason: protocol.Reason(p.word), Response: p.text}
	case 8:
		return protocol.Cancel{ID: id, Reason: protocol.Reason(p.word)}
	case 9:
		return p.missed(id)
	case 10:
		return protocol.MissedTaken{ID: id}
	default:
		return protocol.Done{
			ID: id, Outcome: protocol.Outcome(p.choice), Reason: protocol.Reason(p.word),
			Response: p.text, Failure: protocol.Failure(p.end),
		}
	}
}

// missed takes the ids of earlier ones from other, one behind another.
func (p parts) missed(id protocol.ID) protocol.Missed {
	m := protocol.Missed{
		ID: id, App: p.word, ChannelID: p.text, Why: protocol.Why(p.end), Count: int(p.number % (2 * protocol.MaxMissedCount)),
		LastAgo: time.Duration(p.reach), FirstAgo: time.Duration(p.ring),
	}
	for i, rest := 0, p.other; i < len(m.Earlier) && len(rest) > 0; i++ {
		rest = rest[copy(m.Earlier[i][:], rest):]
	}
	return m
}

func partsOf(f protocol.Frame) (p parts, ok bool) {
	if m, isMessage := f.(protocol.Message); isMessage {
		id := m.Invitation()
		p.id = id[:]
	}
	switch f := f.(type) {
	case protocol.Beat:
		p.kind, p.number = 0, f.Number
	case protocol.BeatAnswer:
		p.kind, p.number = 1, f.Number
	case protocol.Invite:
		p.kind, p.word, p.end, p.text, p.known = 2, f.App, f.ChannelID, f.Content, f.Known
		p.reach, p.ring, p.choice = int64(f.ReachLeft), int64(f.Ring), int32(f.Glare)
	case protocol.Delivered:
		p.kind = 3
	case protocol.Received:
		p.kind, p.ring = 4, int64(f.RingLeft)
	case protocol.Accept:
		p.kind, p.text, p.other = 5, f.Response, f.Supersedes[:]
	case protocol.Confirm:
		p.kind = 6
	case protocol.Refuse:
		p.kind, p.word, p.text = 7, string(f.Reason), f.Response
	case protocol.Cancel:
		p.kind, p.word = 8, string(f.Reason)
	case protocol.Done:
		p.kind, p.choice, p.word, p.text, p.end = 11, int32(f.Outcome), string(f.Reason), f.Response, string(f.Failure)
	case protocol.Missed:
		p.kind, p.word, p.text, p.end, p.number = 9, f.App, f.ChannelID, string(f.Why), uint64(f.Count)
		p.reach, p.ring = int64(f.LastAgo), int64(f.FirstAgo)
		for _, id := range f.IDs()[1:] {
			p.other = append(p.other, id[:]...)
		}
	case protocol.MissedTaken:
		p.kind = 10
	default:
		return p, false
	}
	return p, true
}

// FuzzFrameRoundTrip: what AppendFrame takes, DecodeFrame gives back, to the
// millisecond; what it does not take it names.
func FuzzFrameRoundTrip(f *testing.F) {
	for _, v := range loadVectors(f, "accept") {
		frame, err := protocol.DecodeFrame(v.body)
		if err != nil {
			f.Fatal(err)
		}
		if p, ok := partsOf(frame); ok {
			if p.frame() != frame {
				f.Fatalf("%s: %#v taken apart and put together is %#v", v.path, frame, p.frame())
			}
			f.Add(p.kind, p.id, p.other, p.number, p.text, p.word, p.end, p.reach, p.ring, p.choice, p.known)
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, id, other []byte, number uint64, text, word, end string, reach, ring int64, choice int32, known bool) {
		p := parts{kind, id, other, number, text, word, end, reach, ring, choice, known}
		if _, err := protocol.AppendFrame(nil, p.frame()); err != nil {
			var bad *protocol.FrameError
			if !errors.As(err, &bad) || bad.Field == "" || bad.Problem == "" {
				t.Fatalf("%T is no FrameError that says what is wrong: %v", err, err)
			}
			return
		}
		got, err := protocol.DecodeFrame(encodeBody(t, p.frame()))
		p.reach -= p.reach % int64(time.Millisecond)
		p.ring -= p.ring % int64(time.Millisecond)
		if want := p.frame(); err != nil || got != want {
			t.Fatalf("got %#v, %v; want %#v", got, err, want)
		}
	})
}
