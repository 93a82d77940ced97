package docs

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/beckon-p2p/beckon/api"
)

// TestOtherPages: an example in another page than README.md would not be run,
// so there is none.
func TestOtherPages(t *testing.T) {
	pages := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".md") || path == filepath.Join(root, "README.md") {
			return nil
		}
		pages++
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, block := range blocks(t, path, string(b)) {
			if !slices.Contains([]string{"", "text", "protobuf"}, block.lang) {
				t.Errorf("%s:%d: examples in %s are run in README.md only", path, block.line, block.lang)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pages == 0 {
		t.Error("no other pages were found")
	}
}

// TestStreamExample reads the stream of events in api/openapi.yaml as an app
// would.
func TestStreamExample(t *testing.T) {
	_, rest, ok := strings.Cut(read(t, "api/openapi.yaml"), "example: |+\n")
	if !ok {
		t.Fatal("api/openapi.yaml has no example")
	}
	indent := len(rest) - len(strings.TrimLeft(rest, " "))
	event, told := "", []string{}
	for line := range strings.Lines(rest) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && !strings.HasPrefix(line, strings.Repeat(" ", indent)) {
			break
		}
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch field {
		case "event":
			event = value
			told = append(told, event)
		case "data":
			var into any = &api.Event{}
			if event == api.EventHello {
				into = &api.Hello{}
			}
			value = strings.NewReplacer(`{…}`, `{}`, `"time":"…"`, `"time":"2026-01-02T03:04:05.678Z"`).Replace(value)
			d := json.NewDecoder(bytes.NewReader([]byte(value)))
			d.DisallowUnknownFields()
			if err := d.Decode(into); err != nil {
				t.Errorf("%s: %v\n%s", event, err, value)
			}
		}
	}
	if !slices.Equal(told, []string{api.EventHello, api.RemoteInvitationReceived}) {
		t.Errorf("the example has the events %q", told)
	}
}
