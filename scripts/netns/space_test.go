//go:build linux

package netns

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestSpace: a namespace has the links and addresses that it was given, a
// command in it sees them, and its end is the command's.
func TestSpace(t *testing.T) {
	if !Run(t) {
		return
	}
	s, err := NewSpace()
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.NewDevice("wan", IP)
	if err != nil {
		s.Close()
		t.Skip("no devices here:", err)
	}
	defer f.Close()
	if err := s.SetUp("wan", netip.MustParsePrefix("52.1.0.1/32")); err != nil {
		t.Fatal(err)
	}
	if err := s.Route("wan", netip.MustParsePrefix("0.0.0.0/0"), netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	c := dialIn(t, s, "52.9.0.9:9")
	defer c.Close()
	if _, err := c.Write([]byte("out")); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := f.Read(b); err != nil || n != 20+8+3 || string(b[28:n]) != "out" {
		t.Errorf("the link carried %x, %v", b[:n], err)
	}
	if err := s.Remove("wan", netip.MustParsePrefix("52.1.0.1/32")); err != nil {
		t.Error(err)
	}
	if err := s.Sysctl("net.ipv4.ip_forward", "1"); err != nil {
		t.Error(err)
	}
	if here, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); err != nil || string(here) != "0\n" {
		t.Errorf("the setting here is %q, %v", here, err)
	}
	endsWith(t, s)
}

func dialIn(t *testing.T, s *Space, to string) (c net.Conn) {
	t.Helper()
	if err := s.Do(func() (err error) { c, err = net.Dial("udp", to); return err }); err != nil {
		t.Fatal(err)
	}
	return c
}

// endsWith closes the namespace under a command that would run for long.
func endsWith(t *testing.T, s *Space) {
	t.Helper()
	cmd := exec.Command("sleep", "1000")
	if err := s.Start(cmd); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	s.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Error("the command outlived its namespace")
	}
}
