package mhvtl

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"govtl/libcart"
)

// Types of records, in the index of three files and in the chain of one.
const (
	typeRaw        = 1 // S1: a block as it was written
	typeZlib       = 2 // S1: a block, compressed
	typeFilemark   = 3
	typeBOT        = 4 // beginning of tape
	typeEOD        = 5 // end of data
	typeEarly      = 6 // S1: early warning
	typeEOM        = 7 // S1: end of medium
	typeNoOp       = 8
	typeEncrypted  = 11 // S1: an encrypted block
	typeData       = 11 // S2 and later
	typeCapacity   = 14 // S2: beginning of tape
	noMoreThanType = 14
)

// Flags of a data record.
const (
	flagZlib      = 1 << 0
	flagEncrypted = 1 << 1 // the payload is in clear all the same
	flagLZO       = 1 << 2
	flagCRC       = 1 << 3
)

// object is a block or filemark, as its record describes it.
type object struct {
	filemark bool
	flags    uint32
	size     int    // of the block
	stored   int    // of its payload
	offset   int64  // of its payload
	crc      uint32 // of the block, when flagCRC is set
}

// check refuses lengths that no block has, before anything is allocated by them.
func (o *object) check() error {
	switch {
	case o.size < 0 || o.size > libcart.MaxBlock:
		return fmt.Errorf("a block of %d bytes", uint32(o.size))
	case o.stored < 0 || o.stored > maxStored(o.size):
		return fmt.Errorf("%d bytes stored of a block of %d", uint32(o.stored), o.size)
	case o.offset < 0:
		return fmt.Errorf("payload at offset %d", o.offset)
	case o.flags&^(flagZlib|flagEncrypted|flagLZO|flagCRC) != 0 || o.flags&(flagZlib|flagLZO) == flagZlib|flagLZO:
		return fmt.Errorf("flags %Xh", o.flags)
	case o.flags&(flagZlib|flagLZO) == 0 && o.stored != o.size:
		return fmt.Errorf("%d bytes stored of a block of %d that is not compressed", o.stored, o.size)
	}
	return nil
}

// maxStored is the most that a codec makes of a block that does not compress.
func maxStored(size int) int { return size + size/8 + 1024 }

// scanner goes through the objects of a partition. next returns io.EOF at the
// end of data, *endError where the recording ends otherwise, and ErrDamaged
// where an object is wrong.
type scanner interface {
	next(*object) error
}

// endError is a recording that does not end as it should.
type endError struct {
	reason string
	lost   uint64 // objects behind that cannot be read

	// damaged: objects behind could have been read, if it were not for this
	// one. Otherwise the recording breaks off.
	damaged bool
}

func (e *endError) Error() string { return e.reason }

func (e *endError) Unwrap() error {
	if e.damaged {
		return ErrDamaged
	}
	return nil
}

// unpacker reads payloads.
type unpacker struct {
	scratch []byte
	zlib    io.ReadCloser
}

// read reads the block of an object into dst, which has its size, and checks it.
func (u *unpacker) read(dst []byte, from io.ReaderAt, o *object) error {
	payload := dst
	if o.flags&(flagZlib|flagLZO) != 0 {
		u.scratch = slices.Grow(u.scratch[:0], o.stored)[:o.stored]
		payload = u.scratch
	}
	if n, err := from.ReadAt(payload, o.offset); n < len(payload) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	var err error
	switch {
	case o.flags&flagZlib != 0:
		err = u.inflate(dst, payload)
	case o.flags&flagLZO != 0:
		err = decompressLZO(dst, payload)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if o.flags&flagCRC != 0 && !crcMatches(dst, o.crc) {
		return fmt.Errorf("%w: wrong checksum", ErrDamaged)
	}
	return nil
}

// inflate decompresses a whole zlib stream (RFC 1950) into dst.
func (u *unpacker) inflate(dst, src []byte) error {
	in := bytes.NewReader(src)
	var err error
	if u.zlib == nil {
		u.zlib, err = zlib.NewReader(in)
	} else {
		err = u.zlib.(zlib.Resetter).Reset(in, nil)
	}
	if err != nil {
		u.zlib = nil
		return err
	}
	if _, err := io.ReadFull(u.zlib, dst); err != nil && err != io.EOF {
		return err
	}
	var more [1]byte
	if n, err := u.zlib.Read(more[:]); n > 0 || !errors.Is(err, io.EOF) {
		return fmt.Errorf("zlib stream: not of %d bytes: %w", len(dst), err)
	}
	if in.Len() > 0 {
		return errors.New("zlib stream: more behind its end")
	}
	return nil
}

// crcMatches says whether crc is the CRC-32C of a block: as it is defined, or
// without inversion before and after, as releases 1.6-1 and 1.6-2 stored it.
func crcMatches(block []byte, crc uint32) bool {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Checksum(block, table) == crc || ^crc32.Update(^uint32(0), table, block) == crc
}
