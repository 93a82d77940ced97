package invitation_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestNoClockNoChance reads the package's sources: what it must not know it
// cannot use by mistake.
func TestNoClockNoChance(t *testing.T) {
	allowed := []string{"fmt", "slices", "strings", "time", "github.com/beckon-p2p/beckon/protocol"}
	forbidden := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		read++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imp := range file.Imports {
			if path, _ := strconv.Unquote(imp.Path.Value); !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s; the state machines know only %v", name, path, allowed)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(forbidden, n.Sel.Name) {
					t.Errorf("%s uses time.%s; the time is an argument of Step", set.Position(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
	if read < 5 {
		t.Fatalf("read only %d sources", read)
	}
}
