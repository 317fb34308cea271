package smc

import (
	"fmt"
	"io"
	"log/slog"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/personality"
	"govtl/scsi/scsitest"
)

// bigLibrary has 10,000 full slots, 200 mail slots and 255 drives.
func bigLibrary(b testing.TB) (*Changer, scsitest.Unit) {
	b.Helper()
	m, err := personality.LoadLibrary("stk-l700")
	if err != nil {
		b.Fatal(err)
	}
	cfg := Configuration{Slots: 10000, Mail: 200}
	var ids []int
	for id := 11; id < 11+255; id++ {
		cfg.DriveElements = append(cfg.DriveElements, testDrive(id))
		ids = append(ids, id)
	}
	c, err := New(Options{
		Personality: m, Serial: "VTL0000010", FS: &vfs.Memory{}, Dir: "/state", Drives: newBay(ids...),
		Configuration: cfg, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	var vols []Volume
	for i := range cfg.Slots {
		vols = append(vols, testVolume(fmt.Sprintf("B%05dL8", i)))
	}
	if _, err := c.AddVolumes(vols, 1); err != nil {
		b.Fatal(err)
	}
	u := scsitest.InProcess(c.Unit())
	for range 3 { // unit attention conditions
		if _, err := u.Execute("a", scsitest.Command{CDB: make([]byte, 6), ExpectedOut: -1, ExpectedIn: -1}); err != nil {
			b.Fatal(err)
		}
	}
	return c, u
}

// TestBigLibrary: the largest library there can be starts, says what it has, and
// moves volumes.
func TestBigLibrary(t *testing.T) {
	c, u := bigLibrary(t)
	do := func(cdb ...byte) scsitest.Result {
		t.Helper()
		r, err := u.Execute("a", scsitest.Command{CDB: cdb, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil || r.Status != scsi.Good {
			t.Fatalf("command %02Xh: %v, %v", cdb[0], r.Status, err)
		}
		return r
	}
	r := do(0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF, 0, 0)
	if n := len(checkReport(t, r.In, true)); n != 10000+200+255+1 {
		t.Errorf("%d elements", n)
	}
	move := moveCDB(c.Address(Element{Storage, 10000}), c.Address(Element{DataTransfer, 255}))
	do(move...)
	if v := c.inventory().volume(Element{DataTransfer, 255}); v == nil || v.Barcode != "B09999L8" {
		t.Errorf("the last drive holds %v", v)
	}
	do(moveCDB(c.Address(Element{DataTransfer, 255}), c.Address(Element{ImportExport, 200}))...)
}

// BenchmarkReadElementStatus reports 10,455 elements with volume tags and drive
// identifiers.
func BenchmarkReadElementStatus(b *testing.B) {
	_, u := bigLibrary(b)
	b.ReportAllocs()
	for b.Loop() {
		r, err := u.Execute("a", scsitest.Command{
			CDB: []byte{0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0xFF, 0xFF, 0xFF, 0, 0}, ExpectedOut: -1, ExpectedIn: -1,
		})
		if err != nil || r.Status != scsi.Good {
			b.Fatal(r.Status, err)
		}
		b.SetBytes(int64(len(r.In)))
	}
}

// BenchmarkMove moves a volume between slots of a library with 10,000.
func BenchmarkMove(b *testing.B) {
	c, u := bigLibrary(b)
	if _, err := c.AddSlot(b.Context(), 1); err != nil {
		b.Fatal(err)
	}
	for range 3 {
		if _, err := u.Execute("a", scsitest.Command{CDB: make([]byte, 6), ExpectedOut: -1, ExpectedIn: -1}); err != nil {
			b.Fatal(err)
		}
	}
	from, to := c.Address(Element{Storage, 1}), c.Address(Element{Storage, 10001})
	b.ReportAllocs()
	for b.Loop() {
		r, err := u.Execute("a", scsitest.Command{CDB: moveCDB(from, to), ExpectedOut: -1, ExpectedIn: -1})
		if err != nil || r.Status != scsi.Good {
			b.Fatal(r.Status, err)
		}
		from, to = to, from
	}
}
