package api_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/beckon-p2p/beckon/api"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTime(t *testing.T) {
	east := time.FixedZone("", 2*3600)
	for _, c := range []struct {
		time time.Time
		want string
	}{
		{time.Time{}, `null`},
		{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), `"2026-01-02T03:04:05.000Z"`},
		{time.Date(2026, 1, 1, 1, 4, 5, 999_999_999, east), `"2025-12-31T23:04:05.999Z"`},
	} {
		b, err := json.Marshal(api.Time{Time: c.time})
		if err != nil || string(b) != c.want {
			t.Errorf("%v is written %s, want %s (%v)", c.time, b, c.want, err)
		}
		back := api.Time{Time: time.Now()}
		if err := json.Unmarshal(b, &back); err != nil || !back.Equal(c.time.Truncate(time.Millisecond)) {
			t.Errorf("%s is read %v (%v)", b, back, err)
		}
	}
	if err := json.Unmarshal([]byte(`"yesterday"`), new(api.Time)); err == nil {
		t.Error("yesterday is taken for a time")
	}
}

func TestProblemsMatchByCode(t *testing.T) {
	var p api.Problem
	text := `{"code":"invalid_argument","title":"Invalid argument","status":422,"detail":"app must be shorter","field":"app","later":1}`
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(&p, &api.Problem{Code: api.CodeInvalidArgument}) || errors.Is(&p, &api.Problem{Code: api.CodeNotFound}) {
		t.Error("problems do not match by code")
	}
	if got := p.Error(); got != "invalid_argument (app): app must be shorter" {
		t.Errorf("said %q", got)
	}
}

func TestAnInvitationIsOverWhenItHasEnded(t *testing.T) {
	var live, over api.Invitation
	if err := errors.Join(
		json.Unmarshal([]byte(`{"state":"some_day","ended_at":null}`), &live),
		json.Unmarshal([]byte(`{"state":"some_day","ended_at":"2026-01-02T03:04:05.000Z"}`), &over),
	); err != nil {
		t.Fatal(err)
	}
	if live.Ended() || !over.Ended() {
		t.Error("the end is not read from ended_at")
	}
}
