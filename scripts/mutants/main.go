// Command mutants breaks rules one at a time and requires that tests notice:
// those of protocol/invitation by the package's tests, those of the switchboard,
// the journal and the sessions by the simulation of whole devices. It changes no
// file: each mutant lives in an overlay of the build. It must not know how the
// tests work.
//
//	go run ./scripts/mutants [-only NAME] [-histories N] [-devices] [-seeds N]
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
	"time"
)

const pkg = "protocol/invitation"

// mutant is one broken rule: the one occurrence of find in a file is replaced.
type mutant struct{ name, rule, file, find, replace string }

var failLine = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

func main() {
	only := flag.String("only", "", "run the mutants whose name contains this")
	histories := flag.Int("histories", 6000, "length of the property test for each mutant")
	devices := flag.Bool("devices", false, "only the mutants of the switchboard, the journal and the sessions")
	seeds := flag.Int("seeds", 3000, "length of the simulation for each of these")
	flag.Parse()
	var trials []trial
	if !*devices {
		for _, m := range mutants {
			trials = append(trials, trial{m.name, m.rule, func(root, tmp string) ([]string, error) { return m.try(root, tmp, *histories) }})
		}
	}
	for _, m := range deviceMutants {
		trials = append(trials, trial{m.name, m.rule, func(root, tmp string) ([]string, error) { return m.try(root, tmp, *seeds) }})
	}
	if err := run(*only, trials); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// trial is a mutant that is tried; try names what kills it.
type trial struct {
	name, rule string
	try        func(root, tmp string) (killers []string, err error)
}

func run(only string, trials []trial) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	began, bad, count := time.Now(), 0, 0
	const line = "%-29s %-62s %s\n"
	fmt.Printf(line, "mutant", "broken rule", "killed by")
	for _, m := range trials {
		if !strings.Contains(m.name, only) {
			continue
		}
		count++
		killers, err := m.try(root, tmp)
		switch {
		case err != nil:
			bad++
			killers = []string{"ERROR: " + err.Error()}
		case len(killers) == 0:
			bad++
			killers = []string{"SURVIVED"}
		}
		fmt.Printf(line, m.name, m.rule, strings.Join(killers, " "))
	}
	fmt.Printf("%d mutants in %v\n", count, time.Since(began).Round(time.Second))
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
	overlay, err := overlaid(root, tmp, filepath.Join(pkg, m.file), m.find, m.replace)
	if err != nil {
		return nil, err
	}
	out, err := goTest(root, "-timeout=90s", overlay, "./"+pkg, "-args", fmt.Sprint("-histories=", histories))
	if err != nil || out == nil {
		return nil, err
	}
	return killers(out), nil
}

// overlaid writes the mutant and returns the flag that builds with it.
func overlaid(root, tmp, file, find, replace string) (string, error) {
	path := filepath.Join(root, file)
	source, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(source, []byte(find)); n != 1 {
		return "", fmt.Errorf("its text is there %d times in %s", n, file)
	}
	changed := filepath.Join(tmp, filepath.Base(file))
	if err := os.WriteFile(changed, bytes.Replace(source, []byte(find), []byte(replace), 1), 0o644); err != nil {
		return "", err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	overlayFile := filepath.Join(tmp, "overlay.json")
	return "-overlay=" + overlayFile, os.WriteFile(overlayFile, overlay, 0o644)
}

// goTest runs go test and returns what it said if tests failed; nil: none did.
func goTest(root string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", append([]string{"test", "-vet=off"}, args...)...)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	if bytes.Contains(out, []byte("[build failed]")) {
		return nil, fmt.Errorf("it does not compile: %s", firstLines(out))
	}
	return out, nil
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
