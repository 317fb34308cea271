// Package format encodes and decodes what a cartridge's files consist of: the
// header of a data file, records, index entries and the meta file. They are pure
// functions over bytes; FORMAT.md draws every box. Numbers are big-endian.
//
// What decodes encodes to the same bytes again: there is one encoding of
// everything.
package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Specification constants: part of the format, never to be changed.
const (
	// Version is the version of the format that this package writes, and the
	// newest that it reads.
	Version = 1

	DataHeaderSize  = 4096
	RecordSize      = 96
	IndexHeaderSize = 64
	EntrySize       = 32
	Align           = 8 // records begin at multiples of it

	// MaxStored bounds the stored length of a block, so that nothing is
	// allocated by a length that damage has changed.
	MaxStored = 16<<20 + 4096

	// MaxBlock bounds the length of a block as the initiator wrote it.
	MaxBlock = 16<<20 + 64

	// MaxAux bounds the auxiliary data of a record.
	MaxAux = 4096

	// MaxPartitions is how many partitions a medium may have.
	MaxPartitions = 4
)

// Kinds of records.
const (
	Block    = 1
	Filemark = 2

	// Lost is only in an index: what was at this object number cannot be read.
	Lost = 3

	// Cut is only at the end of an index: records of a lower epoch that are
	// found from its offset on have been cut off, or should have been.
	Cut = 4
)

// Errors of the decoders.
var (
	// ErrInvalid: the bytes are not what they should be: magic, checksum, a
	// value out of range, or too few.
	ErrInvalid = errors.New("invalid")

	// ErrVersion: whole and well, but of a newer format.
	ErrVersion = errors.New("newer format version")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Checksum is the CRC32C that everything in the files is protected by.
func Checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// UpdateChecksum continues a Checksum.
func UpdateChecksum(crc uint32, b []byte) uint32 { return crc32.Update(crc, castagnoli, b) }

// Pad is how many zero bytes follow n bytes up to the next multiple of Align.
func Pad(n int64) int64 { return -n & (Align - 1) }

var be = binary.BigEndian

func invalid(what, detail string) error { return fmt.Errorf("%s: %w: %s", what, ErrInvalid, detail) }

// zero says that b is all zero.
func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// putText stores a short text: one byte length, then the text, then zeros.
func putText(b []byte, s string) {
	n := copy(b[1:], s)
	b[0] = byte(n)
	clear(b[1+n:])
}

// text is the inverse of putText.
func text(b []byte) (string, bool) {
	n := int(b[0])
	if n > len(b)-1 || !zero(b[1+n:]) {
		return "", false
	}
	return string(b[1 : 1+n]), true
}
