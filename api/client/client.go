package client

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/beckon-p2p/beckon/api"
)

// Client speaks to one daemon. It may be used by several goroutines at once.
type Client struct {
	socket string
	http   *http.Client
}

// New returns a client of the daemon that listens on socket, a path; "" means
// DefaultSocket. It does not connect: the first call does.
func New(socket string) *Client {
	socket = cmp.Or(socket, DefaultSocket())
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return &Client{
		socket: socket,
		http: &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", socket)
			},
			DisableCompression:  true,
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     time.Minute,
		}},
	}
}

// Socket returns the path that the client connects to.
func (c *Client) Socket() string { return c.socket }

// Close drops the idle connections. Calls under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// OpenAPI returns the API's own description, in JSON.
func (c *Client) OpenAPI(ctx context.Context) ([]byte, error) {
	return c.raw(ctx, api.RouteOpenAPI)
}

// Metrics returns the daemon's metrics in the Prometheus text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	return c.raw(ctx, api.RouteMetrics)
}

func (c *Client) raw(ctx context.Context, path string) ([]byte, error) {
	res, err := c.send(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	return b, nil
}

// request is one call. A POST without a key gets a fresh one, which lets the
// transport repeat it safely when a kept connection turns out to be dead.
type request struct {
	method, path string
	query        url.Values
	header       http.Header
	key          string
	body         any // nil: none
}

// call makes the request and decodes the answer into out, unless out is nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	res, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return c.broken(ctx, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what this client understands: %w", r.method, r.path, err)
	}
	return nil
}

// send makes the request and returns an answer that is not an error.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	u := "http://beckon" + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, body)
	if err != nil {
		return nil, err
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", api.TypeJSON)
	}
	if r.method == http.MethodPost {
		req.Header.Set(api.HeaderIdempotencyKey, cmp.Or(r.key, rand.Text()))
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if res.StatusCode >= 400 {
		defer res.Body.Close()
		return nil, problem(res)
	}
	return res, nil
}

// broken tells the end of the caller's patience from a daemon that is gone.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if u, ok := err.(*url.Error); ok {
		err = u.Err // its text repeats an address that means nothing to people
	}
	if o, ok := err.(*net.OpError); ok && o.Op == "dial" {
		err = o.Err // the path is told by NotRunningError
	}
	return &NotRunningError{Socket: c.socket, Err: err}
}

func problem(res *http.Response) error {
	p := &api.Problem{}
	b, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // what is cut off is no problem object
	if json.Unmarshal(b, p) == nil && p.Code != "" {
		p.Status = cmp.Or(p.Status, res.StatusCode)
		return p
	}
	return &api.Problem{
		Code:   api.CodeInternal,
		Title:  http.StatusText(res.StatusCode),
		Status: res.StatusCode,
		Detail: "the answer is not beckond's; does something else listen on the socket?",
	}
}
