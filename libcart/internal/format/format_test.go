package format

import (
	"bytes"
	"errors"
	"testing"
)

func sampleData() DataHeader {
	return DataHeader{UUID: [16]byte{1, 2, 3, 15: 9}, Partition: 1, Partitions: 2, Kind: 0x80, Density: 0x60, FirstEpoch: 7,
		Created: 1_700_000_000, Made: -5, Capacity: 1 << 40, Sizes: [4]int64{1 << 30, 1 << 31}, MaxPartitions: 4,
		Barcode: "VTL001L9", Medium: "LTO9", Serial: "S1"}
}

func sampleRecord() Record {
	return Record{Kind: Block, Codec: 2, Partition: 1, Tag: 0x0102030405060708, Offset: 8192, Object: 12, Filemarks: 3, Epoch: 9,
		Length: 70000, Stored: 33333, Aux: 24, StoredCRC: 0xA1A2A3A4, AuxCRC: 0xB1B2B3B4, PlainCRC: 0xC1C2C3C4, Durable: 8000}
}

func sampleIndex() IndexHeader {
	return IndexHeader{UUID: [16]byte{1, 2, 3, 15: 9}, Partition: 1, FirstEpoch: 7}
}

func sampleMeta() Meta {
	return Meta{UUID: [16]byte{1, 2, 3, 15: 9}, State: Closed, Flags: WriteProtected, Kind: 1, Density: 0x60, FirstEpoch: 7, NextEpoch: 300,
		Created: 1_700_000_000, Made: -5, Capacity: 1 << 40, MaxPartitions: 4, Barcode: "VTL001L9", Medium: "LTO9", Serial: "S1",
		Counters: []uint64{1, 2, 3, 4, 5},
		Partitions: []Partition{
			{Size: 1 << 30, End: 8192, Objects: 10, Filemarks: 2, Attributes: []Attribute{{ID: 0x400, Format: 1, Flags: 1, Value: []byte("GOVTL")}, {ID: 0x806, Value: []byte{1}}}},
			{Size: 1 << 31, End: 4096},
		}}
}

// TestRoundTrip also refuses each strict prefix of everything, and each byte that
// differs.
func TestRoundTrip(t *testing.T) {
	d, x, m, r := sampleData(), sampleIndex(), sampleMeta(), sampleRecord()
	rec := make([]byte, RecordSize)
	r.Put(rec)
	for _, c := range []struct {
		name    string
		b       []byte
		recoded func(b []byte) ([]byte, error)
	}{
		{"data header", d.Append(nil), recodeData},
		{"index header", x.Append(nil), recodeIndex},
		{"meta", m.Append(nil), recodeMeta},
		{"record", rec, recodeRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			again, err := c.recoded(c.b)
			if err != nil || !bytes.Equal(again, c.b) {
				t.Fatalf("%v\n% x\n% x", err, again, c.b)
			}
			for n := range c.b {
				if _, err := c.recoded(c.b[:n]); !errors.Is(err, ErrInvalid) {
					t.Fatalf("prefix of %d bytes: %v", n, err)
				}
				b := bytes.Clone(c.b)
				b[n]++
				if _, err := c.recoded(b); !errors.Is(err, ErrInvalid) {
					t.Fatalf("byte %d changed: %v", n, err)
				}
			}
		})
	}
}

func recodeData(b []byte) ([]byte, error) {
	h, err := DecodeDataHeader(b)
	return h.Append(nil), err
}

func recodeIndex(b []byte) ([]byte, error) {
	h, err := DecodeIndexHeader(b)
	return h.Append(nil), err
}

func recodeMeta(b []byte) ([]byte, error) {
	m, err := DecodeMeta(b)
	return m.Append(nil), err
}

func recodeRecord(b []byte) ([]byte, error) {
	var r Record
	err := DecodeRecord(&r, b)
	out := make([]byte, RecordSize)
	r.Put(out)
	return out, err
}

// TestCorruptFields changes one field each, with checksums that are right.
func TestCorruptFields(t *testing.T) {
	record := func(change func(r *Record)) ([]byte, error) {
		r := sampleRecord()
		change(&r)
		b := make([]byte, RecordSize)
		r.Put(b)
		return recodeRecord(b)
	}
	meta := func(change func(m *Meta)) ([]byte, error) {
		m := sampleMeta()
		change(&m)
		return recodeMeta(m.Append(nil))
	}
	data := func(change func(h *DataHeader)) ([]byte, error) {
		h := sampleData()
		change(&h)
		return recodeData(h.Append(nil))
	}
	for _, c := range []struct {
		name string
		do   func() ([]byte, error)
	}{
		{"kind 3", func() ([]byte, error) { return record(func(r *Record) { r.Kind = Lost }) }},
		{"kind 0", func() ([]byte, error) { return record(func(r *Record) { r.Kind = 0 }) }},
		{"long filemark", func() ([]byte, error) { return record(func(r *Record) { r.Kind = Filemark }) }},
		{"long block", func() ([]byte, error) { return record(func(r *Record) { r.Length = MaxBlock + 1 }) }},
		{"long payload", func() ([]byte, error) { return record(func(r *Record) { r.Stored = MaxStored + 1 }) }},
		{"long aux", func() ([]byte, error) { return record(func(r *Record) { r.Aux = MaxAux + 1 }) }},
		{"unaligned", func() ([]byte, error) { return record(func(r *Record) { r.Offset++ }) }},
		{"in the header", func() ([]byte, error) { return record(func(r *Record) { r.Offset, r.Durable = 4088, 0 }) }},
		{"negative", func() ([]byte, error) { return record(func(r *Record) { r.Offset = -8 }) }},
		{"prophetic", func() ([]byte, error) { return record(func(r *Record) { r.Durable = r.Offset + 8 }) }},
		{"filemarks", func() ([]byte, error) { return record(func(r *Record) { r.Filemarks = r.Object + 1 }) }},
		{"state 0", func() ([]byte, error) { return meta(func(m *Meta) { m.State = 0 }) }},
		{"state 4", func() ([]byte, error) { return meta(func(m *Meta) { m.State = 4 }) }},
		{"no partition", func() ([]byte, error) { return meta(func(m *Meta) { m.Partitions = nil }) }},
		{"too many partitions", func() ([]byte, error) { return meta(func(m *Meta) { m.MaxPartitions = 1 }) }},
		{"too large", func() ([]byte, error) { return meta(func(m *Meta) { m.Partitions[0].Size = 1 << 41 }) }},
		{"no end", func() ([]byte, error) { return meta(func(m *Meta) { m.Partitions[0].End = 0 }) }},
		{"more marks", func() ([]byte, error) { return meta(func(m *Meta) { m.Partitions[0].Filemarks = 11 }) }},
		{"too many objects", func() ([]byte, error) { return meta(func(m *Meta) { m.Partitions[0].Objects = 43 }) }},
		{"end of an open one", func() ([]byte, error) { return meta(func(m *Meta) { m.State = Written }) }},
		{"object 43", func() ([]byte, error) { return record(func(r *Record) { r.Object = 43 }) }},
		{"partition 2 of 2", func() ([]byte, error) { return data(func(h *DataHeader) { h.Partition = 2 }) }},
		{"sizes", func() ([]byte, error) { return data(func(h *DataHeader) { h.Sizes[2] = 1 }) }},
	} {
		if _, err := c.do(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestNewerVersions(t *testing.T) {
	d, x, m := sampleData(), sampleIndex(), sampleMeta()
	for i, c := range []struct {
		b      []byte
		crc    int
		recode func([]byte) ([]byte, error)
	}{{d.Append(nil), DataHeaderSize - 4, recodeData}, {x.Append(nil), 60, recodeIndex}, {m.Append(nil), -1, recodeMeta}} {
		if c.crc < 0 {
			c.crc = len(c.b) - 4
		}
		c.b[11] = 2
		be.PutUint32(c.b[c.crc:], Checksum(c.b[:c.crc]))
		if _, err := c.recode(c.b); !errors.Is(err, ErrVersion) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestEntryIsBoundToItsObject(t *testing.T) {
	r := sampleRecord()
	e := EntryOf(&r)
	var b [EntrySize]byte
	e.Put(b[:], r.Object)
	var got Entry
	if err := DecodeEntry(&got, b[:], r.Object); err != nil || got != e {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := DecodeEntry(&got, b[:], r.Object+1); !errors.Is(err, ErrInvalid) {
		t.Fatal("valid for another object")
	}
	if err := DecodeEntry(&got, make([]byte, EntrySize), 0); !errors.Is(err, ErrInvalid) {
		t.Fatal("zeros are valid")
	}
	if e.End() != 8192+96+24+33333+3 || e.End()%8 != 0 {
		t.Fatal(e.End())
	}
}

// The fuzz targets put a right checksum in place, so that what is behind it is
// reached: whatever decodes must encode to the same bytes.

func FuzzDataHeader(f *testing.F) {
	h := sampleData()
	f.Add(h.Append(nil)[:512])
	f.Fuzz(func(t *testing.T, in []byte) {
		b := make([]byte, DataHeaderSize)
		copy(b, in)
		be.PutUint32(b[DataHeaderSize-4:], Checksum(b[:DataHeaderSize-4]))
		same(t, b, recodeData)
	})
}

func FuzzIndexHeader(f *testing.F) {
	h := sampleIndex()
	f.Add(h.Append(nil))
	f.Fuzz(func(t *testing.T, in []byte) {
		b := make([]byte, IndexHeaderSize)
		copy(b, in)
		be.PutUint32(b[60:], Checksum(b[:60]))
		same(t, b, recodeIndex)
	})
}

func FuzzRecord(f *testing.F) {
	r := sampleRecord()
	b := make([]byte, RecordSize)
	r.Put(b)
	f.Add(b)
	f.Fuzz(func(t *testing.T, in []byte) {
		b := make([]byte, RecordSize)
		copy(b, in)
		be.PutUint32(b[92:], Checksum(b[:92]))
		same(t, b, recodeRecord)
	})
}

func FuzzEntry(f *testing.F) {
	r := sampleRecord()
	e := EntryOf(&r)
	b := make([]byte, EntrySize)
	e.Put(b, 12)
	f.Add(b, uint64(12))
	f.Fuzz(func(t *testing.T, in []byte, object uint64) {
		b := make([]byte, EntrySize)
		copy(b, in)
		be.PutUint32(b[28:], entryChecksum(b, object))
		same(t, b, func(b []byte) ([]byte, error) {
			var e Entry
			err := DecodeEntry(&e, b, object)
			out := make([]byte, EntrySize)
			e.Put(out, object)
			return out, err
		})
	})
}

func FuzzMeta(f *testing.F) {
	m := sampleMeta()
	f.Add(m.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= 20 {
			be.PutUint32(b[len(b)-4:], Checksum(b[:len(b)-4]))
		}
		same(t, b, recodeMeta)
	})
}

func same(t *testing.T, b []byte, recode func([]byte) ([]byte, error)) {
	out, err := recode(b)
	switch {
	case err == nil && !bytes.Equal(out, b):
		t.Fatalf("decodes, but is encoded differently:\n% x\n% x", b, out)
	case err != nil && !errors.Is(err, ErrInvalid) && !errors.Is(err, ErrVersion):
		t.Fatal(err)
	}
}
