package ltfs_test

import (
	"context"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
	"govtl/scsi/ssc"
	"govtl/test/ltfs"
)

// TestStory tells the story of a volume on each generation of drive that LTFS
// knows, with a cartridge as small as people make them.
func TestStory(t *testing.T) {
	for model, methods := range map[string][]byte{
		"ibm-ult3580-td5": {1}, "ibm-ult3580-hh5": {1}, "ibm-ult3580-td6": {1}, "ibm-ult3580-td7": {1, 2},
		"ibm-ult3580-td8": {1, 2}, "ibm-ult3580-td9": {1, 2}, "ibm-ult3580-hh9": {1, 2}, "ibm-ult3580-tda": {1, 2},
		"hp-ultrium-5-scsi": nil, "hp-ultrium-6-scsi": nil, "hpe-ultrium-9-scsi": nil, "quantum-ultrium-hh8": nil,
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			p, err := personality.LoadDrive(model)
			if err != nil {
				t.Fatal(err)
			}
			m, _ := p.Medium(p.Native)
			fs := &vfs.Memory{}
			if err := fs.MkdirAll("/lib", 0o700); err != nil {
				t.Fatal(err)
			}
			err = libcart.Create("/lib/LTF001", libcart.Spec{Barcode: "LTF001", Density: m.Density, Medium: m.Name, Capacity: 16 << 20,
				Serial: "S1", Made: time.Unix(1, 0), MaxPartitions: m.MaxPartitions()}, libcart.Options{FS: fs})
			if err != nil {
				t.Fatal(err)
			}
			d, err := ssc.New(ssc.Options{Personality: p, FS: fs, Serial: "10WT000001", TargetName: "iqn.2026-11.test:drive", MinFree: -1})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if err := d.Insert(context.Background(), "/lib/LTF001", "LTF001", "1"); err != nil {
				t.Fatal(err)
			}
			if err := ltfs.Story(ltfs.InProcess(d.Unit()), methods...); err != nil {
				t.Fatal(err)
			}
		})
	}
}
