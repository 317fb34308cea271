//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"govtl/test/linux"
	"govtl/test/ltfs"
	"govtl/test/suite"
)

// generations are drives that LTFS knows, with media and the methods of logical
// block protection that they have.
var generations = []struct {
	model, barcode string
	methods        []byte
}{
	{"ibm-ult3580-td5", "LTF005L5", []byte{1}},
	{"ibm-ult3580-td6", "LTF006L6", []byte{1}},
	{"ibm-ult3580-td7", "LTF007L7", []byte{1, 2}},
	{"ibm-ult3580-td8", "LTF008L8", []byte{1, 2}},
	{"ibm-ult3580-td9", "LTF009L9", []byte{1, 2}},
	{"ibm-ult3580-tda", "LTF010LA", []byte{1, 2}},
	{"hp-ultrium-6-scsi", "LTF016L6", nil},
}

// TestLTFS has LTFS's sequence of commands go through the kernel's sg driver to a
// drive of each generation: mkltfs, mount, write with protection, append-only,
// unmount, mount by coherency data, fill to the end, check.
func TestLTFS(t *testing.T) {
	var drives, media strings.Builder
	ids := make([]int, len(generations))
	for i, g := range generations {
		ids[i] = 11 + i
		fmt.Fprintf(&drives, "      - {id: %d, model: %s, serial: VTL00000%d}\n", 11+i, g.model, 11+i)
		fmt.Fprintf(&media, "      - {barcodes: %s, size-mib: 16}\n", g.barcode)
	}
	r := newRig(t, suite.Options{Config: "version: 1\nlibraries:\n  - id: 10\n    model: ibm-03584\n    serial: VTL0000010\n    slots: 10\n    drives:\n" +
		drives.String() + "    media:\n" + media.String()}, ids...)
	for i, g := range generations {
		t.Run(g.model, func(t *testing.T) {
			drive := r.load(t, i+1, i)
			u, err := linux.OpenGeneric(drive.Generic)
			if err != nil {
				t.Fatal(err)
			}
			defer u.Close()
			if err := ltfs.Story(u, g.methods...); err != nil {
				t.Fatal(err)
			}
			linux.Run(t, "mtx -f %s unload %d %d", r.changer.Generic, i+1, i)
		})
	}
}
