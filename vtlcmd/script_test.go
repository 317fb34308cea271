package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaned{m}, map[string]func(){"vtlcmd": main})
}

// cleaned removes the programs that the tests have built.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	status := c.M.Run()
	if dir := built.Load(); dir != nil {
		os.RemoveAll(*dir)
	}
	return status
}

// TestScripts runs the program as an operator does, without a suite.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CONFIG_HOME", e.WorkDir+"/config")
			e.Setenv("XDG_STATE_HOME", e.WorkDir+"/state")
			return nil
		},
	})
}
