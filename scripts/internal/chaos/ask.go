package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/beckon-p2p/beckon/api"
	"github.com/beckon-p2p/beckon/scripts/internal/program"
)

// answer is what came of a POST that was repeated until it was answered.
type answer struct {
	inv      api.Invitation
	code     string // of the problem; "" is done
	detail   string
	status   int
	replayed bool
	asked    time.Time // when the answered request was made
	at       time.Time
}

// post makes one POST with a key.
func (d *device) post(ctx context.Context, path, key string, body any) (answer, error) {
	a := answer{asked: time.Now()}
	b, err := json.Marshal(body)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://beckon"+path, bytes.NewReader(b))
	if err != nil {
		return a, err
	}
	req.Header.Set(api.HeaderIdempotencyKey, key)
	res, err := d.asks.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return a, err
	}
	a.at, a.status, a.replayed = time.Now(), res.StatusCode, res.Header.Get(api.HeaderIdempotencyReplayed) == "true"
	if a.status < 300 {
		return a, json.Unmarshal(text, &a.inv)
	}
	var p api.Problem
	if err := json.Unmarshal(text, &p); err != nil {
		return a, fmt.Errorf("%d: %q: %w", a.status, text, err)
	}
	a.code, a.detail = p.Code, p.Detail
	return a, nil
}

// insist makes a POST with a key until the daemon answers it, whoever kills it
// meanwhile.
func (d *device) insist(ctx context.Context, path, key string, body any) (answer, error) {
	for {
		one, cancel := context.WithTimeout(ctx, 10*time.Second)
		a, err := d.post(one, path, key, body)
		cancel()
		switch {
		case err == nil && a.code == api.CodeInternal:
			return a, fmt.Errorf("%s was answered %d %s: %s", path, a.status, a.code, a.detail)
		case err == nil && a.status < http.StatusInternalServerError:
			return a, nil
		case !program.Sleep(ctx, 20*time.Millisecond):
			return a, ctx.Err()
		}
	}
}
