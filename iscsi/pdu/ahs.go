package pdu

import "encoding/binary"

// The types of additional header segments, RFC 7143 11.2.2.2.
const (
	AHSExtendedCDB         = 1
	AHSBidirectionalLength = 2
)

// AHS is one additional header segment, RFC 7143 11.2.2:
//
//	byte  0-1  AHSLength: bytes after the type, without padding
//	      2    AHSType
//	      3-   AHS-specific, padded to 4 bytes
type AHS struct {
	Type     uint8 // 0 to 3Fh
	Specific []byte
}

// NextAHS splits the first segment off b.
func NextAHS(b []byte) (a AHS, rest []byte, err error) {
	if len(b) < 4 {
		return a, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b))
	if n == 0 {
		return a, nil, &FormatError{OpSCSICommand, "AHSLength", 0}
	}
	whole := 3 + n + Padding(3+n)
	if whole > len(b) {
		return a, nil, ErrShort
	}
	return AHS{Type: b[2] & 0x3F, Specific: b[3 : 3+n]}, b[whole:], nil
}

// AppendAHS appends a segment with its padding.
func AppendAHS(dst []byte, a AHS) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(a.Specific)))
	dst = append(dst, a.Type&0x3F)
	dst = append(dst, a.Specific...)
	for range Padding(3 + len(a.Specific)) {
		dst = append(dst, 0)
	}
	return dst
}
