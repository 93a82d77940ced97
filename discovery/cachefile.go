package discovery

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	fileFormat = "beckon peers 1"
	// maxFile is twice what a full cache of long addresses takes.
	maxFile = 4 << 20
)

// file is the form of peers.json.
type file struct {
	Format string     `json:"format"`
	Peers  []filePeer `json:"peers"`
}

type filePeer struct {
	ID    string   `json:"id"`
	Addrs []string `json:"addrs"`
}

// readPeers reads a cache file. Single peers and addresses that it does not
// understand are left out; they may come from a newer version.
func readPeers(path string) ([]entry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	var in file
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	if in.Format != fileFormat {
		return nil, fmt.Errorf("has the format %.40q, not %q", in.Format, fileFormat)
	}
	var peers []entry
	seen := make(map[peer.ID]bool)
	for _, p := range in.Peers[:min(len(in.Peers), MaxPeers)] {
		id, err := peer.Decode(p.ID)
		if err != nil || seen[id] {
			continue
		}
		seen[id] = true
		if addrs := parseAddrs(id, p.Addrs); len(addrs) > 0 {
			peers = append(peers, entry{id: id, addrs: addrs})
		}
	}
	return peers, nil
}

func parseAddrs(id peer.ID, in []string) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, s := range in[:min(len(in), MaxAddrs)] {
		a, err := ma.NewMultiaddr(s)
		if err != nil {
			continue
		}
		if a, ok := dialable(id, a); ok {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

func writePeers(path string, peers []entry) error {
	out := file{Format: fileFormat, Peers: make([]filePeer, len(peers))}
	for i, e := range peers {
		out.Peers[i] = filePeer{ID: e.id.String(), Addrs: make([]string, len(e.addrs))}
		for j, a := range e.addrs {
			out.Peers[i].Addrs[j] = a.String()
		}
	}
	b, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		return err
	}
	// Beside the file, not in the system's temporary directory: what a kill leaves
	// is ours to find.
	return renameio.WriteFile(path, append(b, '\n'), 0o600, renameio.WithTempDir(filepath.Dir(path)))
}

// removeUnfinished takes away what a kill in the middle of writePeers left.
func removeUnfinished(path string) {
	dir, name := filepath.Split(path)
	left, err := os.ReadDir(filepath.Clean(dir))
	if err != nil {
		return // there is no such directory yet, or writing will tell
	}
	for _, f := range left {
		digits, ours := strings.CutPrefix(f.Name(), "."+name)
		if ours && digits != "" && strings.Trim(digits, "0123456789") == "" {
			_ = os.Remove(filepath.Join(dir, f.Name())) // it is in nobody's way
		}
	}
}

// setAside keeps a file that could not be read for a person to look at, and
// frees its place.
func setAside(path string, why error) {
	log.Warn("cannot read the cache of peer addresses, starting with an empty one",
		"file", path, "kept_as", path+".bad", "err", why)
	if err := os.Rename(path, path+".bad"); err != nil {
		log.Warn("cannot set the cache of peer addresses aside", "file", path, "err", err)
	}
}
