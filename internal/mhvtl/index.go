package mhvtl

import (
	"encoding/binary"
	"fmt"
	"io"
)

// le is the byte order of the hosts that mhVTL runs on, which its files have.
var le = binary.LittleEndian

// Record of an index file, the same in all versions that have one.
const (
	indexRecord = 512

	atIndexOffset = 0
	atIndexType   = 8
	atIndexFlags  = 12
	atIndexNumber = 16
	atIndexSize   = 20
	atIndexStored = 24
	atIndexCRC    = 28
)

// decodeIndex decodes the k-th record of an index file.
func decodeIndex(o *object, b []byte, k uint64) error {
	if n := le.Uint32(b[atIndexNumber:]); uint64(n) != k {
		return fmt.Errorf("record %d has number %d", k, n)
	}
	offset := int64(le.Uint64(b[atIndexOffset:]))
	switch kind := le.Uint32(b[atIndexType:]); kind {
	case typeFilemark:
		*o = object{filemark: true, offset: offset}
		if offset < 0 {
			return fmt.Errorf("record %d is at offset %d", k, offset)
		}
		return nil
	case typeData:
	default:
		return fmt.Errorf("record %d is of type %d", k, kind)
	}
	*o = object{
		flags: le.Uint32(b[atIndexFlags:]), offset: offset,
		size: int(le.Uint32(b[atIndexSize:])), stored: int(le.Uint32(b[atIndexStored:])), crc: le.Uint32(b[atIndexCRC:]),
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("record %d: %w", k, err)
	}
	return nil
}

// indexScanner reads an index file.
type indexScanner struct {
	index    *io.SectionReader
	dataSize int64
	null     bool // nothing is in the data file
	k        uint64
	end      int64 // of the last payload
	page     [64 * indexRecord]byte
	have     []byte // records of the page that are left
}

func newIndexScanner(index io.ReaderAt, size, dataSize int64, null bool) *indexScanner {
	return &indexScanner{index: io.NewSectionReader(index, 0, size), dataSize: dataSize, null: null}
}

// record returns the next record; io.EOF when there is none, and
// io.ErrUnexpectedEOF when there is a part of one.
func (s *indexScanner) record() ([]byte, error) {
	if len(s.have) == 0 {
		n, err := io.ReadFull(s.index, s.page[:])
		if n == 0 {
			return nil, err
		}
		s.have = s.page[:n]
	}
	if len(s.have) < indexRecord {
		s.have = nil
		return nil, io.ErrUnexpectedEOF
	}
	r := s.have[:indexRecord]
	s.have = s.have[indexRecord:]
	return r, nil
}

func (s *indexScanner) next(o *object) error {
	r, err := s.record()
	switch {
	case err == io.ErrUnexpectedEOF:
		return &endError{reason: fmt.Sprintf("the index ends within record %d", s.k), lost: 1}
	case err != nil:
		return err
	}
	err = decodeIndex(o, r, s.k)
	if err == nil && o.offset < s.end {
		err = fmt.Errorf("record %d overlaps the one before", s.k)
	}
	if err != nil {
		return s.broken(err)
	}
	s.k++
	if o.filemark {
		s.end = o.offset
		return nil
	}
	s.end = o.offset + int64(o.stored)
	if s.end > s.dataSize && !s.null {
		lost := s.rest(nil) + 1
		return &endError{reason: fmt.Sprintf("the data file ends within object %d", s.k-1), lost: lost}
	}
	return nil
}

// broken tells whether anything valid is behind a record that is not.
func (s *indexScanner) broken(why error) error {
	s.k++
	good := uint64(0)
	bad := s.rest(&good)
	return &endError{reason: "index: " + why.Error(), lost: bad + 1, damaged: good > 0}
}

// rest reads to the end and returns how many records there were, and how many of
// them are valid.
func (s *indexScanner) rest(good *uint64) (all uint64) {
	for {
		r, err := s.record()
		if err != nil {
			return all
		}
		all++
		var o object
		if good != nil && decodeIndex(&o, r, s.k) == nil {
			*good++
		}
		s.k++
	}
}
