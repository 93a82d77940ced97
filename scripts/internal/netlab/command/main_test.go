//go:build linux

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"help"}, {"grid", "more"}, {"grid", "--pairs", "eim"}, {"grid", "--rounds", "0"}, {"run"}, {"list", "--no-such"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), "usage:") {
			t.Errorf("%q: exit code %d, %s", args, code, stderr.String())
		}
	}
}

// TestClears: the directory of the build goes, also after wrong usage.
func TestClears(t *testing.T) {
	for _, args := range [][]string{{"list"}, {"list", "--no-such"}} {
		dir := filepath.Join(t.TempDir(), "build")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		run([]string{args[0], "--clear", dir, strings.Join(args[1:], " ")}, &stdout, &stderr)
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// TestList: every scenario has a line.
func TestList(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run([]string{"list"}, &stdout, &stderr); code != 0 || strings.Count(stdout.String(), "\n") < 9 {
		t.Errorf("exit code %d, %s%s", code, stdout.String(), stderr.String())
	}
}
