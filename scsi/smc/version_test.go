package smc

import (
	"errors"
	"strings"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi/spc"
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

// TestNewerDevice: a library does not start without the pages and reservations
// that a newer program has saved, and leaves them as they are.
func TestNewerDevice(t *testing.T) {
	l := newLibrary(t, "ibm-03584")
	l.c.Close()
	l.c = nil
	newer := []byte(`{"version":2,"reservations":"of another kind"}`)
	if err := vfs.ReplaceFile(l.opt.FS, "/state/"+spcName, newer, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := New(l.opt); !errors.Is(err, spc.ErrVersion) || !strings.Contains(err.Error(), "/state/"+spcName) {
		t.Errorf("%v, %v", c, err)
	}
	if after, err := l.opt.FS.ReadFile("/state/"+spcName, 1000); err != nil || string(after) != string(newer) {
		t.Errorf("it became %q, %v", after, err)
	}
}
