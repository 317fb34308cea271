package lint

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// wellKnown are methods whose name and signature say all: interfaces of the
// standard library.
var wellKnown = []string{"String", "Error", "Unwrap", "Len", "Less", "Swap", "Close"}

// TestComments holds the rule that every package and every exported identifier
// says what it is.
func TestComments(t *testing.T) {
	packages := map[string]bool{} // directory: a file has a package comment
	for _, f := range tree(t) {
		if f.Test() {
			continue
		}
		packages[f.Dir()] = packages[f.Dir()] || f.Syntax.Doc.Text() != ""
		if f.Main() {
			continue
		}
		for _, d := range f.Syntax.Decls {
			for _, missing := range undocumented(d) {
				t.Errorf("%s: exported %s has no doc comment", f.At(missing.Pos()), missing.Name)
			}
		}
	}
	for dir, ok := range packages {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

// undocumented lists the exported identifiers of a declaration without a comment.
// In a block of constants or variables the comment of the block will do, and so
// will one at the end of the line.
func undocumented(d ast.Decl) []*ast.Ident {
	var missing []*ast.Ident
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc.Text() == "" && receiverExported(d) && !(d.Recv != nil && slices.Contains(wellKnown, d.Name.Name)) {
			missing = append(missing, d.Name)
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() && s.Doc.Text() == "" && d.Doc.Text() == "" {
					missing = append(missing, s.Name)
				}
			case *ast.ValueSpec:
				if s.Doc.Text() != "" || d.Doc.Text() != "" || s.Comment.Text() != "" {
					continue
				}
				for _, n := range s.Names {
					if n.IsExported() {
						missing = append(missing, n)
					}
				}
			}
		}
	}
	return missing
}

// receiverExported reports whether a function is one or a method of an exported type.
func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	base := d.Recv.List[0].Type
	for {
		switch e := base.(type) {
		case *ast.StarExpr:
			base = e.X
		case *ast.IndexExpr:
			base = e.X
		case *ast.IndexListExpr:
			base = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

// TestDocNames: a doc comment of a function begins with its name.
func TestDocNames(t *testing.T) {
	for _, f := range tree(t) {
		if f.Test() || f.Main() {
			continue
		}
		for _, d := range f.Syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || !fn.Name.IsExported() || fn.Doc.Text() == "" || !receiverExported(fn) {
				continue
			}
			if first, _, _ := strings.Cut(fn.Doc.Text(), " "); strings.TrimRight(first, ",:.\n") != fn.Name.Name {
				t.Errorf("%s: the comment of %s begins with %q", f.At(fn.Pos()), fn.Name.Name, first)
			}
		}
	}
}
