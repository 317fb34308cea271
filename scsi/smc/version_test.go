package smc

import (
	"errors"
	"strings"
	"testing"

	"govtl/internal/vfs"
)

// TestNewerInventory: what a newer program has written is refused and left as it
// is; a number that has only been hit by damage is damage.
func TestNewerInventory(t *testing.T) {
	for _, tc := range []struct {
		file  string
		newer bool
	}{
		{"vtl-inventory 2 0123456789ABCDEF\nanything", true},
		{"vtl-inventory 10 ", true},
		{"vtl-inventory 0 00000000\n{}", false},
		{"vtl-inventory x 00000000\n{}", false},
		{"vtl-inventory", false},
	} {
		f := &vfs.Memory{}
		if err := f.MkdirAll("/state", 0o700); err != nil {
			t.Fatal(err)
		}
		if err := vfs.ReplaceFile(f, "/state/"+inventoryName, []byte(tc.file), 0o600); err != nil {
			t.Fatal(err)
		}
		s, _, damaged, err := openStore(f, "/state")
		if s != nil {
			s.close()
		}
		if got := errors.Is(err, ErrVersion); got != tc.newer || !tc.newer && !errors.Is(damaged, ErrDamaged) {
			t.Errorf("%q: %v, damaged %v", tc.file, err, damaged)
		}
		if !tc.newer {
			continue
		}
		if !strings.Contains(err.Error(), "/state/"+inventoryName) {
			t.Errorf("which file? %v", err)
		}
		if after, err := f.ReadFile("/state/"+inventoryName, 1000); err != nil || string(after) != tc.file {
			t.Errorf("%q became %q, %v", tc.file, after, err)
		}
	}
}
