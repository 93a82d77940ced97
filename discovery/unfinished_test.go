package discovery

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestCacheWritesBesideItself: nothing of it passes through the system's temporary
// directory, where a kill would leave it for ever.
func TestCacheWritesBesideItself(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(temp, long, long); err != nil {
		t.Fatal(err)
	}
	c := OpenCache(filepath.Join(t.TempDir(), "peers.json"))
	id := newID(t)
	c.Good(id, addr("/ip4/192.0.2.1/tcp/1/p2p/"+id.String()))
	closeCache(t, c)
	if info, err := os.Stat(temp); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the temporary directory was changed: %v, %v", info.ModTime(), err)
	}
}

// TestCacheRemovesWhatAKillLeft removes that and nothing else.
func TestCacheRemovesWhatAKillLeft(t *testing.T) {
	dir := t.TempDir()
	keep := []string{".peers.json", ".peers.jsonx1", ".peers.json1x", "peers.json", "peers.json1", "peers.json.bad"}
	for _, name := range append(keep, ".peers.json6827580777001603769") {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(`{"format":"beckon peers 1"}`), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeCache(t, OpenCache(filepath.Join(dir, "peers.json")))
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range left {
		names = append(names, f.Name())
	}
	slices.Sort(keep)
	if !slices.Equal(names, keep) {
		t.Errorf("left are %q, want %q", names, keep)
	}
}
