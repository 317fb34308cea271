package format

var recordMagic = [4]byte{'V', 'R', 'E', 'C'}

// RecordMagic is how a record begins, for whoever searches for one.
func RecordMagic() []byte { return recordMagic[:] }

// Record is the header of a record in a data file.
type Record struct {
	Kind      uint8  // Block or Filemark
	Codec     uint8  // how the payload is compressed
	Cipher    uint8  // how it is encrypted; 0: not
	Partition uint8  // of the file it is in
	Tag       uint64 // first eight bytes of the cartridge's UUID
	Offset    int64  // of this record in its file
	Object    uint64 // logical object number
	Filemarks uint64 // filemarks before it
	Epoch     uint32 // write epoch
	Length    uint32 // of the block as the initiator wrote it
	Stored    uint32 // of the payload
	Aux       uint16 // of the auxiliary data between header and payload
	StoredCRC uint32 // of the payload as it is stored
	AuxCRC    uint32 // of the auxiliary data
	PlainCRC  uint32 // of the block as the initiator wrote it; 0 when encrypted
	Durable   int64  // all bytes before this offset were durable when it was written
}

// Size is what a record takes in the file: header, auxiliary data, payload and
// padding.
func Size(aux uint16, stored uint32) int64 {
	n := RecordSize + int64(aux) + int64(stored)
	return n + Pad(n)
}

// Size is what the whole record takes in the file.
func (r *Record) Size() int64 { return Size(r.Aux, r.Stored) }

// Put writes the RecordSize bytes of r to b.
func (r *Record) Put(b []byte) {
	b = b[:RecordSize]
	copy(b, recordMagic[:])
	b[4], b[5], b[6], b[7] = r.Kind, r.Codec, r.Cipher, r.Partition
	be.PutUint64(b[8:], r.Tag)
	be.PutUint64(b[16:], uint64(r.Offset))
	be.PutUint64(b[24:], r.Object)
	be.PutUint64(b[32:], r.Filemarks)
	be.PutUint32(b[40:], r.Epoch)
	be.PutUint32(b[44:], r.Length)
	be.PutUint32(b[48:], r.Stored)
	be.PutUint16(b[52:], r.Aux)
	be.PutUint16(b[54:], 0)
	be.PutUint32(b[56:], r.StoredCRC)
	be.PutUint32(b[60:], r.AuxCRC)
	be.PutUint32(b[64:], r.PlainCRC)
	be.PutUint32(b[68:], 0)
	be.PutUint64(b[72:], uint64(r.Durable))
	clear(b[80:92])
	be.PutUint32(b[92:], Checksum(b[:92]))
}

// DecodeRecord decodes a record header into r. It checks the header by itself;
// whether it belongs where it was found, Belongs says.
func DecodeRecord(r *Record, b []byte) error {
	const what = "record header"
	if len(b) < RecordSize {
		return invalid(what, "too short")
	}
	b = b[:RecordSize]
	if [4]byte(b) != recordMagic {
		return invalid(what, "wrong magic")
	}
	if Checksum(b[:92]) != be.Uint32(b[92:]) {
		return invalid(what, "wrong checksum")
	}
	*r = Record{
		Kind: b[4], Codec: b[5], Cipher: b[6], Partition: b[7],
		Tag:       be.Uint64(b[8:]),
		Offset:    int64(be.Uint64(b[16:])),
		Object:    be.Uint64(b[24:]),
		Filemarks: be.Uint64(b[32:]),
		Epoch:     be.Uint32(b[40:]),
		Length:    be.Uint32(b[44:]),
		Stored:    be.Uint32(b[48:]),
		Aux:       be.Uint16(b[52:]),
		StoredCRC: be.Uint32(b[56:]),
		AuxCRC:    be.Uint32(b[60:]),
		PlainCRC:  be.Uint32(b[64:]),
		Durable:   int64(be.Uint64(b[72:])),
	}
	switch {
	case r.Kind != Block && r.Kind != Filemark:
		return invalid(what, "unknown kind")
	case r.Kind == Filemark && (r.Length != 0 || r.Stored != 0):
		return invalid(what, "a filemark with content")
	case r.Length > MaxBlock || r.Stored > MaxStored || r.Aux > MaxAux:
		return invalid(what, "wrong length")
	case r.Offset < DataHeaderSize || r.Offset%Align != 0 || r.Offset > 1<<62:
		return invalid(what, "wrong offset")
	case r.Durable < 0 || r.Durable > r.Offset:
		return invalid(what, "durable beyond itself")
	case r.Filemarks > r.Object:
		return invalid(what, "more filemarks than objects")
	case r.Object > uint64(r.Offset-DataHeaderSize)/RecordSize:
		return invalid(what, "more objects than fit before it")
	case !zero(b[54:56]) || !zero(b[68:72]) || !zero(b[80:92]):
		return invalid(what, "reserved bytes in use")
	}
	return nil
}
