package format

// MaxText is the longest text of a data header: barcode, medium and serial.
const MaxText = 63

var dataMagic = [8]byte{'V', 'T', 'L', ' ', 'D', 'A', 'T', 'A'}

// DataHeader begins a data file. It has what a cartridge needs to be found again
// when its meta file is lost.
type DataHeader struct {
	UUID          [16]byte
	Partition     uint8 // which one this file is
	Partitions    uint8 // how many there are
	Kind          uint8
	Density       uint8
	FirstEpoch    uint32 // records of a lower epoch are of an earlier recording
	Created       int64  // seconds since 1970
	Made          int64
	Capacity      int64 // native, of the whole medium, bytes
	Sizes         [MaxPartitions]int64
	MaxPartitions uint8
	Barcode       string
	Medium        string
	Serial        string
}

// Append appends the DataHeaderSize bytes of h.
func (h *DataHeader) Append(b []byte) []byte {
	var a [DataHeaderSize]byte
	copy(a[0:], dataMagic[:])
	be.PutUint32(a[8:], Version)
	be.PutUint32(a[12:], DataHeaderSize)
	copy(a[16:], h.UUID[:])
	a[32], a[33], a[34], a[35] = h.Partition, h.Partitions, h.Kind, h.Density
	be.PutUint32(a[36:], h.FirstEpoch)
	be.PutUint64(a[40:], uint64(h.Created))
	be.PutUint64(a[48:], uint64(h.Made))
	be.PutUint64(a[56:], uint64(h.Capacity))
	for i, s := range h.Sizes {
		be.PutUint64(a[64+8*i:], uint64(s))
	}
	a[96] = h.MaxPartitions
	putText(a[128:192], h.Barcode)
	putText(a[192:256], h.Medium)
	putText(a[256:320], h.Serial)
	be.PutUint32(a[DataHeaderSize-4:], Checksum(a[:DataHeaderSize-4]))
	return append(b, a[:]...)
}

// DecodeDataHeader decodes the first DataHeaderSize bytes of a data file.
func DecodeDataHeader(b []byte) (DataHeader, error) {
	const what = "data file header"
	var h DataHeader
	if len(b) < DataHeaderSize {
		return h, invalid(what, "too short")
	}
	b = b[:DataHeaderSize]
	if [8]byte(b) != dataMagic {
		return h, invalid(what, "wrong magic")
	}
	if Checksum(b[:DataHeaderSize-4]) != be.Uint32(b[DataHeaderSize-4:]) {
		return h, invalid(what, "wrong checksum")
	}
	if err := checkVersion(what, be.Uint32(b[8:])); err != nil {
		return h, err
	}
	h = DataHeader{
		UUID:      [16]byte(b[16:]),
		Partition: b[32], Partitions: b[33], Kind: b[34], Density: b[35],
		FirstEpoch:    be.Uint32(b[36:]),
		Created:       int64(be.Uint64(b[40:])),
		Made:          int64(be.Uint64(b[48:])),
		Capacity:      int64(be.Uint64(b[56:])),
		MaxPartitions: b[96],
	}
	for i := range h.Sizes {
		h.Sizes[i] = int64(be.Uint64(b[64+8*i:]))
	}
	var ok [3]bool
	h.Barcode, ok[0] = text(b[128:192])
	h.Medium, ok[1] = text(b[192:256])
	h.Serial, ok[2] = text(b[256:320])
	switch {
	case be.Uint32(b[12:]) != DataHeaderSize:
		return h, invalid(what, "wrong length")
	case ok != [3]bool{true, true, true}:
		return h, invalid(what, "wrong text")
	case !zero(b[97:128]) || !zero(b[320:DataHeaderSize-4]):
		return h, invalid(what, "reserved bytes in use")
	}
	return h, checkLayout(what, h.Partition, h.Partitions, h.MaxPartitions, h.Capacity, h.Sizes)
}

// checkVersion refuses what a later program wrote. Version 0 never existed.
func checkVersion(what string, v uint32) error {
	switch {
	case v > Version:
		return &VersionError{What: what, Version: v}
	case v == 0:
		return invalid(what, "version 0")
	}
	return nil
}

// VersionError names the version that is too new. It is ErrVersion.
type VersionError struct {
	What    string
	Version uint32
}

func (e *VersionError) Error() string {
	return e.What + ": written by a newer program (format version " + decimal(e.Version) +
		", this one knows up to " + decimal(Version) + ")"
}

// Is makes errors.Is(e, ErrVersion) true.
func (e *VersionError) Is(target error) bool { return target == ErrVersion }

func decimal(v uint32) string {
	var b [10]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + v%10)
		if v /= 10; v == 0 {
			return string(b[i:])
		}
	}
}

// checkLayout checks the partitions of a medium.
func checkLayout(what string, p, n, most uint8, capacity int64, sizes [MaxPartitions]int64) error {
	if most < 1 || most > MaxPartitions || n < 1 || n > most || p >= n {
		return invalid(what, "wrong partitions")
	}
	sum := int64(0)
	for i, s := range sizes {
		if s < 0 || s > capacity || (i >= int(n)) != (s == 0) {
			return invalid(what, "wrong partition size")
		}
		if sum += s; sum > capacity {
			return invalid(what, "partitions larger than the medium")
		}
	}
	return nil
}
