package ssc

import (
	"bytes"
	"testing"

	"govtl/libcart"
	"govtl/scsi"
)

// wire is the sense data of a command in the form in which the transport sends it.
func (r *rig) wire(cdb []byte) []byte {
	r.t.Helper()
	w := waiter{make(chan struct{})}
	t := &scsi.Task{Nexus: r.nexus, CDB: append(bytes.Clone(cdb), make([]byte, 16)...)[:16], Transport: w, ExpectedIn: 1 << 20}
	r.drive.Unit().Submit(t)
	<-w.done
	t.DropIn()
	if t.Sense == nil {
		r.t.Fatalf("% X ended with %v", cdb, t.Status)
	}
	if t.DescriptorSense {
		return t.Sense.AppendDescriptor(nil)
	}
	return t.Sense.AppendFixed(nil)
}

// TestIBMSense: 96 bytes with what IBM's drives say of the medium; 18 when a block
// has another length than was asked for.
func TestIBMSense(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td6")
	if b := r.wire(unitOK); len(b) != 96 || b[7] != 88 || b[21] != 0 || b[41] != 0x00 {
		t.Fatalf("without a medium: % X", b)
	}
	r.insert("VTL001L6", func(s *libcart.Spec) { s.Serial = "A1B2" })
	r.want(good, write6v(100), pattern(1, 100)...)
	b := r.wire(read6v(100))
	if len(b) != 96 || b[21] != 0x01 || string(b[22:29]) != "VTL001L" || b[41] != 0x08 || b[42] != 5<<4 ||
		string(b[43:45]) != "L6" || b[48] != 1 || string(b[86:96]) != "000000A1B2" || b[40] != 1 || b[36] != 0 {
		t.Fatalf("% X", b)
	}
	r.want(good, rewind)
	if b := r.wire(read6v(50)); len(b) != 18 || b[2] != 0x20 {
		t.Fatalf("a block that is too long: % X", b)
	}
	r.want("NO SENSE, BEGINNING-OF-PARTITION/MEDIUM DETECTED (0/00/04) EOM information 1", space6(spaceBlocks, -2))
	if got := r.want(good, []byte{0x03, 0, 0, 0, 252, 0}); len(got) != 96 || got[41] != 0x03 {
		t.Fatalf("REQUEST SENSE: % X", got)
	}
	if got := r.want(good, []byte{0x03, 0, 0, 0, 10, 0}); len(got) != 10 || got[7] != 88 {
		t.Fatalf("REQUEST SENSE of 10 bytes: % X", got)
	}
}

// TestSTKSense: 26 bytes, of which two tell the kind of the cartridge and whether
// there is a library.
func TestSTKSense(t *testing.T) {
	r := newRig(t, "stk-t10000c", func(o *Options) { o.LibrarySerial = "LIB10" })
	if b := r.wire(unitOK); len(b) != 26 || b[24] != 0 || b[25] != 0x02 {
		t.Fatalf("without a medium: % X", b)
	}
	m, _ := r.drive.model.Medium("T10KC")
	r.load(r.cartridgeOf(m, "VTL001TC", func(s *libcart.Spec) { s.Kind = libcart.WORM }), "VTL001TC")
	if b := r.wire(read6v(100)); len(b) != 26 || b[24] != 0x12 {
		t.Fatalf("a WORM cartridge: % X", b)
	}
}

// TestDescriptorSense: D_SENSE of the Control mode page changes the format where
// a model lets it be changed, and only there.
func TestDescriptorSense(t *testing.T) {
	r := newRig(t, "generic")
	if b := r.wire(unitOK); b[0] != 0x70 {
		t.Fatalf("% X", b)
	}
	page := r.want(good, []byte{0x1A, 8, 0x0A, 0, 255, 0})[4:]
	page[2] |= 0x04
	r.want(good, []byte{0x15, 0x10, 0, 0, 16, 0}, append([]byte{0, 0, 0x10, 0}, page...)...)
	if b := r.wire(unitOK); b[0] != 0x72 || b[1] != 0x02 || b[2] != 0x3A {
		t.Fatalf("% X", b)
	}
	r.insert("VTL001L9")
	r.want(good, write6v(100), pattern(1, 100)...)
	r.want(good, filemarks(1))
	r.want(good, rewind)
	if b := r.wire(read6v(150)); b[0] != 0x72 || len(b) != 24 || b[8] != 0 || b[10] != 0x80 || b[19] != 50 || b[20] != 4 || b[23] != 0x20 {
		t.Fatalf("a short block: % X", b)
	}
	if b := r.wire(read6v(150)); len(b) != 24 || b[23] != 0x80 {
		t.Fatalf("a filemark: % X", b)
	}
	if got := r.want(good, []byte{0x03, 1, 0, 0, 252, 0}); got[0] != 0x72 {
		t.Fatalf("REQUEST SENSE: % X", got)
	}
	r = newRig(t, "ibm-ult3580-td9")
	page = r.want(good, []byte{0x1A, 8, 0x0A, 0, 255, 0})[4:]
	page[2] |= 0x04
	if x := r.do([]byte{0x15, 0x10, 0, 0, 16, 0}, append([]byte{0, 0, 0x10, 0}, page...)...); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInParameterList {
		t.Fatalf("D_SENSE of an LTO drive: %s", x)
	}
	if x := r.do([]byte{0x03, 1, 0, 0, 252, 0}); x.sense == nil || x.sense.ASC != scsi.InvalidFieldInCDB {
		t.Fatalf("descriptor format of an LTO drive: %s", x)
	}
}
