package ssc

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"govtl/scsi/personality"
)

// TestEveryModelStarts makes a drive of each model.
func TestEveryModelStarts(t *testing.T) {
	for _, name := range personality.DriveNames() {
		r := newRig(t, name)
		r.want(good, []byte{0x12, 0, 0, 0, 96, 0})
		r.want("NOT READY, MEDIUM NOT PRESENT (2/3A/00)", unitOK)
	}
}

func TestWriteAndReadBack(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	r.want(good, unitOK)
	for i := range 3 {
		r.want(good, write6v(1000+i), pattern(i, 1000+i)...)
	}
	r.want(good, filemarks(1))
	r.want(good, write6v(10), pattern(9, 10)...)
	r.want(good, filemarks(2))
	r.want(good, rewind)
	for i := range 3 {
		got := r.want(good, read6v(1000+i))
		if !bytes.Equal(got, pattern(i, 1000+i)) {
			t.Fatalf("block %d differs", i)
		}
	}
	r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 64", read6v(64))
	got := r.want("NO SENSE, NO ADDITIONAL SENSE INFORMATION (0/00/00) ILI information 54", read6v(64))
	if !bytes.Equal(got, pattern(9, 10)) {
		t.Fatal("short block differs")
	}
	r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 64", read6v(64))
	r.want("NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK information 64", read6v(64))
	r.want("BLANK CHECK, END-OF-DATA DETECTED (8/00/05) information 64", read6v(64))
	r.want(good, unload)
	r.want("NOT READY, LOGICAL UNIT NOT READY, INITIALIZING COMMAND REQUIRED (2/04/02)", unitOK)
	r.want(good, loadCDB)
	if got := r.want(good, read6v(1000)); !bytes.Equal(got, pattern(0, 1000)) {
		t.Fatal("block 0 differs after unload and load")
	}
}

func TestInsertRefusals(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	ctx := context.Background()
	dir := r.cartridge("VTL001L6")
	err := r.drive.Insert(ctx, dir, "VTL001L6", "1")
	if !errors.Is(err, ErrIncompatible) {
		t.Fatal(err)
	}
	if s := r.drive.State(); s.Barcode != "" {
		t.Fatalf("after a refusal: %+v", s)
	}
	if err := r.drive.Insert(ctx, dir+"no", "VTL009L9", "2"); !errors.Is(err, ErrVolume) {
		t.Fatal(err)
	}
	r.insert("VTL002L9")
	if err := r.drive.Insert(ctx, r.cartridge("VTL003L9"), "VTL003L9", "3"); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	if err := r.drive.Remove(ctx, "VTL003L9", "4"); !errors.Is(err, ErrEmpty) {
		t.Fatal(err)
	}
	for range 2 { // the same move twice is one
		if err := r.drive.Remove(ctx, "VTL002L9", "5"); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.drive.Remove(ctx, "VTL002L9", "6"); !errors.Is(err, ErrEmpty) {
		t.Fatal(err)
	}
}
