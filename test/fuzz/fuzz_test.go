// Package fuzz sends whatever commands to the real device servers: a drive with
// a cartridge in it, and a library.
package fuzz

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
	"govtl/scsi/smc"
	"govtl/scsi/ssc"
)

// newDrive makes a drive of a model with a small cartridge in it.
func newDrive(p *personality.Drive, barcode string) (*ssc.Drive, error) {
	medium, _, err := personality.MediumByBarcode(barcode)
	if err != nil {
		return nil, err
	}
	fs := &vfs.Memory{}
	spec := libcart.Spec{
		Barcode: barcode, Density: medium.Density, Medium: medium.Name, Capacity: 16 << 20,
		Serial: "SER" + barcode, Made: time.Unix(1, 0), MaxPartitions: medium.MaxPartitions(),
	}
	if err := fs.MkdirAll("/cartridges", 0o700); err != nil {
		return nil, err
	}
	if err := libcart.Create("/cartridges/"+barcode, spec, libcart.Options{FS: fs}); err != nil {
		return nil, err
	}
	d, err := ssc.New(ssc.Options{
		Personality: p, Serial: "0000000001", TargetName: "iqn.2026-11.local.vtl:drive1", FS: fs, MinFree: -1,
	})
	if err != nil {
		return nil, err
	}
	if err := d.Insert(context.Background(), "/cartridges/"+barcode, barcode, "move"); err != nil {
		d.Close()
		return nil, fmt.Errorf("insert: %w", err)
	}
	return d, nil
}

func fuzzDrive(f *testing.F, model, barcode string) {
	p, err := personality.LoadDrive(model)
	if err != nil {
		f.Fatal(err)
	}
	d, err := newDrive(p, barcode)
	if err != nil {
		f.Fatal(err)
	}
	rows := d.Commands()
	d.Close()
	scsitest.FuzzUnit(f, rows, nil, func(t *testing.T) scsi.LogicalUnit {
		d, err := newDrive(p, barcode)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d.Unit()
	})
}

// count is how many random commands a test sends; VTL_RANDOM_COMMANDS sets it.
func count(t *testing.T) int {
	s := os.Getenv("VTL_RANDOM_COMMANDS")
	if s == "" {
		return 2000
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRandomCommands(t *testing.T) {
	for i, c := range []struct{ model, barcode string }{
		{"ibm-ult3580-td8", "VTL001L8"}, {"ibm-ult3580-td6", "VTL001L6"}, {"hp-ultrium-6-scsi", "VTL001L6"}, {"generic", "VTL001L5"},
	} {
		t.Run(c.model, func(t *testing.T) {
			p, err := personality.LoadDrive(c.model)
			if err != nil {
				t.Fatal(err)
			}
			d, err := newDrive(p, c.barcode)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			scsitest.RandomUnit(t, d.Commands(), nil, d.Unit(), count(t), uint64(i))
		})
	}
	for i, model := range []string{"ibm-03584", "hp-msl"} {
		t.Run(model, func(t *testing.T) {
			c, err := newLibrary(model)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			scsitest.RandomUnit(t, c.Commands(), nil, c.Unit(), count(t), uint64(i))
		})
	}
}

func FuzzLTO(f *testing.F)     { fuzzDrive(f, "ibm-ult3580-td8", "VTL001L8") }
func FuzzGeneric(f *testing.F) { fuzzDrive(f, "generic", "VTL001L5") }

// noDrives is a library's reach to its drives when they do not answer.
type noDrives struct{}

func (noDrives) Insert(context.Context, int, smc.Volume, string) error { return smc.ErrUnreachable }
func (noDrives) Remove(context.Context, int, string, string) error     { return smc.ErrUnreachable }
func (noDrives) State(context.Context, int) (smc.DriveState, error) {
	return smc.DriveState{}, smc.ErrUnreachable
}

func newLibrary(model string) (*smc.Changer, error) {
	p, err := personality.LoadLibrary(model)
	if err != nil {
		return nil, err
	}
	return smc.New(smc.Options{
		Personality: p, Serial: "VTL0000001", FS: &vfs.Memory{}, Dir: "/state", Drives: noDrives{},
		Configuration: smc.Configuration{Slots: 4, Mail: 2, DriveElements: []smc.DriveElement{
			{ID: 11, Identity: smc.DriveIdentity{Vendor: "IBM", Product: "ULT3580-TD8", Serial: "DRV0000011"}},
		}},
		Log: slog.New(slog.DiscardHandler), DriveTimeout: time.Millisecond, ProbeTimeout: time.Millisecond, Retry: time.Millisecond,
	})
}

func FuzzLibrary(f *testing.F) {
	const model = "ibm-03584"
	c, err := newLibrary(model)
	if err != nil {
		f.Fatal(err)
	}
	rows := c.Commands()
	c.Close()
	scsitest.FuzzUnit(f, rows, nil, func(t *testing.T) scsi.LogicalUnit {
		c, err := newLibrary(model)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c.Unit()
	})
}
