package docs

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/beckon-p2p/beckon/api/client"
	"github.com/beckon-p2p/beckon/discovery/mdns"
	"github.com/beckon-p2p/beckon/scripts/netns"
)

// stay are the commands that run until Ctrl-C, by how they begin, and what
// they print when they have begun.
var stay = []struct{ begin, ready string }{
	{"beckond", "ready peer_id="},
	{"beckon listen", "listening for"},
	{"curl -sN", "event: hello"},
}

// TestBlocksAreCovered: every block is in a language that TestReadmeRuns runs or
// compares, and says for which device it is.
func TestBlocksAreCovered(t *testing.T) {
	all := blocks(t, "README.md", read(t, "README.md"))
	if len(all) < 30 {
		t.Errorf("only %d blocks were found", len(all))
	}
	for _, b := range all {
		if !slices.Contains([]string{"sh", "text", "go", "python", "toml"}, b.lang) {
			t.Errorf("README.md:%d: a block in %q is neither run nor marked as text", b.line, b.lang)
		}
		if b.device == "" && b.lang != "toml" {
			t.Errorf("README.md:%d: the block does not say which device it is for", b.line)
		}
	}
}

// reader does what a reader of README.md does.
type reader struct {
	t       *testing.T
	dir     string
	devices map[string]*device
	words   map[string]string // DESK_ID and the like
}

// TestReadmeRuns does everything that README.md says, in its order.
func TestReadmeRuns(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq", "python3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the examples need %s, which is not installed", tool)
		}
	}
	if !netns.Run(t) { // the examples use mDNS, which is nobody else's business
		return
	}
	dir, err := os.MkdirTemp("", "bk") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &reader{t: t, dir: dir, devices: map[string]*device{}, words: map[string]string{}}
	for _, b := range blocks(t, "README.md", read(t, "README.md")) {
		where := fmt.Sprintf("README.md:%d", b.line)
		switch b.lang {
		case "sh":
			r.shell(where, b)
		case "text":
			r.device(b.device).shows(where, r.fill(where, b.text))
		case "go":
			r.device(b.device).leave(where, "go", r.compile(where, b.text))
		case "python":
			file := filepath.Join(dir, "app.py")
			if err := os.WriteFile(file, []byte(b.text), 0o600); err != nil {
				t.Fatal(err)
			}
			r.device(b.device).leave(where, "python", "python3", file)
		case "toml":
			r.settings(where, b.text)
		}
	}
}

func (r *reader) device(name string) *device {
	r.t.Helper()
	if r.devices[name] == nil {
		r.devices[name] = newDevice(r.t, r.dir, name)
	}
	return r.devices[name]
}

var word = regexp.MustCompile(`\b[A-Z]+_(ID|ADDRESS)\b`)

// fill puts what was printed before in the place of DESK_ID and the like.
func (r *reader) fill(where, text string) string {
	return word.ReplaceAllStringFunc(text, func(w string) string {
		if r.words[w] == "" {
			r.t.Fatalf("%s: nobody has told %s yet", where, w)
		}
		return r.words[w]
	})
}

func (r *reader) shell(where string, b block) {
	r.t.Helper()
	text := r.fill(where, b.text)
	if b.device == "repo" {
		r.inTree(where, strings.TrimSpace(text))
		return
	}
	d := r.device(b.device)
	for _, s := range stay {
		if strings.HasPrefix(text, s.begin) {
			if d.name == "laptop" && s.begin == "beckond" && mdns.Multicast() != nil {
				d.env = append(d.env, "BECKON_BOOTSTRAP="+address(r.t, r.device("desk")))
			}
			script := "[ ! -e ../vars ] || . ../vars\nexec " + text
			d.await(where, d.leave(where, strings.Fields(text)[0], "bash", "-c", script), s.ready)
			return
		}
	}
	d.run(where, text)
	first, _, _ := strings.Cut(d.last, "\n")
	switch {
	case text == "beckon id\n":
		r.words[strings.ToUpper(d.name)+"_ID"] = first
	case strings.HasSuffix(text, " jq -r '.addresses[]'\n"):
		r.words[strings.ToUpper(d.name)+"_ADDRESS"] = first
	}
}

// address is where a device can be met where multicast does not work.
func address(t *testing.T, d *device) string {
	c := client.New(d.dir + "/run/beckon/beckon.sock")
	defer c.Close()
	n, err := c.Node(t.Context())
	if err != nil || len(n.Addresses) == 0 {
		t.Fatalf("%s has no address: %v", d.name, err)
	}
	return n.Addresses[0]
}

// trials are the commands that take minutes; their own tests run them in short.
// Here they only tell what they do.
var trials = []string{"scripts/chaos", "scripts/events", "scripts/soak"}

// inTree runs a command at the top of the tree. It may not be scripts/test,
// which runs this test.
func (r *reader) inTree(where, text string) {
	r.t.Helper()
	args := []string{"-c", text}
	if text == "scripts/test" {
		args = []string{"-n", text}
	}
	if slices.Contains(trials, text) {
		args[1] += " --help"
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 4*patience) // it builds
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", args...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "GOBIN="+r.dir+"/bin")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %s: %v\n%s", where, text, err, out)
	}
}

// compile builds a program as if it stood in the tree, and returns its path.
func (r *reader) compile(where, source string) string {
	r.t.Helper()
	file, app := filepath.Join(r.dir, "main.go"), filepath.Join(r.dir, "app")
	place, err := filepath.Abs("example/main.go")
	if err != nil {
		r.t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{place: file}})
	if err != nil {
		r.t.Fatal(err)
	}
	for name, b := range map[string][]byte{file: []byte(source), app + ".json": overlay} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	build := exec.CommandContext(r.t.Context(), "go", "build", "-overlay", app+".json", "-o", app, "./example")
	if out, err := build.CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", where, err, out)
	}
	return app
}

// settings starts a daemon with a config file.
func (r *reader) settings(where, text string) {
	r.t.Helper()
	var said struct {
		Network string
		Listen  []string
	}
	if _, err := toml.Decode(text, &said); err != nil || said.Network == "" {
		r.t.Fatalf("%s: no network in it, or not TOML: %v", where, err)
	}
	d := newDevice(r.t, r.dir, "settings")
	// The file's turn, but for --listen, which stays the environment's.
	d.env = slices.DeleteFunc(d.env, func(v string) bool { return strings.HasPrefix(v, "BECKON_NETWORK=") })
	config := filepath.Join(d.dir, "config", "beckon")
	if err := os.MkdirAll(config, 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(config, "config.toml"), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	d.await(where, d.leave(where, "beckond", "bash", "-c", "exec beckond"), "ready peer_id=")
	d.run(where, "beckon status")
	d.shows(where, "…on network "+said.Network)
}
