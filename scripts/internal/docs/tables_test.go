package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// promised are the flags that each command has promised to have.
var promised = map[string]string{
	"id": "qr", "status": "", "doctor": "", "find": "", "ping": "n",
	"invite": "content channel app reach ring glare", "listen": "app accept refuse response exec",
	"accept": "response no-wait", "refuse": "reason response", "cancel": "",
	"ls": "live missed n", "show": "", "explain": "merge", "events": "app after", "online": "", "offline": "",
}

var flagLine = regexp.MustCompile(`(?m)^ +(?:-\w, )?--?([a-z][a-z-]*)`)

// flagsOf returns the flags that a command's help lists, less help and version.
func flagsOf(help string) []string {
	var all []string
	for _, m := range flagLine.FindAllStringSubmatch(help, -1) {
		if m[1] != "help" && m[1] != "version" {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return all
}

// same compares two sets and says what is missing where.
func same(t *testing.T, what string, readme, program []string) {
	t.Helper()
	slices.Sort(readme)
	slices.Sort(program)
	if !slices.Equal(readme, program) {
		t.Errorf("%s: README.md has %q, the program %q", what, readme, program)
	}
}

func TestSettingsTable(t *testing.T) {
	help := said(t, "beckond", "--help")
	var names, variables, keys []string
	for _, row := range rows(t, read(t, "README.md"), "flag | environment") {
		name := strings.TrimPrefix(code(row[0])[0], "--")
		names = append(names, name)
		variables = append(variables, code(row[1])[0])
		keys = append(keys, code(row[2])[0])
		if key := strings.ReplaceAll(name, "-", "_"); code(row[2])[0] != key || code(row[1])[0] != "BECKON_"+strings.ToUpper(key) {
			t.Errorf("the row of --%s names %s and %s", name, row[1], row[2])
		}
	}
	same(t, "flags of beckond", names, flagsOf(help))
	var known []string
	for _, m := range regexp.MustCompile(`\[\$(BECKON_\w+)\]`).FindAllStringSubmatch(help, -1) {
		known = append(known, m[1])
	}
	same(t, "variables", variables, known)
	for _, key := range keys {
		if !regexp.MustCompile(`\b` + key + `\b`).MatchString(help) {
			t.Errorf("beckond --help does not name the key %s", key)
		}
	}
}

func TestCommandTable(t *testing.T) {
	help := said(t, "beckon", "--help")
	_, list, _ := strings.Cut(help, "\nCommands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var told, known []string
	for line := range strings.Lines(list) {
		words, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		known = append(known, strings.TrimSpace("beckon "+words))
	}
	for _, row := range rows(t, read(t, "README.md"), "command | does") {
		full := code(row[0])[0]
		told = append(told, full)
		var flags []string
		for _, c := range code(row[1]) {
			flags = append(flags, strings.TrimLeft(c, "-"))
		}
		name := strings.Fields(full)[1]
		own := flagsOf(said(t, "beckon", name, "--help"))
		same(t, "flags of "+full, flags, slices.DeleteFunc(own, func(f string) bool { return f == "json" || f == "socket" }))
	}
	same(t, "commands", told, known)
}

func TestPromisedFlags(t *testing.T) {
	for name, flags := range promised {
		own := flagsOf(said(t, "beckon", name, "--help"))
		for _, f := range strings.Fields(flags) {
			if !slices.Contains(own, f) {
				t.Errorf("beckon %s --help does not list --%s", name, f)
			}
		}
	}
	for _, f := range []string{"json", "socket"} {
		if !slices.Contains(flagsOf(said(t, "beckon", "--help")), f) {
			t.Errorf("beckon --help does not list --%s", f)
		}
	}
	beckond := flagsOf(said(t, "beckond", "--help"))
	for _, f := range []string{"data-dir", "socket", "listen", "network", "bootstrap", "dht-server", "mdns", "log-level"} {
		if !slices.Contains(beckond, f) {
			t.Errorf("beckond --help does not list --%s", f)
		}
	}
}

// TestExitCodeTable compares with the constants named exit… of the program.
func TestExitCodeTable(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "cmd/beckon/exit.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var known, told []string
	ast.Inspect(file, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(v.Names[0].Name, "exit") && len(v.Values) == 1 {
			if number, ok := v.Values[0].(*ast.BasicLit); ok {
				known = append(known, number.Value)
			}
		}
		return true
	})
	help := said(t, "beckon", "--help")
	for _, row := range rows(t, read(t, "README.md"), "exit code | means") {
		told = append(told, row[0])
		if !regexp.MustCompile(`[:,]\s+` + row[0] + ` [a-z]`).MatchString(help) {
			t.Errorf("beckon --help does not tell exit code %s", row[0])
		}
	}
	same(t, "exit codes", told, known)
}

// TestRequestTable compares with the API's own description.
func TestRequestTable(t *testing.T) {
	var told, known []string
	for _, row := range rows(t, read(t, "README.md"), "request | does") {
		told = append(told, code(row[0])[0])
	}
	path := ""
	for line := range strings.Lines(read(t, "api/openapi.yaml")) {
		if m := regexp.MustCompile(`^  (/\S*):`).FindStringSubmatch(line); m != nil {
			path = m[1]
		}
		if m := regexp.MustCompile(`^    (get|put|post|patch|delete):`).FindStringSubmatch(line); m != nil && path != "" {
			known = append(known, strings.ToUpper(m[1])+" "+path)
		}
	}
	same(t, "requests", told, known)
}

func TestPlaces(t *testing.T) {
	readme := read(t, "README.md")
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(readme, -1)
	if len(links) < 8 {
		t.Errorf("only %d links were found", len(links))
	}
	for _, m := range links {
		if anchor, ok := strings.CutPrefix(m[1], "#"); ok {
			if !slices.Contains(anchors(readme), anchor) {
				t.Errorf("no heading is #%s", anchor)
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
			t.Error(err)
		}
	}
	for _, row := range rows(t, readme, "directory | holds") {
		if _, err := os.Stat(filepath.Join(root, code(row[0])[0])); err != nil {
			t.Error(err)
		}
	}
}

// anchors returns the headings as links name them.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}
