package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile     = 400 // lines
	maxFunction = 60  // lines
	minComment  = 60  // characters of a package comment
)

func TestPackageComments(t *testing.T) {
	for _, p := range list(t, "./...") {
		if len(p.Doc) == 0 {
			t.Errorf("%s has no package comment; say what it is for and what it must not know", p.ImportPath)
			continue
		}
		if raw := packageComment(t, p); len(raw) < minComment {
			t.Errorf("%s: the package comment %q says too little", p.ImportPath, raw)
		}
	}
}

func packageComment(t *testing.T, p pkg) string {
	t.Helper()
	var all strings.Builder
	for _, f := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(file.Doc.Text())
	}
	return all.String()
}

// TestTopLevel keeps the top of the tree as newcomers learn it.
func TestTopLevel(t *testing.T) {
	want := []string{"go.mod", "go.sum", "cmd", "node", "protocol", "discovery", "api", "scripts", "README.md", "LICENSE"}
	entries, err := os.ReadDir("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(want, e.Name()) {
			t.Errorf("%s does not belong at the top of the tree", e.Name())
		}
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join("../../..", name)); err != nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestSizes keeps files and functions small enough to read at one sitting.
func TestSizes(t *testing.T) {
	err := filepath.WalkDir("../../..", func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && d.Name() != ".." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".pb.go") {
			return nil
		}
		checkSizes(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkSizes(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	if n := fset.File(f.Pos()).LineCount(); n > maxFile {
		t.Errorf("%s has %d lines; over %d it is two files", path, n, maxFile)
	}
	for _, decl := range f.Decls {
		fn, ok := decl.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		if n := fset.Position(fn.End()).Line - fset.Position(fn.Pos()).Line + 1; n > maxFunction {
			t.Errorf("%s: %s has %d lines; over %d it is two functions", path, fn.Name.Name, n, maxFunction)
		}
	}
}

// TestNoSleep: tests wait for conditions.
func TestNoSleep(t *testing.T) {
	const sleep = "time." + "Sleep("
	err := filepath.WalkDir("../../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		if err == nil && strings.Contains(string(src), sleep) && !strings.Contains(string(src), "testing/synctest") {
			t.Errorf("%s sleeps; wait for a condition, or use testing/synctest", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
