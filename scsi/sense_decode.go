package scsi

import (
	"encoding/binary"
	"errors"
)

// ErrSenseFormat means that bytes are not sense data in fixed or descriptor format.
var ErrSenseFormat = errors.New("scsi: not sense data")

// DecodeSense decodes sense data in fixed (70h, 71h) or descriptor (72h, 73h)
// format, SPC-4 4.5, as an initiator does. Fixed format may be cut anywhere
// behind the sense key; what is not there is zero.
func DecodeSense(b []byte) (*Sense, error) {
	if len(b) < 3 {
		return nil, ErrSenseFormat
	}
	switch b[0] & 0x7F {
	case 0x70, 0x71:
		return decodeFixed(b), nil
	case 0x72, 0x73:
		return decodeDescriptors(b)
	}
	return nil, ErrSenseFormat
}

func decodeFixed(b []byte) *Sense {
	var f [FixedLength]byte
	n := min(len(b), FixedLength)
	if len(b) > 7 {
		n = min(n, 8+int(b[7]))
	}
	copy(f[:n], b)
	s := &Sense{
		Key: SenseKey(f[2] & 0xF), Deferred: f[0]&0x01 != 0,
		Filemark: f[2]&0x80 != 0, EOM: f[2]&0x40 != 0, ILI: f[2]&0x20 != 0,
		CommandSpecific: binary.BigEndian.Uint32(f[8:]), ASC: ASC(binary.BigEndian.Uint16(f[12:])),
		FRU: f[14], SKS: [3]byte(f[15:18]),
	}
	if f[0]&0x80 != 0 {
		s.Valid = true
		// Negative residues are two's complement of 32 bits (SSC-4 6.4).
		s.Information = int64(int32(binary.BigEndian.Uint32(f[3:])))
	}
	if len(b) > FixedLength && int(b[7])+8 > FixedLength {
		s.Additional = append([]byte(nil), b[FixedLength:min(len(b), 8+int(b[7]))]...)
	}
	return s
}

func decodeDescriptors(b []byte) (*Sense, error) {
	if len(b) < 8 || len(b) < 8+int(b[7]) {
		return nil, ErrSenseFormat
	}
	s := &Sense{Key: SenseKey(b[1] & 0xF), Deferred: b[0]&0x01 != 0, ASC: ASC(binary.BigEndian.Uint16(b[2:]))}
	for d := b[8 : 8+int(b[7])]; len(d) > 0; {
		if len(d) < 2 || len(d) < 2+int(d[1]) {
			return nil, ErrSenseFormat
		}
		n := 2 + int(d[1])
		switch {
		case d[0] == 0x00 && n == 12:
			s.Valid, s.Information = d[2]&0x80 != 0, int64(binary.BigEndian.Uint64(d[4:]))
		case d[0] == 0x01 && n == 12:
			s.CommandSpecific = uint32(binary.BigEndian.Uint64(d[4:]))
		case d[0] == 0x02 && n == 8:
			s.SKS = [3]byte(d[4:7])
		case d[0] == 0x03 && n == 4:
			s.FRU = d[3]
		case d[0] == 0x04 && n == 4:
			s.Filemark, s.EOM, s.ILI = d[3]&0x80 != 0, d[3]&0x40 != 0, d[3]&0x20 != 0
		}
		d = d[n:]
	}
	return s, nil
}
