package page_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"govtl/scsi"
	. "govtl/scsi/page"
)

// compression is the Data Compression mode page, SSC-3 8.3.2.
var compression = Mode{
	Code: 0x0F, Length: 0x0E, Name: "Data Compression", Clause: "SSC-3 8.3.2", Saveable: true,
	Fields: Fields{
		Bit(2, 7, "DCE", 1, Changeable),
		Bit(2, 6, "DCC", 1, Fixed),
		Bit(3, 7, "DDE", 1, Changeable),
		Bits(3, 6, 5, "RED", 2, Fixed),
		Uint32(4, "COMPRESSION ALGORITHM", 0x10, Changeable).In(0, 0x10).Between(0xF0, 0xFF),
		Uint32(8, "DECOMPRESSION ALGORITHM", 0x10, Ignored),
		ASCII(12, 4, "NAME", "LZ", Fixed),
	},
}

func TestModeImages(t *testing.T) {
	m := compression
	if err := m.Check(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ got, want []byte }{
		"default": {m.Default(), []byte{0x8F, 0x0E, 0xC0, 0xC0, 0, 0, 0, 0x10, 0, 0, 0, 0x10, 'L', 'Z', ' ', ' '}},
		"mask":    {m.Mask(), []byte{0x8F, 0x0E, 0x80, 0x80, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s: % X, want % X", name, c.got, c.want)
		}
	}
	sub := Mode{Code: 0x10, Subpage: 1, Length: 0x1C, Name: "Device Configuration Extension"}
	if got := sub.Default(); !bytes.Equal(got[:4], []byte{0x50, 1, 0, 0x1C}) || len(got) != 32 {
		t.Errorf("subpage: % X", got)
	}
	if sub.Title() != "10h/01h Device Configuration Extension" || m.Title() != "0Fh Data Compression" {
		t.Errorf("titles %q, %q", sub.Title(), m.Title())
	}
}

func TestWrongDefinitionsAreRefused(t *testing.T) {
	page := func(l ...Field) Mode { return Mode{Code: 1, Length: 6, Name: "x", Fields: l} }
	for name, m := range map[string]Mode{
		"code":           {Code: 0x3F, Name: "x"},
		"subpage":        {Code: 1, Subpage: 0xFF, Name: "x"},
		"length":         {Code: 1, Length: 256, Name: "x"},
		"no name":        page(Uint8(2, "", 0, Fixed)),
		"outside":        page(Uint32(5, "A", 0, Fixed)),
		"in the header":  page(Uint8(1, "A", 0, Fixed)),
		"overlap":        page(Uint16(2, "A", 0, Fixed), Bit(3, 0, "B", 0, Fixed)),
		"same name":      page(Uint8(2, "A", 0, Fixed), Uint8(3, "A", 0, Fixed)),
		"value too wide": page(Bits(2, 3, 0, "A", 16, Fixed)),
		"text too long":  page(ASCII(2, 2, "A", "abc", Fixed)),
		"odd bytes":      page(Field{Name: "A", Byte: 2, Width: 12, Data: []byte{1}}),
		"wide number":    page(Field{Name: "A", Byte: 2, Width: 65}),
		"bit number":     page(Field{Name: "A", Byte: 2, Bit: 8, Width: 1}),
		"negative byte":  page(Field{Name: "A", Byte: -1, Width: 1}),
	} {
		if err := m.Check(); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := NewModes([]Mode{m}); err == nil {
			t.Errorf("%s: NewModes accepted it", name)
		}
	}
	if _, err := NewModes([]Mode{compression, compression}); err == nil {
		t.Error("a mode page twice: accepted")
	}
	for name, l := range map[string][]Log{
		"code 0":         {{Code: 0}},
		"order":          {{Code: 2, Params: []Param{{Code: 2, Length: 1}, {Code: 1, Length: 1}}}},
		"length":         {{Code: 2, Params: []Param{{Code: 2, Length: 256}}}},
		"data too long":  {{Code: 2, Params: []Param{{Code: 2, Length: 1, Data: []byte("ab")}}}},
		"the page twice": {{Code: 2}, {Code: 2}},
	} {
		if _, err := NewLogs(l); err == nil {
			t.Errorf("log page, %s: accepted", name)
		}
	}
	for name, l := range map[string][]VPD{
		"page 00h": {{Code: 0}},
		"twice":    {{Code: 0x80}, {Code: 0x80}},
		"outside":  {{Code: 0xB0, Length: 1, Fields: Fields{Uint16(4, "A", 0, Fixed)}}},
		"both":     {{Code: 0xB0, Fields: Fields{Uint8(4, "A", 0, Fixed)}, Length: 1, Body: func(b []byte, _ *scsi.Nexus) []byte { return b }}},
	} {
		if _, err := NewVPDs(l); err == nil {
			t.Errorf("VPD page, %s: accepted", name)
		}
	}
}

func TestModelsChangePages(t *testing.T) {
	m, err := compression.WithValue("DCE", 0)
	if err != nil || m.Default()[2] != 0x40 || compression.Default()[2] != 0xC0 {
		t.Errorf("value: % X, % X, %v", m.Default(), compression.Default(), err)
	}
	if m, err = compression.WithKind("DCE", Fixed); err != nil || m.Mask()[2] != 0 || compression.Mask()[2] != 0x80 {
		t.Errorf("kind: % X, %v", m.Mask(), err)
	}
	if m, err = compression.WithData("NAME", []byte("SLDC")); err != nil || string(m.Default()[12:]) != "SLDC" {
		t.Errorf("data: % X, %v", m.Default(), err)
	}
	if m, err = compression.WithLength(6); err != nil || m.Size() != 8 || m.Fields.Find("NAME") != nil || m.Fields.Find("COMPRESSION ALGORITHM") == nil {
		t.Errorf("length: %v, %v", m.Fields, err)
	}
	if m, err = compression.WithLength(0x10); err != nil {
		t.Error(err)
	}
	if m, err = m.WithFields(Uint16(16, "MORE", 7, Fixed)); err != nil || m.Default()[17] != 7 {
		t.Errorf("fields: %v", err)
	}
	if m, err = compression.WithAllowed("COMPRESSION ALGORITHM"); err != nil || !m.Fields.Find("COMPRESSION ALGORITHM").Allows(99) ||
		compression.Fields.Find("COMPRESSION ALGORITHM").Allows(99) {
		t.Errorf("allowed: %v", err)
	}
	for name, err := range map[string]error{
		"no such field": second(compression.WithValue("NONE", 0)),
		"too wide":      second(compression.WithValue("DCE", 2)),
		"no number":     second(compression.WithValue("NAME", 1)),
		"no text":       second(compression.WithData("DCE", nil)),
		"too long":      second(compression.WithData("NAME", []byte("12345"))),
		"overlap":       second(compression.WithFields(Uint8(2, "X", 0, Fixed))),
	} {
		if err == nil || !strings.Contains(err.Error(), "0Fh Data Compression") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if k, err := ParseKind("dynamic"); k != Dynamic || err != nil {
		t.Errorf("kind %v, %v", k, err)
	}
	if _, err := ParseKind("movable"); err == nil {
		t.Error("kind movable: accepted")
	}
	l := Log{Code: 2, Params: []Param{{Code: 1, Length: 4}, {Code: 3, Length: 4}}}
	got := l.With(Param{Code: 2, Length: 8}, Param{Code: 3, Length: 2}).Without(1)
	if len(got.Params) != 2 || got.Params[0].Code != 2 || got.Params[1].Length != 2 || l.Params[1].Length != 4 {
		t.Errorf("log parameters %v", got.Params)
	}
}

func second(_ Mode, err error) error { return err }

// TestFieldsRoundTrip: what Put writes Get reads, and nothing else changes.
func TestFieldsRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		f := Field{Byte: r.IntN(10), Bit: r.IntN(8)}
		f.Width = 1 + r.IntN(64-f.Bit)
		b := make(Image, 20)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		before := slices.Clone(b)
		v := r.Uint64()
		b.Put(&f, v)
		if got := b.Get(&f); got != v&f.Max() {
			t.Fatalf("%+v: put %x, got %x", f, v&f.Max(), got)
		}
		b.Put(&f, before.Get(&f))
		if !bytes.Equal(b, before) {
			t.Fatalf("%+v: % X became % X", f, before, b)
		}
		short := make(Image, f.Byte)
		short.Put(&f, v) // beyond the image: nothing
		if short.Get(&f) != 0 {
			t.Fatalf("%+v: a short image", f)
		}
	}
}

func TestModesOfTheDevice(t *testing.T) {
	perNexus := Mode{Code: 2, Length: 2, Name: "x", PerNexus: true, Fields: Fields{Uint16(2, "A", 5, Changeable)}}
	s, err := NewModes([]Mode{compression, perNexus})
	if err != nil {
		t.Fatal(err)
	}
	a, b := &scsi.Nexus{}, &scsi.Nexus{}
	sel, err := s.Select(a, false, false, []byte{0, 0, 0, 0, 2, 2, 0, 9})
	if err != nil {
		t.Fatal(err)
	}
	if c := sel.Find(2, 0); c == nil || !c.Changed("A") || c.Get("A") != 9 || c.Was("A") != 5 || sel.SharedChanged() {
		t.Errorf("selection %+v", sel)
	}
	if s.Get(a, 2, 0, "A") != 5 {
		t.Error("Select changed something")
	}
	s.Commit(sel)
	if s.Get(a, 2, 0, "A") != 9 || s.Get(b, 2, 0, "A") != 5 {
		t.Errorf("a has %d, b has %d", s.Get(a, 2, 0, "A"), s.Get(b, 2, 0, "A"))
	}
	if !s.Set(2, 0, "A", 7) || s.Get(a, 2, 0, "A") != 7 || s.Get(&scsi.Nexus{}, 2, 0, "A") != 7 {
		t.Error("Set did not reach every nexus")
	}
	s.Forget(a)
	if s.Set(9, 0, "A", 7) || s.Set(2, 0, "B", 7) || s.Get(a, 9, 0, "A") != 0 || s.Get(a, 2, 0, "B") != 0 || !s.Has(2, 0) || s.Has(2, 1) {
		t.Error("pages and fields that are not there")
	}
	s.Live = func(_ *scsi.Nexus, m *Mode, b Image) {
		if m.Code == 0x0F {
			b.Put(m.Fields.Find("RED"), 1)
		}
	}
	out, err := s.Sense(nil, a, SenseRequest{Code: 0x0F, DBD: true}, Header{})
	if err != nil || out[4+3] != 0xA0 {
		t.Errorf("live: % X, %v", out, err)
	}
}

func TestSavedPages(t *testing.T) {
	make1 := func() *Modes {
		s, err := NewModes([]Mode{compression, {Code: 2, Length: 2, Name: "x", Fields: Fields{Uint16(2, "A", 5, Changeable)}}})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := make1()
	list := append([]byte{0, 0, 0, 0}, compression.Default()...)
	list[4+2] = 0x40 // DCE off
	list[4+7] = 0xF7
	sel, err := s.Select(nil, false, true, list)
	if err != nil {
		t.Fatal(err)
	}
	s.Commit(sel)
	doc := s.AppendSaved(nil)
	s2 := make1()
	if err := s2.Restore(doc); err != nil {
		t.Fatal(err)
	}
	if s2.Get(nil, 0x0F, 0, "DCE") != 0 || s2.Get(nil, 0x0F, 0, "COMPRESSION ALGORITHM") != 0xF7 {
		t.Error("what was saved did not come back")
	}
	// A value that the model does not allow any more is left at its default.
	bad := bytes.Clone(doc)
	i := bytes.IndexByte(bad, 0xF7)
	bad[i] = 0x33
	s3 := make1()
	if err := s3.Restore(bad); err != nil || s3.Get(nil, 0x0F, 0, "COMPRESSION ALGORITHM") != 0x10 || s3.Get(nil, 0x0F, 0, "DCE") != 0 {
		t.Errorf("algorithm %x, %v", s3.Get(nil, 0x0F, 0, "COMPRESSION ALGORITHM"), err)
	}
	for i := range doc {
		// A cut between two records is a shorter list.
		if err := make1().Restore(doc[:i]); i != len("modes\x00\x00\x01") && !errors.Is(err, ErrSaved) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
}

func TestLongModeData(t *testing.T) {
	var pages []Mode
	for i := range uint8(4) {
		pages = append(pages, Mode{Code: 0x20 + i, Length: 0x60, Name: "long"})
	}
	s, err := NewModes(pages)
	if err != nil {
		t.Fatal(err)
	}
	six, err := s.Sense(nil, nil, SenseRequest{Code: 0x3F}, Header{})
	if err != nil || len(six) != 12+4*0x62 || six[0] != 0xFF {
		t.Errorf("%d bytes, length %02X, %v", len(six), six[0], err)
	}
	ten, err := s.Sense([]byte("before"), nil, SenseRequest{Ten: true, Code: 0x3F}, Header{NoDescriptor: true})
	if err != nil || len(ten) != 6+8+4*0x62 || int(binary.BigEndian.Uint16(ten[6:])) != len(ten)-6-2 || ten[6+7] != 0 {
		t.Errorf("% X, %v", ten[:14], err)
	}
	if _, err := s.Sense(nil, nil, SenseRequest{Code: 0x3F, PC: SavedValues}, Header{}); err == nil {
		t.Error("saved values of pages that cannot be saved")
	}
}

func TestVPDPages(t *testing.T) {
	b0 := VPD{Code: 0xB0, Length: 2, Fields: Fields{Bit(4, 0, "WORM", 0, Fixed), ASCII(5, 1, "X", "", Fixed)}}
	worm, err := b0.WithValue("WORM", 1)
	if err != nil {
		t.Fatal(err)
	}
	if worm, err = worm.WithData("X", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := b0.WithValue("NONE", 1); err == nil {
		t.Error("a field that is not there")
	}
	s, err := NewVPDs([]VPD{
		worm, SCSIPorts(1, NameDesignator(TargetPort, "iqn.x,t,0x0001")),
		DeviceIdentification(PortGroupDesignator(2), NAADesignator(TargetPort, 0x5000), Designator{ID: make([]byte, 300)}),
		RawVPD(0xC0, "Vendor", "vendor", []byte{1, 2, 3}),
	})
	if err != nil {
		t.Fatal(err)
	}
	for code, want := range map[byte][]byte{
		0x00: {0x08, 0x00, 0, 5, 0x00, 0x83, 0x88, 0xB0, 0xC0},
		0xB0: {0x08, 0xB0, 0, 2, 1, 'x'},
		0xC0: {0x08, 0xC0, 0, 3, 1, 2, 3},
		0x88: append([]byte{0x08, 0x88, 0, 32, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 20, 0x53, 0x98, 0, 16}, "iqn.x,t,0x0001\x00\x00"...),
	} {
		if got, ok := s.Append(nil, nil, 0x08, code); !ok || !bytes.Equal(got, want) {
			t.Errorf("page %02Xh: % X, want % X", code, got, want)
		}
	}
	got, _ := s.Append(nil, nil, 0x08, 0x83)
	if want := []byte{0x51, 0x95, 0, 4, 0, 0, 0, 2, 1, 0x13, 0, 8, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 255}; !bytes.Equal(got[4:4+len(want)], want) {
		t.Errorf("designators % X", got[4:4+len(want)])
	}
	if _, ok := s.Append(nil, nil, 0x08, 0x01); ok || len(s.Pages()) != 4 {
		t.Error("a page that is not there")
	}
}

func TestLogValues(t *testing.T) {
	s, err := NewLogs([]Log{
		{Code: 0x31, Params: []Param{
			{Code: 1, Length: 2, Control: ControlCounter}, {Code: 2, Length: 6, Control: ControlASCII},
			{Code: 3, Length: 0, Control: ControlBinary}, {Code: 4, Length: 10, Control: ControlCounter, Default: 1},
		}},
		{Code: 0x17},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.BindCounter(0x31, 0, 1, func() uint64 { return 70000 }) // more than two bytes hold
	s.Bind(0x31, 0, 2, Text(func() string { return "abcdefgh" }))
	s.Bind(0x31, 0, 3, Opaque(func() []byte { return make([]byte, 300) }))
	s.BindBody(0x17, 0, func(dst []byte, _ *scsi.Nexus) []byte {
		return AppendParam(AppendParam(dst, 0x202, ControlBinary, []byte{7, 0, 0, 0, 0, 0, 0, 9}), 0x203, ControlBinary, nil)
	})
	s.BindCounter(0x99, 0, 1, nil) // a page that the model has not
	got, err := s.Sense(nil, nil, LogRequest{Code: 0x31, PC: 1})
	if err != nil {
		t.Fatal(err)
	}
	want := []byte{0x31, 0, 1, 0x21, 0, 1, 0x60, 2, 0xFF, 0xFF, 0, 2, 1, 6, 'a', 'b', 'c', 'd', 'e', 'f', 0, 3, 3, 255}
	if !bytes.Equal(got[:len(want)], want) {
		t.Errorf("% X", got[:len(want)])
	}
	if tail := got[len(got)-14:]; !bytes.Equal(tail, []byte{0, 4, 0x60, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}) {
		t.Errorf("% X", tail)
	}
	got, err = s.Sense(nil, nil, LogRequest{Code: 0x17, PC: 1, Pointer: 0x203})
	if err != nil || !bytes.Equal(got, []byte{0x17, 0, 0, 4, 2, 3, 3, 0}) {
		t.Errorf("% X, %v", got, err)
	}
	if _, err := s.Sense(nil, nil, LogRequest{Code: 0x17, PC: 1, Pointer: 0x204}); err == nil {
		t.Error("a parameter pointer behind the last one")
	}
	if !s.Has(0x31, 0) || s.Has(0x31, 1) || len(s.Pages()) != 2 {
		t.Error("pages")
	}
}

func TestTapeAlerts(t *testing.T) {
	var a TapeAlerts
	x, y := &scsi.Nexus{}, &scsi.Nexus{}
	a.Set(1)
	a.Set(64)
	a.Set(0) // out of range: nothing
	a.Set(65)
	if a.Active() != 1|1<<63 || a.Pending(x) != a.Active() {
		t.Errorf("active %x", a.Active())
	}
	a.MarkRead(x)
	if a.Pending(x) != 0 || a.Pending(y) == 0 {
		t.Error("reading is per nexus")
	}
	a.Set(1) // raised again: every nexus hears of it
	if a.Pending(x) != 1 {
		t.Errorf("pending %x", a.Pending(x))
	}
	a.Clear(1)
	a.ClearMask(1 << 63)
	if a.Active() != 0 || a.Pending(y) != 0 {
		t.Error("cleared")
	}
	a.SetMask(6)
	a.MarkRead(x)
	a.Forget(x)
	if a.Pending(x) != 6 {
		t.Error("a nexus that comes back reads them again")
	}
}
