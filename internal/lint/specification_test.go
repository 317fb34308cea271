package lint

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	promiseRow = regexp.MustCompile(`(?m)^\| ([DMSO][0-9]+) \|(.*)\|(.*)\|$`)
	promiseRef = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9]+)`")
)

// TestSpecification checks that each promise of SPECIFICATION.md names tests, and
// that they exist.
func TestSpecification(t *testing.T) {
	tests := map[string]bool{} // package.Test
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(t \*testing\.T\)`)
	for _, f := range tree(t) {
		if !f.Test() {
			continue
		}
		for _, m := range declared.FindAllStringSubmatch(string(f.Source), -1) {
			tests[f.Dir()+"."+m[1]] = true
		}
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "SPECIFICATION.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := promiseRow.FindAllStringSubmatch(string(b), -1)
	var numbers []string
	for _, row := range rows {
		if slices.Contains(numbers, row[1]) {
			t.Errorf("%s stands for two promises", row[1])
		}
		numbers = append(numbers, row[1])
		refs := promiseRef.FindAllStringSubmatch(row[3], -1)
		if len(refs) == 0 {
			t.Errorf("%s: no test holds it", row[1])
		}
		for _, ref := range refs {
			if !tests[ref[1]+"."+ref[2]] {
				t.Errorf("%s: there is no test %s in %s", row[1], ref[2], ref[1])
			}
		}
	}
	if lines := strings.Count(string(b), "\n| ") - 8; len(rows) != lines { // four tables, two lines of head each
		t.Errorf("%d of %d promises can be read", len(rows), lines)
	}
}
