package static

import (
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	ma "github.com/multiformats/go-multiaddr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newID(t *testing.T) peer.ID {
	t.Helper()
	id, err := test.RandPeerID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestConfiguredPeersAreFound(t *testing.T) {
	a, b := newID(t), newID(t)
	infos, err := Parse([]string{
		"/ip4/192.0.2.1/tcp/1/p2p/" + a.String(),
		"/dns4/seed.example/udp/2/quic-v1/p2p/" + b.String(),
		"/ip4/192.0.2.1/udp/1/quic-v1/p2p/" + a.String(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(infos) != 2 || infos[0].ID != a || infos[1].ID != b {
		t.Fatalf("parsed %v", infos)
	}
	s := New(infos)
	var got []string
	note := func(addrs []ma.Multiaddr) {
		for _, x := range addrs {
			got = append(got, x.String())
		}
	}
	if err := s.Find(t.Context(), a, note); err != nil {
		t.Fatal(err)
	}
	if want := []string{"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.1/udp/1/quic-v1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = nil
	if err := s.Find(t.Context(), newID(t), note); err != nil || got != nil {
		t.Errorf("a stranger: %q, %v", got, err)
	}
}

func TestParseSaysWhatToWrite(t *testing.T) {
	id := newID(t).String()
	for in, hint := range map[string]string{
		"seed.example:4001":                    "write it like /ip4/",
		"":                                     "write it like /ip4/",
		"/ip4/192.0.2.1/tcp/1":                 "append /p2p/",
		"/ip4/192.0.2.1/tcp/1/p2p/nonsense":    "not a multiaddr",
		"/p2p/" + id:                           "in front",
		"/ip4/192.0.2.1/tcp/1/p2p-circuit":     "append /p2p/",
		"/ip4/192.0.2.1/tcp/1/p2p/" + id + "x": "not a multiaddr",
	} {
		_, err := Parse([]string{in})
		if err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%q: %v, want a hint that has %q", in, err, hint)
		}
	}
}
