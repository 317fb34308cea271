package scsitest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/scsi"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the replies in transcripts")

// Command is what an initiator sends.
type Command struct {
	CDB []byte
	LUN scsi.LUN
	Out []byte

	// ExpectedOut and ExpectedIn are what the initiator announces, in bytes;
	// -1: ExpectedOut is the length of Out, ExpectedIn is enough for anything.
	ExpectedOut, ExpectedIn int
}

// Result is what comes back.
type Result struct {
	Status scsi.Status
	Sense  []byte // as sent
	In     []byte
	Name   string // the command's name, when the unit tells
	// Residual says something of the residual, such as "under by 4"; empty: none.
	Residual string
}

// Unit is a logical unit as initiators see it. A nexus logs in on first use.
type Unit interface {
	Execute(nexus string, c Command) (Result, error)
	Manage(nexus string, fn scsi.TaskManagement) (scsi.TaskManagementResponse, error)

	// Logout ends a nexus; Reconnect reinstates it.
	Logout(nexus string) error
	Reconnect(nexus string) error
}

// Env is what a transcript runs in.
type Env struct {
	Unit Unit

	// Steps are the test's own steps by their first word; what they return
	// is the reply, an empty string none.
	Steps map[string]func(args []string) (string, error)
}

// RunFiles runs each transcript that matches a glob pattern as a subtest, in an
// environment of its own. With -rewrite it rewrites the replies.
func RunFiles(t *testing.T, pattern string, env func(t *testing.T) *Env) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("no transcript matches %s", pattern)
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), filepath.Ext(f))
		t.Run(name, func(t *testing.T) { RunFile(t, f, env(t)) })
	}
}

// RunFile runs one transcript.
func RunFile(t *testing.T, path string, env *Env) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Run(string(want), env)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if got == string(want) {
		return
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s:\n%s(rewrite with -rewrite)", path, diff(string(want), got))
}
