package format

var indexMagic = [8]byte{'V', 'T', 'L', ' ', 'I', 'N', 'D', 'X'}

// IndexHeader begins an index file.
type IndexHeader struct {
	UUID       [16]byte
	Partition  uint8
	FirstEpoch uint32 // that of the data file
}

// Append appends the IndexHeaderSize bytes of h.
func (h *IndexHeader) Append(b []byte) []byte {
	var a [IndexHeaderSize]byte
	copy(a[0:], indexMagic[:])
	be.PutUint32(a[8:], Version)
	copy(a[16:], h.UUID[:])
	a[32] = h.Partition
	be.PutUint32(a[36:], h.FirstEpoch)
	be.PutUint32(a[60:], Checksum(a[:60]))
	return append(b, a[:]...)
}

// DecodeIndexHeader decodes the first IndexHeaderSize bytes of an index file.
func DecodeIndexHeader(b []byte) (IndexHeader, error) {
	const what = "index file header"
	var h IndexHeader
	if len(b) < IndexHeaderSize {
		return h, invalid(what, "too short")
	}
	b = b[:IndexHeaderSize]
	if [8]byte(b) != indexMagic {
		return h, invalid(what, "wrong magic")
	}
	if Checksum(b[:60]) != be.Uint32(b[60:]) {
		return h, invalid(what, "wrong checksum")
	}
	if err := checkVersion(what, be.Uint32(b[8:])); err != nil {
		return h, err
	}
	h = IndexHeader{UUID: [16]byte(b[16:]), Partition: b[32], FirstEpoch: be.Uint32(b[36:])}
	if !zero(b[12:16]) || !zero(b[33:36]) || !zero(b[40:60]) {
		return h, invalid(what, "reserved bytes in use")
	}
	return h, nil
}

// Entry is the index entry of one record. Which object it is of says its place
// in the file, and its checksum.
type Entry struct {
	Offset    int64  // of the record in the data file
	Stored    uint32 // length of the payload
	Length    uint32 // length of the block as the initiator wrote it
	Filemarks uint32 // filemarks before it
	Kind      uint8  // Block, Filemark, Lost or Cut
	Codec     uint8
	Aux       uint16
	Epoch     uint32
}

// MaxFilemarks is how many filemarks a partition may have.
const MaxFilemarks = 1<<32 - 1

// EntryOf makes the index entry of a record.
func EntryOf(r *Record) Entry {
	return Entry{Offset: r.Offset, Stored: r.Stored, Length: r.Length, Filemarks: uint32(r.Filemarks),
		Kind: r.Kind, Codec: r.Codec, Aux: r.Aux, Epoch: r.Epoch}
}

// Size is what the record takes in the data file; a lost one nothing that is known.
func (e *Entry) Size() int64 {
	if e.Kind == Lost {
		return 0
	}
	return Size(e.Aux, e.Stored)
}

// End is the offset behind the record.
func (e *Entry) End() int64 { return e.Offset + e.Size() }

// FilemarksBehind counts the filemarks up to and with this object.
func (e *Entry) FilemarksBehind() uint64 {
	if e.Kind == Filemark {
		return uint64(e.Filemarks) + 1
	}
	return uint64(e.Filemarks)
}

// EntryOffset is where the entry of an object is in the index file.
func EntryOffset(object uint64) int64 { return IndexHeaderSize + EntrySize*int64(object) }

// Put writes the EntrySize bytes of the entry of an object to b.
func (e *Entry) Put(b []byte, object uint64) {
	b = b[:EntrySize]
	be.PutUint64(b[0:], uint64(e.Offset))
	be.PutUint32(b[8:], e.Stored)
	be.PutUint32(b[12:], e.Length)
	be.PutUint32(b[16:], e.Filemarks)
	b[20], b[21] = e.Kind, e.Codec
	be.PutUint16(b[22:], e.Aux)
	be.PutUint32(b[24:], e.Epoch)
	be.PutUint32(b[28:], entryChecksum(b, object))
}

// entryChecksum is the CRC of the object number and the entry before its CRC. The
// eight bytes of the number are done by table, so that nothing is allocated.
func entryChecksum(b []byte, object uint64) uint32 {
	crc := ^uint32(0)
	for shift := 56; shift >= 0; shift -= 8 {
		crc = castagnoli[byte(crc)^byte(object>>shift)] ^ crc>>8
	}
	return UpdateChecksum(^crc, b[:28])
}

// DecodeEntry decodes the index entry of an object into e.
func DecodeEntry(e *Entry, b []byte, object uint64) error {
	const what = "index entry"
	if len(b) < EntrySize {
		return invalid(what, "too short")
	}
	b = b[:EntrySize]
	if entryChecksum(b, object) != be.Uint32(b[28:]) {
		return invalid(what, "wrong checksum")
	}
	*e = Entry{
		Offset:    int64(be.Uint64(b[0:])),
		Stored:    be.Uint32(b[8:]),
		Length:    be.Uint32(b[12:]),
		Filemarks: be.Uint32(b[16:]),
		Kind:      b[20], Codec: b[21],
		Aux:   be.Uint16(b[22:]),
		Epoch: be.Uint32(b[24:]),
	}
	switch {
	case e.Kind < Block || e.Kind > Cut:
		return invalid(what, "unknown kind")
	case e.Offset < DataHeaderSize || e.Offset%Align != 0 || e.Offset > 1<<62:
		return invalid(what, "wrong offset")
	case e.Length > MaxBlock || e.Stored > MaxStored || e.Aux > MaxAux:
		return invalid(what, "wrong length")
	case e.Kind != Block && (e.Length != 0 || e.Stored != 0):
		return invalid(what, "content without a block")
	case uint64(e.Filemarks) > object:
		return invalid(what, "more filemarks than objects")
	case object > uint64(e.Offset-DataHeaderSize)/RecordSize:
		return invalid(what, "more objects than fit before it")
	}
	return nil
}
