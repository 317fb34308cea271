package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"mktape": main})
}

// TestScripts runs the program as an operator does.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("CONFIGURATION_DIRECTORY", e.WorkDir+"/config")
			e.Setenv("STATE_DIRECTORY", e.WorkDir+"/state/vtl")
			e.Setenv("SOURCE_DATE_EPOCH", "1700000000")
			return nil
		},
	})
}

func TestCountUp(t *testing.T) {
	for _, c := range []struct {
		barcode string
		n       int
		want    string
	}{{"VTL001L9", 19, "VTL020L9"}, {"CLN001CU", 1, "CLN002CU"}, {"A00001", 9, "A00010"}, {"VTL999L9", 1, ""}, {"ABCDEF", 1, ""}, {"E01001L8", 99, "E01100L8"}} {
		if got, err := countUp(c.barcode, c.n); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("countUp(%q, %d) = %q, %v", c.barcode, c.n, got, err)
		}
	}
}
