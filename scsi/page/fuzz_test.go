package page_test

import (
	"bytes"
	"testing"

	"govtl/scsi"
	. "govtl/scsi/page"
)

func fuzzModes(t *testing.T) *Modes {
	s, err := NewModes([]Mode{
		compression,
		{Code: 0x0A, Length: 0x0A, Name: "Control", Fields: Fields{Bits(5, 2, 0, "AUTOLOAD MODE", 0, Changeable).Between(0, 2)}},
		{Code: 0x0A, Subpage: 0xF0, Length: 0x1C, Name: "Protection", PerNexus: true, Fields: Fields{Uint8(4, "METHOD", 0, Changeable).In(0, 1)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// FuzzModeSelect: a list that is refused changes nothing, and what is accepted
// is what MODE SENSE then tells.
func FuzzModeSelect(f *testing.F) {
	f.Add(false, false, append([]byte{0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0}, compression.Default()...))
	f.Add(true, true, append([]byte{0, 0, 0, 0x10, 0, 0, 0, 0}, compression.Default()...))
	f.Add(false, false, []byte{0, 0, 0, 0, 0x0A, 0x0A, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0x4A, 0xF0, 0, 0x1C})
	f.Fuzz(func(t *testing.T, ten, save bool, list []byte) {
		s := fuzzModes(t)
		n := &scsi.Nexus{}
		all := SenseRequest{Ten: true, DBD: true, Code: 0x3F, Subpage: 0xFF}
		before, err := s.Sense(nil, n, all, Header{})
		if err != nil {
			t.Fatal(err)
		}
		sel, err := s.Select(n, ten, save, list)
		after, _ := s.Sense(nil, n, all, Header{})
		if !bytes.Equal(before, after) {
			t.Fatal("Select changed something")
		}
		if err != nil {
			return
		}
		s.Commit(sel)
		for _, c := range sel.Pages {
			last := sel.Find(c.Page.Code, c.Page.Subpage)
			got, err := s.Sense(nil, n, SenseRequest{Ten: true, DBD: true, Code: c.Page.Code, Subpage: c.Page.Subpage}, Header{})
			if err != nil || !bytes.Equal(got[8:], last.New) {
				t.Fatalf("page %s: % X, want % X (%v)", c.Page.Title(), got[8:], last.New, err)
			}
		}
	})
}

// FuzzRestore: what is accepted is saved again as itself or less.
func FuzzRestore(f *testing.F) {
	f.Add([]byte("modes\x00\x00\x01"))
	f.Add(append([]byte("modes\x00\x00\x01\x0F\x00\x00\x10"), compression.Default()...))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := fuzzModes(t)
		if err := s.Restore(b); err != nil {
			return
		}
		doc := s.AppendSaved(nil)
		again := fuzzModes(t)
		if err := again.Restore(doc); err != nil {
			t.Fatal(err)
		}
		if got := again.AppendSaved(nil); !bytes.Equal(got, doc) {
			t.Fatalf("% X, then % X", doc, got)
		}
	})
}

// FuzzLogSelect: no list makes it panic.
func FuzzLogSelect(f *testing.F) {
	f.Add(false, uint8(1), uint8(0), uint8(0), []byte{0x02, 0, 0, 8, 0, 0, 0x60, 4, 0, 0, 0, 0})
	f.Add(true, uint8(1), uint8(2), uint8(0), []byte{})
	f.Fuzz(func(t *testing.T, pcr bool, pc, code, subpage uint8, list []byte) {
		s, err := NewLogs([]Log{{Code: 2, Resettable: true, Params: []Param{{Code: 0, Length: 4, Control: ControlCounter}}}, TapeAlertLog()})
		if err != nil {
			t.Fatal(err)
		}
		resets := 0
		s.Reset = func(*Log, *scsi.Nexus) { resets++ }
		changed, err := s.Select(nil, SelectRequest{PCR: pcr, PC: pc & 3, Code: code & 0x3F, Subpage: subpage}, list)
		if changed != (resets > 0) || err != nil && resets > 0 {
			t.Fatalf("%v, %v, %d resets", changed, err, resets)
		}
	})
}
