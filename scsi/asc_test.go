package scsi

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"testing"
)

// TestEveryASCHasItsText: the list of codes and the list of texts name the same.
func TestEveryASCHasItsText(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "asc.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := map[ASC]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		lit, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		v, _ := constant.Uint64Val(constant.MakeFromLiteral(lit.Value, lit.Kind, 0))
		name := spec.Names[0].Name
		if other, twice := codes[ASC(v)]; twice {
			t.Errorf("%s and %s are both %04Xh", other, name, v)
		}
		codes[ASC(v)] = name
		if ascText[ASC(v)] == "" {
			t.Errorf("%s (%04Xh) has no text", name, v)
		}
		return true
	})
	for a := range ascText {
		if codes[a] == "" {
			t.Errorf("%04Xh has a text and no name", uint16(a))
		}
	}
	if len(codes) < 50 {
		t.Errorf("only %d codes found", len(codes))
	}
}
