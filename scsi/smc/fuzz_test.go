package smc

import (
	"bytes"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi"
	"govtl/scsi/scsitest"
)

// FuzzInventory: what decodes is sound and encodes to something that decodes to
// the same; nothing crashes.
func FuzzInventory(f *testing.F) {
	v := &inventory{applied: []string{"a", "b"}}
	for t := MediumTransport; t <= DataTransfer; t++ {
		v.places[t] = make([]place, 3)
	}
	v.put(Element{Storage, 2}, place{volume: &Volume{Barcode: "VTL001L8", Dir: "/d", Kind: "data", Medium: "LTO8"}})
	v.put(Element{DataTransfer, 2}, place{volume: &Volume{Barcode: "DISC01", Kind: "disc", Sides: 2, Inverted: true}, source: Element{Storage, 1}, turned: true})
	v.put(Element{DataTransfer, 1}, place{volume: &Volume{Barcode: "VTL002L8"}, source: Element{Storage, 1}, imported: true})
	v.toShelf(&Volume{Barcode: "OUT", Alternate: "ALT"})
	file, err := v.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	empty, err := (&inventory{}).encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty)
	f.Add([]byte(inventoryMagic + "00000000\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeInventory(b)
		if err != nil {
			// The checksum hides what is behind it from the fuzzer: lend it one.
			b = append([]byte(inventoryMagic+"00000000\n"), b...)
			if v, err = decodeInventory(resum(b)); err != nil {
				return
			}
		}
		if err := v.check(); err != nil {
			t.Fatal(err)
		}
		once, err := v.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeInventory(once)
		if err != nil {
			t.Fatalf("%v\n%s", err, once)
		}
		if twice, _ := again.encode(); !bytes.Equal(once, twice) {
			t.Fatalf("%s\n%s", once, twice)
		}
	})
}

// resum gives an inventory file the checksum it should have.
func resum(b []byte) []byte {
	head := len(inventoryMagic) + 9
	b = bytes.Clone(b)
	copy(b[len(inventoryMagic):], hexSum(b[head:]))
	return b
}

// FuzzJournal: no journal crashes the decoder; what is open is sound, and
// survives being written anew.
func FuzzJournal(f *testing.F) {
	in := intent{ID: "A", Legs: []leg{{Volume: volumeRecord{Barcode: "VTL001L8"}, From: Element{Storage, 1}, To: Element{DataTransfer, 1}}}}
	b, err := appendRecord(nil, journalRecord{Begin: &in})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	b, err = appendRecord(b, journalRecord{End: "A"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(append(make([]byte, 7), b...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !bytes.Contains(b, []byte{'\n'}) { // lend a line its checksum
			b = []byte(hexSum(b) + " " + string(b) + "\n")
		}
		open, _ := decodeJournal(b)
		mem := &vfs.Memory{}
		if err := vfs.ReplaceFile(mem, "/moves", b, 0o600); err != nil {
			t.Fatal(err)
		}
		j, _, err := openJournal(mem, "/moves")
		if err != nil {
			t.Fatal(err)
		}
		j.close()
		again, bad := decodeJournal(mem.Content("/moves"))
		if bad != 0 || len(again) != len(open) {
			t.Fatalf("%d moves open, written anew %d, %d lines bad", len(open), len(again), bad)
		}
	})
}

// FuzzCommand: no CDB and no parameter list crashes the changer, ends with
// HARDWARE ERROR, loses a volume, or leaves the changer without an answer.
func FuzzCommand(f *testing.F) {
	f.Add([]byte{0xA5, 0, 0, 0, 4, 0, 1, 1, 0, 0, 0, 0}, []byte{})
	f.Add([]byte{0xA6, 0, 0, 0, 4, 0, 4, 1, 4, 0, 0, 0}, []byte{})
	f.Add([]byte{0xB8, 0x10, 0, 0, 0xFF, 0xFF, 1, 0, 0xFF, 0xFF, 0, 0}, []byte{})
	f.Add([]byte{0xB6, 0, 0, 0, 0, 5, 0, 0, 0, 40, 0, 0}, append([]byte("VTL*"), make([]byte, 36)...))
	f.Add([]byte{0xB5, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0}, []byte{})
	f.Add([]byte{0x16, 1, 0, 0, 6, 0}, []byte{0, 0, 0, 1, 4, 0})
	f.Add([]byte{0x56, 1, 0, 0, 0, 0, 0, 0, 6, 0}, []byte{0, 0, 0, 0, 4, 0})
	f.Add([]byte{0x06, 0, 0, 0, 17, 0}, []byte("\x00MESSAGE1MESSAGE2"))
	f.Add([]byte{0x1B, 0, 3, 0, 0, 0}, []byte{})
	f.Add([]byte{0x37, 1, 4, 0, 0, 0, 0, 2, 0, 0}, []byte{})
	f.Add([]byte{0x15, 0x10, 0, 0, 16, 0}, []byte{0, 0, 0, 0, 0x1C, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{0x1D, 4, 0, 0, 0, 0}, []byte{})
	f.Fuzz(func(t *testing.T, cdb, out []byte) {
		if len(cdb) == 0 || len(cdb) > 64 || len(out) > 4096 {
			return
		}
		l := newLibrary(t, "ibm-03584")
		l.move("slot 1", "drive 1")
		r, err := l.unit.Execute("a", scsitest.Command{CDB: cdb, Out: out, ExpectedOut: -1, ExpectedIn: -1})
		if err != nil {
			t.Fatal(err)
		}
		if r.Status == scsi.CheckCondition && scsi.SenseKey(r.Sense[2]&0xF) == scsi.HardwareError {
			t.Fatalf("% X: HARDWARE ERROR", cdb)
		}
		if cdb[0] == 0xB8 && r.Status == scsi.Good && len(r.In) >= 8 {
			if size := int(r.In[5])<<16 | int(r.In[6])<<8 | int(r.In[7]); size == len(r.In)-8 {
				checkReport(t, r.In, true)
			}
		}
		l.where()
		if got := sense(l.do("b", []byte{0x12, 0, 0, 0, 36, 0})); got != "GOOD" {
			t.Fatalf("% X: INQUIRY afterwards: %s", cdb, got)
		}
		l.c.Close()
		l.c = nil
	})
}

// FuzzParseElement: what people type for an element is understood or refused.
func FuzzParseElement(f *testing.F) {
	for _, s := range []string{"slot 5", "map 1", "drive 2", "picker 1", "0x400", "1024", "VTL001L8", "slot", "drive -1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := parseElement(s)
		if err != nil {
			return
		}
		if again, err := parseElement(e.String()); err != nil || again != e {
			t.Fatalf("%q: %v, %v, %v", s, e, again, err)
		}
	})
}
