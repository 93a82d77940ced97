package main

import (
	"path/filepath"
	"testing"
)

// TestMutantsApply: what each mutant changes is there, once; whether it is killed
// takes many minutes to find out.
func TestMutantsApply(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	tmp := t.TempDir()
	for _, m := range mutants {
		if _, err := overlaid(root, tmp, filepath.Join(pkg, m.file), m.find, m.replace); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
	for _, m := range deviceMutants {
		if _, err := overlaid(root, tmp, m.file, m.find, m.replace); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
	}
}
