package main

import (
	"net"
	"testing"
	"time"
)

// What goes over the cable arrives and is counted, in both directions.
func TestCable(t *testing.T) {
	c, err := newCable()
	if err != nil {
		t.Skip("no network namespaces here:", err)
	}
	defer c.close()
	var near, far net.PacketConn
	listen := func(at *net.PacketConn, ip string) func() error {
		return func() (err error) { *at, err = net.ListenPacket("udp4", ip+":7"); return err }
	}
	if err := c.near.Do(listen(&near, nearIP)); err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	if err := c.far.Do(listen(&far, farIPs()[neighbours-1])); err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	const size, headers = 100, 28 // IPv4 and UDP
	before := c.carried()
	buf := make([]byte, 2*size)
	for _, way := range [][2]net.PacketConn{{near, far}, {far, near}} {
		if err := way[1].SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := way[0].WriteTo(buf[:size], way[1].LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if n, _, err := way[1].ReadFrom(buf); err != nil || n != size {
			t.Fatalf("%d bytes arrived: %v", n, err)
		}
	}
	if got := c.carried() - before; got < 2*(size+headers) || got > 10*(size+headers) {
		t.Errorf("counted %d bytes of two packets of %d", got, size+headers)
	}
}
