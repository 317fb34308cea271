//go:build e2e

package mhvtl

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"govtl/test/suite"
)

// TestStart brings a site over and starts it: its devices answer, show what they
// showed, and the library has its cartridges where they were.
func TestStart(t *testing.T) {
	root := sampleSite(t)
	change(t, filepath.Join(root, "etc/mhvtl/device.conf"), func(b []byte) []byte {
		return bytes.Replace(b, []byte("/usr/local/bin/on-move"), []byte("/bin/true"), 1)
	})
	m := randomModel(3, 1)
	move(t, m.write(t, Version6, false), filepath.Join(root, "srv/tapes/10/F01001L6"))
	i := importSite(t, root)
	dir := t.TempDir()
	if err := i.Write(filepath.Join(dir, "vtl.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, c := range i.Cartridges {
		if c.Path == "" {
			continue
		}
		if _, err := Convert(t.Context(), c.Path, filepath.Join(dir, "state/cartridges/10", c.Barcode), ConvertOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	s := suite.Start(t, suite.Options{Dir: dir})
	for _, c := range []struct{ args, want string }{
		{"12 status", "ACME ULTRIUM-TD5 G36F"},
		{"13 status", "STK T10000Z"},
		{"30 status", "NOBODY PYTHON"},
		{"10 inventory", "slot   1     address 1000   F01001L6"},
		{"30 inventory", "slot   2     address 1025   B00001L8"},
	} {
		out := s.Command(t, strings.Fields(c.args)...)
		if !strings.Contains(out, c.want) {
			t.Errorf("vtlcmd %s does not say %q:\n%s", c.args, c.want, out)
		}
	}
	s.Command(t, "11", "load", "F01001L6")
	s.Command(t, "11", "unload")
}
