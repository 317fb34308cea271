package lint

import (
	"go/ast"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	// document is the name of a standard, anywhere.
	document = regexp.MustCompile(`\b((?:SAM|SPC|SSC|SMC|MMC|SBC|ADC|SFSC|SPL)-\d|RFC \d{4})\b`)

	// clauseLike is a string that means to be a clause; clause is one that is.
	clauseLike = regexp.MustCompile(`^(?:SAM|SPC|SSC|SMC|MMC|SBC|ADC)-\d( .*)?$`)
	clause     = regexp.MustCompile(`^[A-Z]{3}-\d (?:Annex )?[0-9A-Z]+(?:\.\d+)*$`)
)

// TestReferences: every standard that the code names has its revision in
// docs/references.md, and every clause in a table is one document and one number.
// That no row is without a clause is checked where tables are built
// (scsi.Table.Finish).
func TestReferences(t *testing.T) {
	list, err := os.ReadFile("../../docs/references.md")
	if err != nil {
		t.Fatal(err)
	}
	clauses := 0
	for _, f := range tree(t) {
		for i, line := range strings.Split(string(f.Source), "\n") {
			for _, name := range document.FindAllString(line, -1) {
				if !strings.Contains(string(list), "| "+name+" |") {
					t.Errorf("%s:%d: %s is not in docs/references.md", f.Path, i+1, name)
				}
			}
		}
		if f.Test() || !strings.HasPrefix(f.Path, "scsi/") {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || !clauseLike.MatchString(text) {
				return true
			}
			if clauses++; !clause.MatchString(text) {
				t.Errorf("%s: %q is not a document and a clause", f.At(literal.Pos()), text)
			}
			return true
		})
	}
	if clauses < 60 {
		t.Errorf("only %d clauses found: where are the tables?", clauses)
	}
}
