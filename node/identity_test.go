package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestKeyIsWrittenInItsPlace: a private key is never in a directory of others.
func TestKeyIsWrittenInItsPlace(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	long := time.Now().Add(-time.Hour).Truncate(time.Second)
	if err := os.Chtimes(temp, long, long); err != nil {
		t.Fatal(err)
	}
	if _, err := makeKey(filepath.Join(t.TempDir(), "identity.key")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(temp); err != nil || !info.ModTime().Equal(long) {
		t.Errorf("the temporary directory was changed: %v, %v", info.ModTime(), err)
	}
}
