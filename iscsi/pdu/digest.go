package pdu

import (
	"encoding/binary"
	"hash/crc32"
)

// DigestLength is the length of a header or data digest in bytes.
const DigestLength = 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Digest is the CRC32C of header and data digests (RFC 7143 13.1), over the
// parts one after the other. Data digests cover the padding too.
func Digest(parts ...[]byte) uint32 {
	var crc uint32
	for _, p := range parts {
		crc = crc32.Update(crc, castagnoli, p)
	}
	return crc
}

// UpdateDigest goes on with a digest over more bytes.
func UpdateDigest(crc uint32, p []byte) uint32 { return crc32.Update(crc, castagnoli, p) }

// PutDigest writes a digest as it is on the wire, least significant byte first.
func PutDigest(dst []byte, crc uint32) { binary.LittleEndian.PutUint32(dst, crc) }

// ReadDigest is the inverse of PutDigest.
func ReadDigest(b []byte) uint32 { return binary.LittleEndian.Uint32(b) }
