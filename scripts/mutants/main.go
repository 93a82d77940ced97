// Command mutants breaks the rules of protocol/invitation one at a time and
// requires that the package's tests notice. It changes no file: each mutant
// lives in an overlay of the build. It must not know how the tests work.
//
//	go run ./scripts/mutants [-only NAME] [-histories N]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"
)

const pkg = "protocol/invitation"

// mutant is one broken rule: the one occurrence of find in a file is replaced.
type mutant struct{ name, rule, file, find, replace string }

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

func main() {
	only := flag.String("only", "", "run the mutants whose name contains this")
	histories := flag.Int("histories", 6000, "length of the property test for each mutant")
	flag.Parse()
	if err := run(*only, *histories); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(only string, histories int) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	began, bad := time.Now(), 0
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "mutant\tbroken rule\tkilled by")
	for _, m := range mutants {
		if !strings.Contains(m.name, only) {
			continue
		}
		killers, err := m.try(root, tmp, histories)
		switch {
		case err != nil:
			bad++
			killers = []string{"ERROR: " + err.Error()}
		case len(killers) == 0:
			bad++
			killers = []string{"SURVIVED"}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", m.name, m.rule, strings.Join(killers, " "))
	}
	w.Flush()
	fmt.Printf("%d mutants in %v\n", len(mutants), time.Since(began).Round(time.Second))
	if bad > 0 {
		return fmt.Errorf("%d mutants live or do not apply; write the test that kills them, or mend the patch", bad)
	}
	return nil
}

func moduleRoot() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// try runs the tests on the mutant and returns the names of those that failed.
func (m mutant) try(root, tmp string, histories int) ([]string, error) {
	path := filepath.Join(root, pkg, m.file)
	source, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(source, []byte(m.find)); n != 1 {
		return nil, fmt.Errorf("its text is there %d times in %s", n, m.file)
	}
	changed := filepath.Join(tmp, m.file)
	if err := os.WriteFile(changed, bytes.Replace(source, []byte(m.find), []byte(m.replace), 1), 0o644); err != nil {
		return nil, err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return nil, err
	}
	overlayFile := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(overlayFile, overlay, 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "test", "-vet=off", "-timeout=90s", "-overlay="+overlayFile, "./"+pkg, "-args", fmt.Sprint("-histories=", histories))
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	if bytes.Contains(out, []byte("[build failed]")) {
		return nil, fmt.Errorf("it does not compile: %s", firstLines(out))
	}
	return killers(out), nil
}

// killers names the top-level tests that failed.
func killers(out []byte) []string {
	var names []string
	seen := map[string]bool{}
	for _, match := range failLine.FindAllSubmatch(out, -1) {
		name, _, _ := strings.Cut(string(match[1]), "/")
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		names = append(names, "a crash or the time limit")
	}
	return names
}

func firstLines(out []byte) string {
	lines := strings.SplitN(string(out), "\n", 4)
	return strings.Join(lines[:min(3, len(lines))], " / ")
}
