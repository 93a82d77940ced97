package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/beckon-p2p/beckon/discovery/dht"
)

const someAddress = "/ip4/192.0.2.1/tcp/1/p2p/12D3KooWMpZRy2UL6zvdwLouvVrgcsBSEixPreSX7zkG4sYTosYf"

func idsOf(all []peer.AddrInfo) (ids []peer.ID) {
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

// TestWhoIsJoinedBy: what is hard-wired can be replaced and switched off.
func TestWhoIsJoinedBy(t *testing.T) {
	some, err := peer.AddrInfoFromString(someAddress)
	if err != nil {
		t.Fatal(err)
	}
	given := []peer.ID{some.ID}
	for name, x := range map[string]struct {
		network   string
		bootstrap []string
		dht       string
		want      []peer.ID
	}{
		"default":            {"", nil, PublicNetwork, idsOf(dht.PublicBootstrap())},
		"public, replaced":   {"public", []string{someAddress}, PublicNetwork, given},
		"public, none":       {"public", []string{"none"}, PublicNetwork, nil},
		"private":            {"family", nil, "family", nil},
		"private, given":     {"family", []string{someAddress}, "family", given},
		"private, none":      {"family", []string{"none"}, "family", nil},
		"the old default":    {"main", nil, "main", nil},
		"no DHT":             {"lan", nil, "", nil},
		"no DHT, and nobody": {"lan", []string{"none"}, "", nil},
	} {
		s, err := Config{Network: x.network, Bootstrap: x.bootstrap}.check()
		if err != nil || s.dht != x.dht || !slices.Equal(idsOf(s.bootstrap), x.want) {
			t.Errorf("%s: DHT %q, bootstrap %v, err %v", name, s.dht, s.bootstrap, err)
		}
	}
	if len(dht.PublicBootstrap()) < 3 {
		t.Error("the public network hangs on one or two peers")
	}
}

func TestNetworkSettingsThatCannotBe(t *testing.T) {
	for want, c := range map[string]Config{
		"--bootstrap needs a network with a DHT":  {Network: "lan", Bootstrap: []string{someAddress}},
		"--dht-server needs a network with a DHT": {Network: "lan", DHTServer: true},
		"none stands alone":                       {Network: "public", Bootstrap: []string{someAddress, "none"}},
		"--network: a name has":                   {Network: "My Home"},
	} {
		if _, err := c.check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
