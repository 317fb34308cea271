package mhvtl

import (
	"errors"
	"fmt"
	"io"
)

// chainForm is how the records of a single file are laid out.
type chainForm struct {
	version Version
	header  int64 // bytes before each payload
	numbers int   // where the four 64-bit numbers of a header begin
}

// The forms of a single file.
var (
	formS2   = chainForm{version: VersionS2, header: 512, numbers: 16}
	formS1   = chainForm{version: VersionS1, header: 48, numbers: 16}
	formS1w4 = chainForm{version: VersionS1, header: 44, numbers: 12} // written on a 32-bit host
)

// link is the header of a record of a single file.
type link struct {
	kind, size, stored, flags uint32
	number                    uint64
	prev, this, next          int64
}

// link decodes a header. A header of S1 has no flags.
func (f chainForm) link(b []byte) link {
	n := b[f.numbers:]
	l := link{
		kind: le.Uint32(b), size: le.Uint32(b[4:]), stored: le.Uint32(b[8:]),
		number: le.Uint64(n), prev: int64(le.Uint64(n[8:])), this: int64(le.Uint64(n[16:])), next: int64(le.Uint64(n[24:])),
	}
	if f.version == VersionS2 {
		l.flags = le.Uint32(b[12:])
	}
	return l
}

// read reads the header at an offset and checks that it is one.
func (f chainForm) read(file io.ReaderAt, off int64) (link, error) {
	b := make([]byte, f.header)
	if n, err := file.ReadAt(b, off); n < len(b) {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return link{}, err
	}
	l := f.link(b)
	if l.this != off || l.next < off || l.kind == 0 || l.kind > noMoreThanType {
		return l, fmt.Errorf("no record at offset %d", off)
	}
	return l, nil
}

// follows says that a record of this form begins where l says that the next
// one does.
func (f chainForm) follows(file io.ReaderAt, size int64, l link) bool {
	if l.this != 0 || l.next <= f.header || l.next-f.header > maxMemory || l.next >= size {
		return false
	}
	second, err := f.read(file, l.next)
	if err != nil || second.prev != 0 {
		return false
	}
	if second.next == second.this { // the end of data, which nothing is behind
		return size-second.this >= f.header && (second.kind == typeEOD)
	}
	n := second.next - second.this - f.header
	return n == int64(second.stored) || second.kind == typeRaw && n == int64(second.size)
}

// findForm tells which form a single file has. S2 and S1 of 64-bit hosts differ
// in the length of a header alone, which shows at the second record.
func findForm(file io.ReaderAt, size int64) (chainForm, link, error) {
	b := make([]byte, 48)
	if n, _ := file.ReadAt(b, 0); n < len(b) {
		return chainForm{}, link{}, fmt.Errorf("%w: a file of %d bytes", ErrFormat, size)
	}
	for _, f := range []chainForm{formS2, formS1, formS1w4} {
		l := f.link(b)
		if l.kind != typeBOT && (l.kind != typeCapacity || f.version != VersionS2) {
			continue
		}
		if f == formS2 && l.kind == typeBOT && emptyS1(file, size, l) {
			continue
		}
		if f.follows(file, size, l) {
			return f, l, nil
		}
	}
	return chainForm{}, link{}, fmt.Errorf("%w: neither 512, 48 nor 44 bytes before each record", ErrFormat)
}

// emptyS1 says that a file that begins as S1 and S2 both do ends with a header of
// 48 bytes, the end of data.
func emptyS1(file io.ReaderAt, size int64, first link) bool {
	second, err := formS1.read(file, first.next)
	return err == nil && second.kind == typeEOD && size-second.this == formS1.header
}

// chainScanner follows the records of a single file.
type chainScanner struct {
	form      chainForm
	file      io.ReaderAt
	size      int64
	off, prev int64
}

func (s *chainScanner) next(o *object) error {
	for {
		l, err := s.form.read(s.file, s.off)
		switch {
		case errors.Is(err, io.ErrUnexpectedEOF):
			return &endError{reason: fmt.Sprintf("the file ends at offset %d without an end of data", s.off)}
		case err != nil:
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		case l.kind == typeEOD:
			return io.EOF
		case l.prev != s.prev:
			return fmt.Errorf("%w: the record at offset %d follows that at %d, not that at %d", ErrDamaged, s.off, l.prev, s.prev)
		case l.next <= s.off:
			return fmt.Errorf("%w: the record at offset %d leads nowhere", ErrDamaged, s.off)
		}
		here := s.off
		s.prev, s.off = here, l.next
		if l.kind == typeNoOp || s.form.version == VersionS1 && (l.kind == typeEarly || l.kind == typeEOM) {
			continue
		}
		return s.object(o, l)
	}
}

// object makes an object of a record.
func (s *chainScanner) object(o *object, l link) error {
	*o = object{flags: l.flags, size: int(l.size), stored: int(l.stored), offset: l.this + s.form.header}
	switch s1 := s.form.version == VersionS1; {
	case l.kind == typeFilemark:
		*o = object{filemark: true, offset: o.offset}
		return nil
	case s1 && l.kind == typeRaw:
		o.stored = o.size
	case s1 && l.kind == typeZlib:
		o.flags = flagZlib
	case s1 && l.kind == typeEncrypted:
		return fmt.Errorf("%w: the block at offset %d is encrypted, with a key that is not on the tape", ErrDamaged, l.this)
	case !s1 && l.kind == typeData:
		o.flags &= flagZlib | flagEncrypted
	default:
		return fmt.Errorf("%w: the record at offset %d is of type %d", ErrDamaged, l.this, l.kind)
	}
	if err := o.check(); err != nil {
		return fmt.Errorf("%w: the record at offset %d: %w", ErrDamaged, l.this, err)
	}
	end := o.offset + int64(o.stored)
	if end > s.size {
		return &endError{reason: fmt.Sprintf("the file ends within the record at offset %d", l.this), lost: 1}
	}
	if l.next < end {
		return fmt.Errorf("%w: the record at offset %d overlaps the next", ErrDamaged, l.this)
	}
	return nil
}
