package discovery

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func server(t *testing.T, addrs ...string) peer.AddrInfo {
	p := peer.AddrInfo{ID: newID(t)}
	for _, a := range addrs {
		p.Addrs = append(p.Addrs, addr(a))
	}
	return p
}

func ids(all []peer.AddrInfo) (ids []peer.ID) {
	for _, p := range all {
		ids = append(ids, p.ID)
	}
	return ids
}

func TestServersSurviveReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "servers.json")
	a, b, c := server(t, "/ip4/192.0.2.1/tcp/1"), server(t, "/ip4/192.0.2.2/tcp/1"), server(t, "/ip4/192.0.2.3/tcp/1", "/ip4/0.0.0.0/tcp/1")
	s := OpenServers(path, "public")
	for _, now := range [][]peer.AddrInfo{{a, b}, {c, b, server(t)}} {
		if err := s.Save(now); err != nil {
			t.Fatal(err)
		}
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, err %v", fi.Mode(), err)
	}
	got := OpenServers(path, "public").List()
	if !slices.Equal(ids(got), []peer.ID{c.ID, b.ID, a.ID}) { // now, then before; without address not at all
		t.Errorf("got %v", got)
	}
	if len(got[0].Addrs) != 1 || !got[0].Addrs[0].Equal(c.Addrs[0]) {
		t.Errorf("an address that leads nowhere was kept: %v", got[0])
	}
	if got := OpenServers(path, "home").List(); len(got) != 0 {
		t.Errorf("servers of another network: %v", got)
	}
}

func TestServersAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "servers.json")
	s := OpenServers(path, "public")
	many := make([]peer.AddrInfo, MaxServers+1)
	for i := range many {
		many[i] = server(t)
		for j := range MaxAddrs + 1 {
			many[i].Addrs = append(many[i].Addrs, ma.StringCast(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", j+1)))
		}
	}
	if err := s.Save(many); err != nil {
		t.Fatal(err)
	}
	for _, got := range [][]peer.AddrInfo{s.List(), OpenServers(path, "public").List()} {
		if len(got) != MaxServers || len(got[0].Addrs) != MaxAddrs {
			t.Errorf("%d servers, the first with %d addresses", len(got), len(got[0].Addrs))
		}
	}
}

func TestServersSetAsideWhatTheyCannotRead(t *testing.T) {
	for name, text := range map[string]string{
		"not JSON": "{", "another format": `{"format":"beckon servers 9"}`, "empty": "",
		"too large": string(make([]byte, maxFile+1)),
	} {
		path := filepath.Join(t.TempDir(), "servers.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := OpenServers(path, "public").List(); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		if _, err := os.Stat(path + ".bad"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServersLeaveOutWhatTheyDoNotKnow(t *testing.T) {
	path, id := filepath.Join(t.TempDir(), "servers.json"), newID(t)
	text := fmt.Sprintf(`{"format":"beckon servers 1","network":"n","later":1,"servers":[
		{"id":"nobody","addrs":["/ip4/192.0.2.1/tcp/1"]}, {"id":%q,"addrs":["/ip4/192.0.2.1/tcp/1","/later/1"]},
		{"id":%q,"addrs":["/ip4/192.0.2.9/tcp/1"]}, {"id":%q,"addrs":[]}]}`, id, id, newID(t))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got := OpenServers(path, "n").List()
	if len(got) != 1 || got[0].ID != id || len(got[0].Addrs) != 1 {
		t.Errorf("got %v", got)
	}
}
