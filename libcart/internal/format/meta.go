package format

var metaMagic = [8]byte{'V', 'T', 'L', ' ', 'M', 'E', 'T', 'A'}

// MaxMeta bounds a meta file.
const MaxMeta = 1 << 20

// States of a cartridge.
const (
	// Closed: the meta file's end of data is true and everything is durable.
	Closed = 1
	// Written: the end of data is to be found in the data files.
	Written = 2
	// Formatting: everything is to be erased; the meta file has the new layout.
	Formatting = 3
)

// Flags of a cartridge.
const WriteProtected = 1

// Meta is the content of a meta file.
type Meta struct {
	UUID          [16]byte
	State         uint8
	Flags         uint8
	Kind          uint8
	Density       uint8
	FirstEpoch    uint32 // of the present recording
	NextEpoch     uint32 // no epoch from this on was ever used
	Created       int64  // seconds since 1970
	Made          int64
	Capacity      int64
	MaxPartitions uint8
	Partitions    []Partition // one or more
	Barcode       string
	Medium        string
	Serial        string
	Counters      []uint64
}

// Partition is what a meta file has of one partition.
type Partition struct {
	Size       int64
	End        int64  // offset of the end of data in the data file; 0 unless Closed
	Objects    uint64 // likewise
	Filemarks  uint64 // likewise
	Attributes []Attribute
}

// Attribute is a cartridge memory attribute.
type Attribute struct {
	ID     uint16
	Format uint8
	Flags  uint8 // 1: read-only
	Value  []byte
}

// Sizes are the partitions' sizes in the form of a data header.
func (m *Meta) Sizes() (s [MaxPartitions]int64) {
	for i, p := range m.Partitions {
		s[i] = p.Size
	}
	return s
}

// Append appends the bytes of m.
func (m *Meta) Append(b []byte) []byte {
	start := len(b)
	b = append(b, metaMagic[:]...)
	b = be.AppendUint32(b, Version)
	b = be.AppendUint32(b, 0) // length, below
	b = append(b, m.UUID[:]...)
	b = append(b, m.State, m.Flags, m.Kind, m.Density)
	b = be.AppendUint32(b, m.FirstEpoch)
	b = be.AppendUint32(b, m.NextEpoch)
	b = be.AppendUint64(b, uint64(m.Created))
	b = be.AppendUint64(b, uint64(m.Made))
	b = be.AppendUint64(b, uint64(m.Capacity))
	b = append(b, m.MaxPartitions, byte(len(m.Partitions)))
	for _, s := range []string{m.Barcode, m.Medium, m.Serial} {
		s = s[:min(len(s), MaxText)]
		b = append(append(b, byte(len(s))), s...)
	}
	b = be.AppendUint16(b, uint16(len(m.Counters)))
	for _, c := range m.Counters {
		b = be.AppendUint64(b, c)
	}
	for _, p := range m.Partitions {
		b = be.AppendUint64(b, uint64(p.Size))
		b = be.AppendUint64(b, uint64(p.End))
		b = be.AppendUint64(b, p.Objects)
		b = be.AppendUint64(b, p.Filemarks)
		b = be.AppendUint16(b, uint16(len(p.Attributes)))
		for _, a := range p.Attributes {
			b = be.AppendUint16(b, a.ID)
			b = append(b, a.Format, a.Flags)
			b = be.AppendUint16(b, uint16(len(a.Value)))
			b = append(b, a.Value...)
		}
	}
	be.PutUint32(b[start+12:], uint32(len(b)-start+4))
	return be.AppendUint32(b, Checksum(b[start:]))
}

// reader takes fields from bytes and remembers when there were too few.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad = true
		return make([]byte, min(n, 16))
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() uint16 { return be.Uint16(r.take(2)) }
func (r *reader) u32() uint32 { return be.Uint32(r.take(4)) }
func (r *reader) u64() uint64 { return be.Uint64(r.take(8)) }
func (r *reader) text() string {
	n := int(r.u8())
	if n > MaxText {
		r.bad = true
	}
	if r.bad {
		return ""
	}
	return string(r.take(n))
}

// DecodeMeta decodes a whole meta file.
func DecodeMeta(b []byte) (Meta, error) {
	const what = "meta file"
	var m Meta
	if len(b) < 20 || len(b) > MaxMeta {
		return m, invalid(what, "wrong length")
	}
	if [8]byte(b) != metaMagic {
		return m, invalid(what, "wrong magic")
	}
	if Checksum(b[:len(b)-4]) != be.Uint32(b[len(b)-4:]) {
		return m, invalid(what, "wrong checksum")
	}
	if err := checkVersion(what, be.Uint32(b[8:])); err != nil {
		return m, err
	}
	if int(be.Uint32(b[12:])) != len(b) {
		return m, invalid(what, "wrong length")
	}
	r := reader{b: b[16 : len(b)-4]}
	m.UUID = [16]byte(r.take(16))
	m.State, m.Flags, m.Kind, m.Density = r.u8(), r.u8(), r.u8(), r.u8()
	m.FirstEpoch, m.NextEpoch = r.u32(), r.u32()
	m.Created, m.Made, m.Capacity = int64(r.u64()), int64(r.u64()), int64(r.u64())
	m.MaxPartitions = r.u8()
	n := r.u8()
	m.Barcode, m.Medium, m.Serial = r.text(), r.text(), r.text()
	for c := r.u16(); c > 0 && !r.bad; c-- {
		m.Counters = append(m.Counters, r.u64())
	}
	for ; n > 0 && !r.bad; n-- {
		p := Partition{Size: int64(r.u64()), End: int64(r.u64()), Objects: r.u64(), Filemarks: r.u64()}
		for c := r.u16(); c > 0 && !r.bad; c-- {
			a := Attribute{ID: r.u16(), Format: r.u8(), Flags: r.u8()}
			if l := int(r.u16()); l > 0 && !r.bad {
				a.Value = append(a.Value, r.take(l)...)
			}
			p.Attributes = append(p.Attributes, a)
		}
		m.Partitions = append(m.Partitions, p)
	}
	switch {
	case r.bad || len(r.b) != 0:
		return Meta{}, invalid(what, "fields do not fill it")
	case m.State < Closed || m.State > Formatting:
		return Meta{}, invalid(what, "unknown state")
	case len(m.Partitions) > MaxPartitions:
		return Meta{}, invalid(what, "wrong partitions")
	}
	for _, p := range m.Partitions {
		closed := p.End >= DataHeaderSize && p.End <= 1<<62 && p.End%Align == 0 &&
			p.Filemarks <= p.Objects && p.Objects <= uint64(p.End-DataHeaderSize)/RecordSize
		none := p.End == 0 && p.Objects == 0 && p.Filemarks == 0
		if m.State == Closed && !closed || m.State != Closed && !none {
			return Meta{}, invalid(what, "wrong end of data")
		}
	}
	if err := checkLayout(what, 0, uint8(len(m.Partitions)), m.MaxPartitions, m.Capacity, m.Sizes()); err != nil {
		return Meta{}, err
	}
	return m, nil
}
