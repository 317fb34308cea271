package ssc

import (
	"bytes"
	"context"
	"testing"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// sevenAs makes an LTO-7 cartridge with a barcode.
func (r *rig) sevenAs(barcode string) string {
	m, err := personality.LoadMedium("LTO7")
	if err != nil {
		r.t.Fatal(err)
	}
	return r.cartridgeOf(m, barcode, func(s *libcart.Spec) { s.Capacity = 600 << 20 })
}

// densityNow is the density code that MODE SENSE tells, and those that REPORT
// DENSITY SUPPORT tells of the medium, the default one negative.
func (r *rig) densityNow() (now byte, all []int) {
	r.t.Helper()
	now = r.want(good, []byte{0x1A, 0, 0, 0, 12, 0})[4]
	b := r.want(good, []byte{0x44, 1, 0, 0, 0, 0, 0, 1, 0, 0})
	for at := 4; at < len(b); at += 52 {
		code := int(b[at])
		if b[at+2]&0x20 != 0 {
			code = -code
		}
		all = append(all, code)
	}
	return now, all
}

// TestTypeM: a new LTO-7 cartridge whose barcode says M8 becomes that with the first
// write in an LTO-8 drive, and stays it; any other stays what it is.
func TestTypeM(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td8")
	dir := r.sevenAs("VTL001M8")
	r.load(dir, "VTL001M8")
	now, all := r.densityNow()
	if now != 0x5D || len(all) != 2 || all[0] != 0x5C || all[1] != -0x5D {
		t.Fatalf("before the first write: %02X, %02X", now, all)
	}
	if got := r.want(good, []byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0x05, 0, 0, 0, 0, 12, 0, 0}); !bytes.Equal(got[4:], []byte{5, 0, 0x80, 0, 3, 2, 0x5C, 0x5D}) {
		t.Fatalf("supported densities % X", got)
	}
	// Reading and unloading change nothing.
	r.want("BLANK CHECK, END-OF-DATA DETECTED (8/00/05) information 10", read6v(10))
	r.want(good, unload)
	r.want(good, loadCDB)
	r.want(good, write6v(1000), pattern(1, 1000)...)
	r.want(good, filemarks(1))
	if now, all = r.densityNow(); now != 0x5D || len(all) != 1 || all[0] != -0x5D {
		t.Fatalf("after the first write: %02X, %02X", now, all)
	}
	if i := r.drive.in.info; i.Medium != "LTO7M8" || i.Capacity != 900<<20 {
		t.Fatalf("it is a %s of %d bytes", i.Medium, i.Capacity)
	}
	r.want(good, rewind)
	if got := r.want(good, read6v(1000)); !bytes.Equal(got, pattern(1, 1000)) {
		t.Fatal("the first block is another one")
	}
	ctx := context.Background()
	if err := r.drive.Remove(ctx, "VTL001M8", "out"); err != nil {
		t.Fatal(err)
	}
	if c, err := libcart.Open(dir, libcart.Options{FS: r.fs}); err != nil || c.Info().Density != 0x5D {
		t.Fatal(err)
	} else {
		c.Close()
	}

	// One that is to stay LTO-7, and one that was written as such.
	r.load(r.sevenAs("VTL002L7"), "VTL002L7")
	if now, all = r.densityNow(); now != 0x5C || len(all) != 1 {
		t.Fatalf("an L7: %02X, %02X", now, all)
	}
	if err := r.drive.Remove(ctx, "VTL002L7", "out2"); err != nil {
		t.Fatal(err)
	}
	dir = r.sevenAs("VTL003M8")
	c, err := libcart.Open(dir, libcart.Options{FS: r.fs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WriteFilemarks(1); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	r.load(dir, "VTL003M8")
	if now, all = r.densityNow(); now != 0x5C || len(all) != 1 {
		t.Fatalf("an L7 that was written: %02X, %02X", now, all)
	}

	// FORMAT MEDIUM is a first write too.
	if err := r.drive.Remove(ctx, "VTL003M8", "out3"); err != nil {
		t.Fatal(err)
	}
	r.load(r.sevenAs("VTL004M8"), "VTL004M8")
	r.want(good, []byte{0x04, 0, 0, 0, 0, 0})
	if now, all = r.densityNow(); now != 0x5D || len(all) != 1 {
		t.Fatalf("after FORMAT MEDIUM: %02X, %02X", now, all)
	}
}

// writeAttribute is WRITE ATTRIBUTE of one attribute of partition 0.
func (r *rig) writeAttribute(id uint16, value ...byte) result {
	list := append([]byte{0, 0, 0, 0, byte(id >> 8), byte(id), 0, byte(len(value) >> 8), byte(len(value))}, value...)
	return r.do([]byte{0x8D, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(list)), 0, 0}, list...)
}

// TestUserIdentity: attribute 1002h is written once, and survives FORMAT MEDIUM.
func TestUserIdentity(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td8")
	r.insert("VTL001L8")
	read := func() result {
		return r.do([]byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x02, 0, 0, 0, 12, 0, 0})
	}
	if x := read(); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInCDB {
		t.Fatalf("before it was written: %s", x)
	}
	if x := r.writeAttribute(0x1002, 'm', 'e'); x.String() != good {
		t.Fatal(x)
	}
	for _, again := range [][]byte{{'m', 'e'}, {'y', 'o', 'u'}, {}} {
		if x := r.writeAttribute(0x1002, again...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
			t.Fatalf("written again as %q: %s", again, x)
		}
	}
	r.want(good, []byte{0x04, 0, 0, 0, 0, 0})
	if x := read(); len(x.data) < 11 || !bytes.HasPrefix(x.data[4:], []byte{0x10, 0x02, 0x80, 0, 2, 'm', 'e'}) {
		t.Fatalf("after FORMAT MEDIUM: % X", x.data)
	}
	if x := r.writeAttribute(0x1010, 1); x.sense == nil {
		t.Fatal("an LTO-8 drive has no media optimization")
	}
}

// TestOptimization: attribute 1010h of LTO-9 media can be set on an empty tape with
// one partition, and the next load clears it.
func TestOptimization(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	read := func() byte {
		t.Helper()
		return r.want(good, []byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0x10, 0x10, 0, 0, 0, 10, 0, 0})[9]
	}
	refused := func(value ...byte) {
		t.Helper()
		if x := r.writeAttribute(0x1010, value...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
			t.Fatalf("%v: %s", value, x)
		}
	}
	if read() != 0 {
		t.Fatal("a new medium wants to be optimized")
	}
	refused(0)
	refused(2)
	if x := r.writeAttribute(0x1010, 1); x.String() != good || read() != 1 {
		t.Fatal(x)
	}
	r.want(good, unload)
	r.want(good, loadCDB)
	if read() != 0 {
		t.Fatal("the load did not optimize it")
	}
	r.want(good, write6v(10), pattern(1, 10)...)
	refused(1)
	if x := r.writeAttribute(0x1011, 1); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
		t.Fatalf("1011h: %s", x)
	}
}
