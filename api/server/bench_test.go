package server_test

import (
	"bufio"
	"io"
	"net/http"
	"testing"
)

// BenchmarkCreate is one POST /v1/invitations over the socket, there and back.
func BenchmarkCreate(b *testing.B) {
	d := start(b)
	for b.Loop() {
		res, err := d.client.Do(d.request(http.MethodPost, "/v1/invitations", create))
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		if res.StatusCode != 201 {
			b.Fatal(res.Status)
		}
	}
}

// BenchmarkEvent is one event from the device to a reader of the stream.
func BenchmarkEvent(b *testing.B) {
	d := start(b)
	s := d.stream("/v1/events?app=call")
	s.next()
	s.lines = bufio.NewReaderSize(s.res.Body, 64<<10)
	for b.Loop() {
		d.device.ring("call", "offer")
		s.next()
	}
}
