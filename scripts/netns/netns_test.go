package netns

import (
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("NETNS_TEST_LIST") != "" {
		listAddresses()
		return
	}
	goleak.VerifyTestMain(m)
}

func listAddresses() {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		panic(err)
	}
	for _, a := range addrs {
		os.Stdout.WriteString(a.String() + "\n")
	}
}

// addresses are those of the machine that a process started now lives on.
func addresses(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "NETNS_TEST_LIST=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	list := strings.Fields(string(out))
	slices.Sort(list)
	return list
}

func TestTwoMachines(t *testing.T) {
	if !Run(t) {
		return
	}
	for where, want := range map[string]struct{ got, has []string }{
		"near": {addresses(t), []string{"10.77.0.1/24", "127.0.0.1/8", "::1/128", "fd77::1/64", "fe80::1/64"}},
		"far": {func() (got []string) { Far(t, func() { got = addresses(t) }); return got }(),
			[]string{"10.77.0.2/24", "127.0.0.1/8", "::1/128", "fd77::2/64", "fe80::2/64"}},
	} {
		if !slices.Equal(want.got, want.has) {
			t.Errorf("%s: %v, want %v", where, want.got, want.has)
		}
	}
	if again := addresses(t); !slices.Contains(again, "10.77.0.1/24") {
		t.Errorf("after a visit to the far machine: %v", again)
	}
}

// TestMulticastCrosses: what the near machine says to a group, a listener on
// the far one hears, by both IP versions.
func TestMulticastCrosses(t *testing.T) {
	if !Run(t) {
		return
	}
	for network, group := range map[string]string{"udp4": "224.0.0.251:5353", "udp6": "[ff02::fb]:5353"} {
		var heard *net.UDPConn
		Far(t, func() {
			link, err := net.InterfaceByName("lan2")
			if err == nil {
				heard, err = net.ListenMulticastUDP(network, link, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(group)))
			}
			if err != nil {
				t.Fatal(err)
			}
		})
		defer heard.Close()
		zone := map[string]string{"udp4": "", "udp6": "lan1"}[network]
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(group))
		to.Zone = zone
		c, err := net.DialUDP(network, nil, to)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err = c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := heard.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 10)
		if n, from, err := heard.ReadFromUDP(b); err != nil || string(b[:n]) != "hello" {
			t.Errorf("%s: %q from %v, %v", network, b[:n], from, err)
		}
	}
}

// TestNoWayOut: the outside cannot be reached from inside.
func TestNoWayOut(t *testing.T) {
	if !Run(t) {
		return
	}
	for _, to := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} {
		if c, err := net.Dial("udp", to); err == nil {
			c.Close()
			t.Errorf("%s has a route", to)
		}
	}
}
