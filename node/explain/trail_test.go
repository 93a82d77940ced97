package explain

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol/invitation"
)

// TestTrailIsBounded: whatever is added, however often it is journalled: no more
// than the bounds, and there is room for how it ended.
func TestTrailIsBounded(t *testing.T) {
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		var tr Trail
		var pieces []string
		write := func() {
			if p := tr.Encode(); p != "" {
				pieces = append(pieces, p)
				tr.Written()
			}
		}
		for i := range 1500 {
			s := Step{Code: []Code{DialFailed, Answered, RepeatRead, SessionDown}[r.IntN(4)], At: int64(i) * 1e12, Since: int64(i) * 1e9,
				Address: strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(300)), Error: fmt.Sprint(r.IntN(9)), Source: "\"\x00<é" + fmt.Sprint(i)}
			tr.Add(s)
			if r.IntN(1+int(seed)*20) == 0 {
				write()
			}
		}
		tr.Add(Step{Code: ReachOver, Since: 4e12})
		write()
		if n := len(strings.Join(pieces, "")); n > MaxBytes {
			t.Fatalf("seed %d: %d bytes are kept", seed, n)
		}
		steps, err := Decode(pieces)
		if err != nil || len(steps) > MaxSteps {
			t.Fatalf("seed %d: %d steps, %v", seed, len(steps), err)
		}
		all := Collect(steps)
		if first(all, ReachOver) == nil || first(all, LeftOut) == nil {
			t.Errorf("seed %d: the end or what was left out is not told", seed)
		}
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	var tr Trail
	for i := range int64(14) {
		tr.Add(Step{Code: DialFailed, Address: "/ip4/192.0.2.1/tcp/1", Error: ErrRefused, Since: i * 2e6})
	}
	tr.Add(Step{Code: DialFailed, Address: "/ip4/192.0.2.1/tcp/1", Error: ErrTimeout, Since: 30e6})
	first := tr.Encode()
	tr.Written()
	tr.Add(Step{Code: DialFailed, Address: "/ip4/192.0.2.1/tcp/1", Error: ErrRefused, Since: 40e6})
	steps, err := Decode([]string{first, tr.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	all := Collect(steps)
	if len(all) != 2 || all[0].Count != 15 || all[0].Last != 40e6 {
		t.Errorf("got %+v", all)
	}
	if want := "/ip4/192.0.2.1/tcp/1: refused, nothing listens there, 15 times, the last at 40.0 s."; all[0].Text() != want {
		t.Errorf("got %q", all[0].Text())
	}
}

func TestUndo(t *testing.T) {
	var tr Trail
	tr.Add(Step{Code: Created})
	tr.Keep()
	tr.Add(Step{Code: Sent})
	tr.Undo()
	tr.Add(Step{Code: JournalFailed})
	if got := tr.Pending(); len(got) != 2 || got[1].Code != JournalFailed {
		t.Errorf("got %+v", got)
	}
}

// TestEveryCodeHasWords: and they are sentences, with all facts and with none.
func TestEveryCodeHasWords(t *testing.T) {
	full := Step{Source: "cache", Addresses: 2, Address: "/x", Transport: "quic,tcp", Path: "lan", Error: ErrRefused, Reason: "busy", Message: "Invite", Count: 2, Last: 5}
	for code := range words {
		for _, s := range []Step{{Code: code}, full} {
			s.Code = code
			if text := s.Text(); !strings.HasSuffix(text, ".") || strings.Contains(text, "  ") || strings.Contains(text, "..") || text[0] == ' ' {
				t.Errorf("%s: %q", code, text)
			}
		}
	}
	if text := (Step{Code: "from_the_future"}).Text(); !strings.Contains(text, "from_the_future") {
		t.Errorf("an unknown code: %q", text)
	}
	for code := range repeats {
		if words[code] == nil {
			t.Errorf("%s has no words", code)
		}
	}
}

// TestMergeAligns: the other's clock began at another time and runs beside ours;
// the true order comes out whatever the distance of the two clocks.
func TestMergeAligns(t *testing.T) {
	for _, offset := range []int64{-3e6, 0, 777, 9e9} {
		here := []Step{at(0, Sent), at(0.010, InviteWritten), at(0.050, ReceivedRead), at(1.020, AcceptRead), at(1.021, ConfirmWritten)}
		there := []Step{at(0.020, InviteRead), at(0.030, HandedOver), at(0.040, ReceivedWritten), at(1.010, AcceptWritten), at(1.031, ConfirmRead)}
		for i := range there {
			there[i].Since += offset
		}
		all, a := Merge(invitation.KindLocal, here, there)
		var order []Code
		for _, s := range all {
			order = append(order, s.Code)
		}
		want := []Code{Sent, InviteWritten, InviteRead, HandedOver, ReceivedWritten, ReceivedRead, AcceptWritten, AcceptRead, ConfirmWritten, ConfirmRead}
		if !slices.Equal(order, want) {
			t.Errorf("offset %d: %v", offset, order)
		}
		if a.Pairs != 4 || a.Within < 0 || a.Within > 11_000 {
			t.Errorf("offset %d: alignment %+v", offset, a)
		}
		if b, err := json.Marshal(all); err != nil || strings.Contains(string(b), "Side") {
			t.Errorf("%s, %v", b, err)
		}
	}
}

func TestMergeOneWayAndNone(t *testing.T) {
	here, there := []Step{at(1, InviteRead)}, []Step{at(5, InviteWritten)}
	all, a := Merge(invitation.KindRemote, here, there)
	if a.Pairs != 1 || a.Within != -1 || all[0].Since != all[1].Since {
		t.Errorf("one way: %+v, %+v", all, a)
	}
	if _, a = Merge(invitation.KindRemote, here, []Step{at(5, Sent)}); a.Pairs != 0 || a.Within != -1 {
		t.Errorf("none: %+v", a)
	}
}
