package discovery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/google/renameio/v2"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

const (
	serversFormat = "beckon servers 1"
	// MaxServers is how many servers are kept: enough that one in ten is still
	// there at the next start.
	MaxServers = 40
)

// Servers remembers across restarts the DHT servers of one network, to join by
// them without asking a fixed list first. Its methods may be called from any
// goroutine.
type Servers struct {
	path, network string

	mu  sync.Mutex
	all []peer.AddrInfo
}

// serversFile is the form of servers.json.
type serversFile struct {
	Format  string     `json:"format"`
	Network string     `json:"network"`
	Servers []filePeer `json:"servers"`
}

// OpenServers returns the servers of a network that are kept in the file at
// path; none if there is no such file, or it is of another network. A file that
// cannot be understood is renamed to path.bad.
func OpenServers(path, network string) *Servers {
	s := &Servers{path: path, network: network}
	all, err := readServers(path, network)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		setAside(path, err)
	}
	s.all = all
	return s
}

// List returns the servers, best first.
func (s *Servers) List() []peer.AddrInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// Save puts now before what was known and writes the first MaxServers to the
// disk.
func (s *Servers) Save(now []peer.AddrInfo) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := make(map[peer.ID]bool)
	var all []peer.AddrInfo
	for _, p := range append(slices.Clone(now), s.all...) {
		if p.Addrs = usable(p); len(p.Addrs) > 0 && !seen[p.ID] && len(all) < MaxServers {
			seen[p.ID] = true
			all = append(all, p)
		}
	}
	s.all = all
	out := serversFile{Format: serversFormat, Network: s.network, Servers: []filePeer{}}
	for _, p := range all {
		f := filePeer{ID: p.ID.String()}
		for _, a := range p.Addrs {
			f.Addrs = append(f.Addrs, a.String())
		}
		out.Servers = append(out.Servers, f)
	}
	b, err := json.MarshalIndent(out, "", "\t")
	if err != nil {
		return err
	}
	return renameio.WriteFile(s.path, append(b, '\n'), 0o600)
}

// usable returns the first addresses of p that can be dialed.
func usable(p peer.AddrInfo) []ma.Multiaddr {
	var addrs []ma.Multiaddr
	for _, a := range p.Addrs {
		if a, ok := dialable(p.ID, a); ok && len(addrs) < MaxAddrs {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

func readServers(path, network string) ([]peer.AddrInfo, error) {
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
	var in serversFile
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	if in.Format != serversFormat {
		return nil, fmt.Errorf("has the format %.40q, not %q", in.Format, serversFormat)
	}
	if in.Network != network {
		return nil, nil
	}
	var all []peer.AddrInfo
	for _, p := range in.Servers[:min(len(in.Servers), MaxServers)] {
		id, err := peer.Decode(p.ID)
		if err != nil || slices.ContainsFunc(all, func(q peer.AddrInfo) bool { return q.ID == id }) {
			continue
		}
		if addrs := parseAddrs(id, p.Addrs); len(addrs) > 0 {
			all = append(all, peer.AddrInfo{ID: id, Addrs: addrs})
		}
	}
	return all, nil
}
