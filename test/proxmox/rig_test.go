package proxmox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart"
	"govtl/scsi/personality"
	"govtl/scsi/smc"
	"govtl/scsi/ssc"
	"govtl/test/ltfs"
)

// shelf is a place for cartridges in memory.
type shelf struct {
	fs *vfs.Memory
	t  *testing.T
}

func newShelf(t *testing.T) shelf {
	t.Helper()
	r := shelf{&vfs.Memory{}, t}
	if err := r.fs.MkdirAll("/lib", 0o700); err != nil {
		t.Fatal(err)
	}
	return r
}

// cartridge makes a small one of a medium and returns its directory.
func (r shelf) cartridge(m *personality.Medium, barcode string, change ...func(*libcart.Spec)) string {
	r.t.Helper()
	dir := filepath.Join("/lib", barcode)
	s := libcart.Spec{Barcode: barcode, Density: m.Density, Medium: m.Name, Capacity: 10 << 20,
		Serial: "S" + barcode, Made: time.Unix(1, 0), MaxPartitions: m.MaxPartitions()}
	for _, f := range change {
		f(&s)
	}
	err := libcart.Create(dir, s, libcart.Options{FS: r.fs})
	if err != nil {
		r.t.Fatal(err)
	}
	return dir
}

// drive makes a drive of a model.
func (r shelf) drive(p *personality.Drive, id int) *ssc.Drive {
	r.t.Helper()
	d, err := ssc.New(ssc.Options{Personality: p, FS: r.fs, Serial: fmt.Sprintf("VTL%07d", id), TargetName: fmt.Sprintf("iqn.2026-11.test:drive%d", id), MinFree: -1})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { d.Close() })
	return d
}

// bay reaches the drives of a library without a message bus: smc.Drives.
type bay map[int]*ssc.Drive

// refusal turns a drive's error into a changer's.
func refusal(err error) error {
	for from, to := range map[error]error{ssc.ErrIncompatible: smc.ErrIncompatible, ssc.ErrFull: smc.ErrDriveFull, ssc.ErrEmpty: smc.ErrDriveEmpty} {
		if errors.Is(err, from) {
			return fmt.Errorf("%w: %w", to, err)
		}
	}
	return err
}

// Insert implements smc.Drives.
func (b bay) Insert(ctx context.Context, id int, v smc.Volume, moveID string) error {
	return refusal(b[id].Insert(ctx, v.Dir, v.Barcode, moveID))
}

// Remove implements smc.Drives.
func (b bay) Remove(ctx context.Context, id int, barcode, moveID string) error {
	return refusal(b[id].Remove(ctx, barcode, moveID))
}

// State implements smc.Drives.
func (b bay) State(ctx context.Context, id int) (smc.DriveState, error) {
	s, err := b[id].Holds(ctx)
	return smc.DriveState{Barcode: s.Barcode, Loaded: s.Loaded, MoveID: s.MoveID, RemovalPrevented: s.RemovalPrevented}, err
}

// library makes a library of a model with two drives of another, and cartridges
// with some barcodes in its first slots.
func (r shelf) library(model string, p *personality.Drive, slots, mail int, barcodes ...string) (ltfs.Unit, bay) {
	r.t.Helper()
	m, err := personality.LoadLibrary(model)
	if err != nil {
		r.t.Fatal(err)
	}
	medium, ok := p.Medium(p.Native)
	if !ok {
		r.t.Fatalf("no medium of density %02Xh", p.Native)
	}
	drives := bay{}
	o := smc.Options{Personality: m, Serial: "VTL0000010", FS: r.fs, Dir: "/state", Drives: drives, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Configuration: smc.Configuration{Slots: slots, Mail: mail}}
	for id := 11; id <= 12; id++ {
		drives[id] = r.drive(p, id)
		o.DriveElements = append(o.DriveElements, smc.DriveElement{ID: id, Identity: smc.DriveIdentity{Vendor: p.Inquiry.Vendor, Product: p.Inquiry.Product, Serial: fmt.Sprintf("VTL%07d", id)}})
	}
	c, err := smc.New(o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	for i, b := range barcodes {
		if _, err := c.AddVolume(smc.Volume{Barcode: b, Dir: r.cartridge(medium, b), Kind: personality.KindData, Medium: medium.Name}, i+1); err != nil {
			r.t.Fatal(err)
		}
	}
	return ltfs.InProcess(c.Unit()), drives
}
