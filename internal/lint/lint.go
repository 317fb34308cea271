// Package lint holds the house rules as Go tests: which package may import
// which, formatting, documentation, file length, and what may not be left
// behind. `go test ./internal/lint` judges the whole work tree.
package lint

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Module is the path of the module that is judged.
const Module = "govtl"

// File is one Go file of the work tree.
type File struct {
	Path   string // from the module's root, with slashes
	Source []byte
	Syntax *ast.File
	Set    *token.FileSet
}

// Dir is the directory of the file from the module's root, "." for the root.
func (f *File) Dir() string { return filepath.ToSlash(filepath.Dir(f.Path)) }

// Test reports whether the file belongs to a package's tests.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Main reports whether the file belongs to a program.
func (f *File) Main() bool { return f.Syntax.Name.Name == "main" }

// At renders a position in the file as path:line.
func (f *File) At(pos token.Pos) string {
	return fmt.Sprintf("%s:%d", f.Path, f.Set.Position(pos).Line)
}

// Load parses all Go files below root, which is the module's root directory.
// Hidden directories, testdata and build output are left out.
func Load(root string) ([]*File, error) {
	var files []*File
	set := token.NewFileSet()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "dist") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasPrefix(name, ".") {
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(set, path, source, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		files = append(files, &File{Path: filepath.ToSlash(rel), Source: source, Syntax: syntax, Set: set})
		return nil
	})
	return files, err
}
