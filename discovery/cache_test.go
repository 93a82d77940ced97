package discovery

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

func known(c *Cache, id peer.ID) (all []string) {
	c.Find(context.Background(), id, func(addrs []ma.Multiaddr) {
		for _, a := range addrs {
			all = append(all, a.String())
		}
	})
	return all
}

func closeCache(t *testing.T, c *Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestCacheSurvivesReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	a, b := newID(t), newID(t)
	c := OpenCache(path)
	c.Good(a, addr("/ip4/192.0.2.1/tcp/1/p2p/"+a.String()))
	c.Good(a, addr("/ip4/192.0.2.2/udp/1/quic-v1"))
	c.Good(b, addr("/ip4/192.0.2.3/tcp/1"))
	closeCache(t, c)
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, err %v", fi.Mode(), err)
	}

	c = OpenCache(path)
	defer closeCache(t, c)
	if got, want := known(c, a), []string{"/ip4/192.0.2.2/udp/1/quic-v1", "/ip4/192.0.2.1/tcp/1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if r := c.Recent(10); len(r) != 2 || r[0].ID != b || r[1].ID != a {
		t.Errorf("recent: %v", r)
	}
	if r := c.Recent(1); len(r) != 1 || r[0].ID != b {
		t.Errorf("recent of one: %v", r)
	}
}

func TestCacheOrder(t *testing.T) {
	id, relay := newID(t), newID(t)
	circuit := "/ip4/192.0.2.9/tcp/1/p2p/" + relay.String() + "/p2p-circuit"
	c := OpenCache(filepath.Join(t.TempDir(), "peers.json"))
	defer closeCache(t, c)
	for _, a := range []string{"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1", circuit, "/ip4/192.0.2.1/tcp/1"} {
		c.Good(id, addr(a))
	}
	for _, useless := range []string{"/ip4/0.0.0.0/tcp/1", "/p2p-circuit", "/p2p/" + id.String()} {
		c.Good(id, addr(useless))
	}
	want := []string{"/ip4/192.0.2.1/tcp/1", "/ip4/192.0.2.2/tcp/1", circuit}
	if got := known(c, id); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCacheIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	relay, first, last := newID(t), newID(t), newID(t)
	c := OpenCache(path)
	c.Good(first, addr("/ip4/192.0.2.1/tcp/1"))
	for range MaxPeers - 1 {
		c.Good(newID(t), addr("/ip4/192.0.2.1/tcp/1"))
	}
	if known(c, first) == nil {
		t.Error("a full cache has lost its oldest peer too early")
	}
	circuit := "/ip4/192.0.2.9/tcp/1/p2p/" + relay.String() + "/p2p-circuit"
	c.Good(last, addr(circuit))
	for i := range 2 * MaxAddrs {
		c.Good(last, addr(fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", i+1)))
	}
	closeCache(t, c)
	c = OpenCache(path)
	defer closeCache(t, c)
	if known(c, first) != nil {
		t.Error("the oldest peer is still there")
	}
	got := known(c, last)
	if len(got) != MaxAddrs || got[0] != "/ip4/192.0.2.1/tcp/16" || got[MaxAddrs-1] != circuit {
		t.Errorf("addresses: %q", got)
	}
	if n := len(c.Recent(2 * MaxPeers)); n != MaxPeers {
		t.Errorf("%d peers", n)
	}
}

func TestCacheSetsAsideWhatItCannotRead(t *testing.T) {
	for name, content := range map[string]string{
		"damaged":   `{"format":"beckon peers 1","peers":[{"id":`,
		"foreign":   `{"format":"somebody else's 7"}`,
		"empty":     "",
		"oversized": `{"format":"beckon peers 1","more":"` + strings.Repeat("x", maxFile) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			id := newID(t)
			c := OpenCache(path)
			c.Good(id, addr("/ip4/192.0.2.1/tcp/1"))
			closeCache(t, c)
			if b, err := os.ReadFile(path + ".bad"); err != nil || string(b) != content {
				t.Errorf("the old file was not kept: %v", err)
			}
			c = OpenCache(path)
			defer closeCache(t, c)
			if known(c, id) == nil {
				t.Error("the new file is not there")
			}
		})
	}
}

func TestCacheLeavesOutWhatItDoesNotKnow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	id := newID(t)
	b, _ := json.Marshal(map[string]any{"format": fileFormat, "peers": []any{
		map[string]any{"id": "nobody", "addrs": []string{"/ip4/192.0.2.1/tcp/1"}},
		map[string]any{"id": id.String(), "addrs": []string{"/ip9/1/tcp/1", "/ip4/192.0.2.2/tcp/1"}, "newer": true},
	}})
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	c := OpenCache(path)
	defer closeCache(t, c)
	if got := known(c, id); !slices.Equal(got, []string{"/ip4/192.0.2.2/tcp/1"}) || len(c.Recent(9)) != 1 {
		t.Errorf("got %q of %d peers", got, len(c.Recent(9)))
	}
}

func TestCacheWritesWithinASecond(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	synctest.Test(t, func(t *testing.T) {
		c := OpenCache(path)
		defer closeCache(t, c)
		start := time.Now()
		c.Good(newID(t), addr("/ip4/192.0.2.1/tcp/1"))
		c.Good(newID(t), addr("/ip4/192.0.2.1/tcp/1"))
		if took := time.Since(start); took != 0 {
			t.Errorf("Good waited %v", took)
		}
		time.Sleep(writeAfter)
		synctest.Wait()
		if peers, err := readPeers(path); err != nil || len(peers) != 2 {
			t.Errorf("after %v: %d peers, %v", writeAfter, len(peers), err)
		}
	})
}

func TestCacheThatCannotWriteStillWorks(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	path := filepath.Join(dir, "peers.json")
	synctest.Test(t, func(t *testing.T) {
		id := newID(t)
		c := OpenCache(path)
		c.Good(id, addr("/ip4/192.0.2.1/tcp/1"))
		time.Sleep(2 * writeAfter)
		if known(c, id) == nil {
			t.Error("nothing is known")
		}
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		time.Sleep(retryAfter)
		synctest.Wait()
		if peers, err := readPeers(path); err != nil || len(peers) != 1 {
			t.Errorf("was not written later: %d peers, %v", len(peers), err)
		}
		closeCache(t, c)
	})
}

// TestToldComesAfterGood: what a peer says of itself is tried after what has
// worked, and does not push that out.
func TestToldComesAfterGood(t *testing.T) {
	id := newID(t)
	c := OpenCache(filepath.Join(t.TempDir(), "peers.json"))
	defer closeCache(t, c)
	var told []ma.Multiaddr
	for i := range 2 * MaxAddrs {
		told = append(told, ma.StringCast(fmt.Sprintf("/ip4/10.0.0.%d/tcp/1", i+1)))
	}
	c.Told(id, told[:2])
	good := ma.StringCast("/ip4/10.9.9.9/tcp/1")
	c.Good(id, good)
	c.Told(id, told)
	got := known(c, id)
	if len(got) != MaxAddrs || got[0] != good.String() {
		t.Errorf("the cache has %v", got)
	}
}
