package lint

import (
	"bytes"
	"go/ast"
	"go/format"
	"regexp"
	"strings"
	"testing"
)

// tree loads the module once for each test; parsing it takes a fraction of a second.
func tree(t *testing.T) []*File {
	t.Helper()
	files, err := Load("../..")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 10 {
		t.Fatalf("only %d Go files found: wrong directory?", len(files))
	}
	return files
}

func TestFormat(t *testing.T) {
	for _, f := range tree(t) {
		formatted, err := format.Source(f.Source)
		if err != nil || !bytes.Equal(formatted, f.Source) {
			t.Errorf("%s: not as gofmt has it %v", f.Path, err)
		}
	}
}

// maxLines is where a file has become two.
const maxLines = 800

func TestFileLength(t *testing.T) {
	for _, f := range tree(t) {
		if n := bytes.Count(f.Source, []byte("\n")); n > maxLines {
			t.Errorf("%s: %d lines, more than %d", f.Path, n, maxLines)
		}
	}
}

// leftovers says that something is not done, or names a place that only one
// developer's machine has. The words are cut so that this file passes.
var leftovers = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b|[Nn]ot (yet )?imple` + `mented|unimple` + `mented|/(home|Users|wo` + `rk)/\w`)

func TestLeftovers(t *testing.T) {
	for _, f := range tree(t) {
		for i, line := range strings.Split(string(f.Source), "\n") {
			if found := leftovers.FindString(line); found != "" {
				t.Errorf("%s:%d: %q", f.Path, i+1, found)
			}
		}
	}
}

// TestExits holds the rule that nothing below main ends the process, and that
// nothing runs before main.
func TestExits(t *testing.T) {
	for _, f := range tree(t) {
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Name.Name == "init" && n.Recv == nil {
					t.Errorf("%s: func init", f.At(n.Pos()))
				}
			case *ast.SelectorExpr:
				if f.Main() || f.Test() {
					return true
				}
				from, _ := n.X.(*ast.Ident)
				if from == nil {
					return true
				}
				ends := from.Name == "os" && n.Sel.Name == "Exit" || from.Name == "log" && (strings.HasPrefix(n.Sel.Name, "Fatal") || strings.HasPrefix(n.Sel.Name, "Panic"))
				if ends {
					t.Errorf("%s: %s.%s below main", f.At(n.Pos()), from.Name, n.Sel.Name)
				}
			}
			return true
		})
	}
}

// TestNothingIsSkipped: a test that cannot run fails and says what is missing.
func TestNothingIsSkipped(t *testing.T) {
	for _, f := range tree(t) {
		if !f.Test() {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fun, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := fun.X.(*ast.Ident); ok && strings.HasPrefix(fun.Sel.Name, "Skip") && (x.Name == "t" || x.Name == "b" || x.Name == "f" || x.Name == "tb") {
				t.Errorf("%s: %s.%s", f.At(n.Pos()), x.Name, fun.Sel.Name)
			}
			return true
		})
	}
}
