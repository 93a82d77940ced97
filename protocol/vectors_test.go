package protocol_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/protocol"
)

var rewrite = flag.Bool("rewrite", false, "write what happens into the expect parts of the vectors")

// A vector is one body of a frame and what becomes of it. testdata/vectors/README.md
// describes the files.
type vector struct {
	path, why, source, expect string
	body                      []byte
}

func loadVectors(t testing.TB, kind string) []vector {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", "vectors", kind, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := vector{path: path}
		head, expect, ok1 := strings.Cut(string(text), "-- expect --\n")
		why, source, ok2 := strings.Cut(head, "-- body --\n")
		if !ok1 || !ok2 || strings.TrimSpace(why) == "" {
			t.Fatalf("%s: a vector has a reason, a body and an expect part", path)
		}
		v.why, v.source, v.expect = why, source, expect
		if v.body, err = parseBody(source); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		vs = append(vs, v)
	}
	return vs
}

// parseBody reads hex bytes, HEX*COUNT for repeated ones, and # comments.
func parseBody(source string) ([]byte, error) {
	var body []byte
	for line := range strings.Lines(source) {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			digits, count, repeated := strings.Cut(word, "*")
			times := 1
			var err error
			if repeated {
				if times, err = strconv.Atoi(count); err != nil {
					return nil, err
				}
			}
			b, err := hex.DecodeString(digits)
			if err != nil {
				return nil, err
			}
			body = append(body, bytes.Repeat(b, times)...)
		}
	}
	return body, nil
}

// check compares what happened with the expect part, or writes it there.
func (v vector) check(t *testing.T, got string) {
	t.Helper()
	if *rewrite {
		text := v.why + "-- body --\n" + v.source + "-- expect --\n" + got
		if err := os.WriteFile(v.path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != v.expect {
		t.Errorf("%sgot:\n%swant:\n%s", v.why, got, v.expect)
	}
}

func TestVectorsAccept(t *testing.T) {
	for _, v := range loadVectors(t, "accept") {
		t.Run(filepath.Base(v.path), func(t *testing.T) {
			f, err := protocol.DecodeFrame(v.body)
			if err != nil {
				t.Fatalf("%srejected: %v", v.why, err)
			}
			v.check(t, describe(f)+"re-encode: "+reencode(t, f, v.body)+"\n")
		})
	}
}

func TestVectorsReject(t *testing.T) {
	for _, v := range loadVectors(t, "reject") {
		t.Run(filepath.Base(v.path), func(t *testing.T) {
			f, err := protocol.DecodeFrame(v.body)
			var bad *protocol.FrameError
			if !errors.As(err, &bad) {
				t.Fatalf("%sgot %#v, %v; want a FrameError", v.why, f, err)
			}
			v.check(t, fmt.Sprintf("field: %s\nproblem: %s\n", bad.Field, bad.Problem))
		})
	}
}

func TestVectorsAreEnough(t *testing.T) {
	accept, reject := loadVectors(t, "accept"), loadVectors(t, "reject")
	if len(accept) < 36 || len(reject) < 36 {
		t.Errorf("%d accept and %d reject vectors; at least 36 of each are due", len(accept), len(reject))
	}
	seen := map[string]string{}
	for _, v := range append(accept, reject...) {
		if other := seen[string(v.body)]; other != "" {
			t.Errorf("%s and %s have the same body", v.path, other)
		}
		seen[string(v.body)] = v.path
	}
}

// reencode says whether f encodes to body again; it must in any case encode to
// something that decodes to f.
func reencode(t *testing.T, f protocol.Frame, body []byte) string {
	t.Helper()
	if _, ok := f.(protocol.Unknown); ok {
		return "none"
	}
	again := encodeBody(t, f)
	if got, err := protocol.DecodeFrame(again); err != nil || got != f {
		t.Fatalf("encoded and decoded again: %#v, %v; want %#v", got, err, f)
	}
	if bytes.Equal(again, body) {
		return "exact"
	}
	return "different"
}

// encodeBody returns the body of f without its length, which it checks.
func encodeBody(t testing.TB, f protocol.Frame) []byte {
	t.Helper()
	b, err := protocol.AppendFrame(nil, f)
	if err != nil {
		t.Fatalf("AppendFrame(%#v): %v", f, err)
	}
	size, n := binary.Uvarint(b)
	if n <= 0 || size != uint64(len(b)-n) || size > protocol.MaxFrame {
		t.Fatalf("AppendFrame(%#v): prefix %d (%d bytes) before %d bytes", f, size, n, len(b)-n)
	}
	return b[n:]
}

// describe is the canonical text form of a frame: its name, then a line for
// each field that is not empty.
func describe(f protocol.Frame) string {
	var b strings.Builder
	line := func(name string, value any) { fmt.Fprintf(&b, "%s: %v\n", name, value) }
	text := func(name, s string) {
		if s != "" {
			line(name, describeText(s))
		}
	}
	switch f := f.(type) {
	case protocol.Beat:
		return fmt.Sprintf("beat\nnumber: %d\n", f.Number)
	case protocol.BeatAnswer:
		return fmt.Sprintf("beat_answer\nnumber: %d\n", f.Number)
	case protocol.Unknown:
		return "unknown\n"
	case protocol.Message:
		name := strings.ToLower(strings.TrimPrefix(fmt.Sprintf("%T", f), "protocol."))
		name = strings.Replace(name, "missedtaken", "missed_taken", 1)
		fmt.Fprintf(&b, "%s\nid: %s\n", name, f.Invitation())
	}
	switch f := f.(type) {
	case protocol.Invite:
		text("app", f.App)
		text("channel_id", f.ChannelID)
		text("content", f.Content)
		line("known", f.Known)
		line("reach_left_ms", f.ReachLeft.Milliseconds())
		line("ring_ms", f.Ring.Milliseconds())
		line("glare", int32(f.Glare))
	case protocol.Received:
		line("ring_left_ms", f.RingLeft.Milliseconds())
	case protocol.Accept:
		text("response", f.Response)
		if !f.Supersedes.IsZero() {
			line("supersedes", f.Supersedes)
		}
	case protocol.Refuse:
		text("reason", string(f.Reason))
		text("response", f.Response)
	case protocol.Cancel:
		text("reason", string(f.Reason))
	case protocol.Missed:
		text("app", f.App)
		text("channel_id", f.ChannelID)
		text("why", string(f.Why))
		line("count", f.Count)
		line("last_ago_ms", f.LastAgo.Milliseconds())
		line("first_ago_ms", f.FirstAgo.Milliseconds())
		for _, id := range f.IDs()[1:] {
			line("earlier", id)
		}
	case protocol.Done:
		line("outcome", int32(f.Outcome))
		text("reason", string(f.Reason))
		text("response", f.Response)
		text("failure", string(f.Failure))
	}
	return b.String()
}

func describeText(s string) string {
	if len(s) > 64 {
		return fmt.Sprintf("%d bytes, sha256 %x", len(s), sha256.Sum256([]byte(s)))
	}
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(quoted)
}
