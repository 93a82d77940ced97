package house

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/beckon-p2p/beckon/"

// room is a part of the tree and the rooms that it may import. The longest
// path that fits a package decides. A room may always import itself.
var arrows = map[string][]string{
	"cmd/beckond":         {"api/server", "api/socket", "node"},
	"cmd/beckon":          {"api/client", "api"},
	"api/server":          {"api", "node", "protocol", "protocol/invitation"},
	"api/client":          {"api"},
	"api/socket":          {},
	"api":                 {},
	"node":                {"protocol", "protocol/invitation", "protocol/stream", "discovery"},
	"discovery":           {},
	"protocol/stream":     {"protocol"},
	"protocol/invitation": {"protocol"},
	"protocol":            {},
}

// bans are imports that would undo the reason for a room. The key is a prefix
// of the import path.
var bans = []struct {
	path, reason string
	rooms        []string // where it is forbidden
	only         []string // or the only rooms where it is allowed
}{
	{path: "github.com/libp2p/", reason: "the life cycles know no network", rooms: []string{"protocol/invitation", "protocol"}},
	{path: "github.com/libp2p/", reason: "apps and the command line start in milliseconds and know only the socket", rooms: []string{"api", "api/client", "cmd/beckon"}},
	{path: "github.com/libp2p/", reason: "only node, discovery and protocol/stream touch the network; cmd/beckond joins its log", only: []string{"node", "discovery", "protocol/stream", "cmd/beckond"}},
	{path: "github.com/urfave/cli", reason: "the command line's library can be changed in one folder", only: []string{"cmd/beckond", "cmd/beckon"}},
	{path: "github.com/danielgtaylor/huma", reason: "the HTTP framework can be changed in one folder", only: []string{"api/server"}},
	{path: "modernc.org/sqlite", reason: "only the journal knows how it is kept", only: []string{"node"}},
}

type pkg struct {
	ImportPath string
	Doc        string
	Dir        string
	GoFiles    []string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, args ...string) []pkg {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Doc,Dir,GoFiles,Imports,Deps"}, args...)...)
	cmd.Dir = "../../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.Bytes())
	}
	var all []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages listed: the rules would check nothing", len(all))
	}
	return all
}

// room returns the room that a package of this module lies in; "" for scripts.
func room(path string) string {
	rel, ours := strings.CutPrefix(path, module)
	if !ours || strings.HasPrefix(rel, "scripts") {
		return ""
	}
	best := ""
	for r := range arrows {
		if (rel == r || strings.HasPrefix(rel, r+"/")) && len(r) > len(best) {
			best = r
		}
	}
	if best == "" {
		return "?" + rel
	}
	return best
}

func TestArrows(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := room(p.ImportPath)
		if from == "" {
			continue
		}
		if strings.HasPrefix(from, "?") {
			t.Errorf("%s lies outside the fixed layout", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) {
				continue
			}
			to := room(imp)
			if to != from && !slices.Contains(arrows[from], to) {
				t.Errorf("%s imports %s: %s may import %v and nothing else of this module", p.ImportPath, imp, from, arrows[from])
			}
		}
	}
}

// TestBans looks at everything a package links, not only at what it names.
func TestBans(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := room(p.ImportPath)
		if from == "" {
			continue
		}
		for _, b := range bans {
			if slices.Contains(b.rooms, from) {
				for _, dep := range p.Deps {
					if strings.HasPrefix(dep, b.path) {
						t.Errorf("%s links %s: %s", p.ImportPath, dep, b.reason)
						break
					}
				}
			}
			if b.only != nil && !slices.Contains(b.only, from) {
				for _, imp := range p.Imports {
					if strings.HasPrefix(imp, b.path) {
						t.Errorf("%s imports %s: %s", p.ImportPath, imp, b.reason)
					}
				}
			}
		}
	}
}

// TestProtocolImports holds protocol to the standard library and protobuf.
func TestProtocolImports(t *testing.T) {
	for _, p := range list(t, "./...") {
		if r := room(p.ImportPath); r != "protocol" && r != "protocol/invitation" {
			continue
		}
		for _, imp := range p.Imports {
			std := !strings.Contains(strings.SplitN(imp, "/", 2)[0], ".")
			if !std && !strings.HasPrefix(imp, module) && !strings.HasPrefix(imp, "google.golang.org/protobuf/") {
				t.Errorf("%s imports %s: protocol is the standard library and protobuf", p.ImportPath, imp)
			}
		}
	}
}
