package protocol_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/beckon-p2p/beckon/protocol"
)

func TestChecksAllow(t *testing.T) {
	for name, err := range map[string]error{
		"app of one byte":     protocol.CheckApp("c"),
		"app of 64 bytes":     protocol.CheckApp(strings.Repeat("a", 64)),
		"app, all marks":      protocol.CheckApp("com.example_2-b"),
		"channel_id empty":    protocol.CheckChannelID(""),
		"channel_id 64 bytes": protocol.CheckChannelID(strings.Repeat("é", 32)),
		"content empty":       protocol.CheckContent(""),
		"content 16 KiB":      protocol.CheckContent(strings.Repeat("x", 16384)),
		"response 16 KiB":     protocol.CheckResponse(strings.Repeat("x", 16384)),
		"reach 1 s":           protocol.CheckReach(time.Second),
		"reach 600 s":         protocol.CheckReach(600 * time.Second),
		"ring 1 s":            protocol.CheckRing(time.Second),
		"ring 600 s":          protocol.CheckRing(600 * time.Second),
		"refuse as busy":      protocol.CheckRefuseReason("busy"),
		"cancel as canceled":  protocol.CheckCancelReason("canceled"),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An app learns the field, the limit and the length that it gave, and never
// gets its value back.
func TestChecksRefuse(t *testing.T) {
	glare := func(s string) error { _, err := protocol.ParseGlare(s); return err }
	for _, tt := range []struct {
		name, field, limit, says string
		err                      error
	}{
		{"app empty", "app", "1 to 64 bytes", "0 bytes", protocol.CheckApp("")},
		{"app of 65 bytes", "app", "1 to 64 bytes", "65 bytes", protocol.CheckApp(strings.Repeat("q", 65))},
		{"app in capitals", "app", "a-z 0-9 . _ -", "at byte 1", protocol.CheckApp("qQqqq")},
		{"channel_id of 65 bytes", "channel_id", "64 bytes", "65 bytes", protocol.CheckChannelID(strings.Repeat("q", 65))},
		{"channel_id of 33 characters", "channel_id", "64 bytes", "66 bytes", protocol.CheckChannelID(strings.Repeat("é", 33))},
		{"channel_id not UTF-8", "channel_id", "UTF-8", "not UTF-8", protocol.CheckChannelID("qqqq\xc3")},
		{"content of 16385 bytes", "content", "16384 bytes", "16385 bytes", protocol.CheckContent(strings.Repeat("q", 16385))},
		{"content not UTF-8", "content", "UTF-8", "not UTF-8", protocol.CheckContent("qqqq\xff")},
		{"response of 16385 bytes", "response", "16384 bytes", "16385 bytes", protocol.CheckResponse(strings.Repeat("q", 16385))},
		{"response, a surrogate", "response", "UTF-8", "not UTF-8", protocol.CheckResponse("qqqq\xed\xa0\x80")},
		{"reach of 999 ms", "reach_ms", "1000 to 600000", "999 ms", protocol.CheckReach(999 * time.Millisecond)},
		{"reach of none", "reach_ms", "1000 to 600000", "0 ms", protocol.CheckReach(0)},
		{"ring of 600001 ms", "ring_ms", "1000 to 600000", "600001 ms", protocol.CheckRing(600001 * time.Millisecond)},
		{"ring negative", "ring_ms", "1000 to 600000", "-1000 ms", protocol.CheckRing(-time.Second)},
		{"refuse as canceled", "reason", "declined, busy, ", "8 bytes", protocol.CheckRefuseReason("canceled")},
		{"refuse without a reason", "reason", "declined, busy, ", "0 bytes", protocol.CheckRefuseReason("")},
		{"cancel as busy", "reason", "canceled, answered_elsewhere, ", "4 bytes", protocol.CheckCancelReason("busy")},
		{"glare in capitals", "glare", "independent or merge", "5 bytes", glare("Merge")},
		{"glare unknown", "glare", "independent or merge", "4 bytes", glare("qqqq")},
	} {
		var e *protocol.Error
		if !errors.As(tt.err, &e) {
			t.Errorf("%s: got %v, want an Error", tt.name, tt.err)
			continue
		}
		if e.Code != protocol.CodeInvalidArgument || e.Field != tt.field || !strings.Contains(e.Limit, tt.limit) {
			t.Errorf("%s: got %+v, want invalid_argument about %s with the limit %s", tt.name, e, tt.field, tt.limit)
		}
		if !strings.Contains(e.Detail, tt.field+" ") || !strings.Contains(e.Detail, tt.says) {
			t.Errorf("%s: detail %q does not say %q about %s", tt.name, e.Detail, tt.says, tt.field)
		}
		if _, advice, ok := strings.Cut(e.Detail, "; "); !ok || advice == "" {
			t.Errorf("%s: detail %q does not say what to do", tt.name, e.Detail)
		}
		if strings.Contains(e.Detail, "qqqq") {
			t.Errorf("%s: detail %q repeats the value", tt.name, e.Detail)
		}
	}
}

func TestParseGlare(t *testing.T) {
	for word, want := range map[string]protocol.Glare{
		"": protocol.GlareIndependent, "independent": protocol.GlareIndependent, "merge": protocol.GlareMerge,
	} {
		if got, err := protocol.ParseGlare(word); err != nil || got != want {
			t.Errorf("ParseGlare(%q) = %v, %v; want %v", word, got, err, want)
		}
	}
}

// Whatever reason an app may choose can be sent.
func TestEveryReasonCanBeSent(t *testing.T) {
	for _, r := range protocol.RefuseReasons {
		encodeBody(t, protocol.Refuse{ID: testID, Reason: r})
	}
	for _, r := range protocol.CancelReasons {
		encodeBody(t, protocol.Cancel{ID: testID, Reason: r})
	}
}
