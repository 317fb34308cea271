package page

import (
	"encoding/binary"
	"errors"
	"slices"
)

// ErrSaved means that saved mode pages cannot be understood.
var ErrSaved = errors.New("page: saved mode pages are damaged")

// savedMagic starts saved mode pages and carries the version of their form.
const savedMagic = "modes\x00\x00\x01"

// AppendSaved appends the saved values for safekeeping: a magic, then for each
// page with saved values its code, subpage, length (2 bytes) and bytes.
func (s *Modes) AppendSaved(dst []byte) []byte {
	dst = append(dst, savedMagic...)
	for i := range s.pages {
		p := &s.pages[i]
		if p.saved == nil {
			continue
		}
		dst = append(dst, p.Code, p.Subpage)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(p.saved)))
		dst = append(dst, p.saved...)
	}
	return dst
}

// Restore takes saved values back and makes them current. Pages that are no
// longer there, or have another length, are left out, and so are values that
// the model no longer allows. It returns ErrSaved, and changes nothing, for
// bytes that AppendSaved did not make.
func (s *Modes) Restore(b []byte) error {
	if len(b) < len(savedMagic) || string(b[:len(savedMagic)]) != savedMagic {
		return ErrSaved
	}
	b = b[len(savedMagic):]
	saved := map[int]Image{}
	for len(b) > 0 {
		if len(b) < 4 {
			return ErrSaved
		}
		code, subpage, n := b[0], b[1], int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; len(b) < n {
			return ErrSaved
		}
		if i := s.index(code, subpage); i >= 0 && s.pages[i].Saveable && s.pages[i].Size() == n {
			saved[i] = slices.Clone(Image(b[:n]))
		}
		b = b[n:]
	}
	for i, was := range saved {
		p := &s.pages[i]
		p.saved = p.Default()
		for k := range p.Fields {
			if f := &p.Fields[k]; f.Kind == Changeable {
				copyField(p.saved, was, f)
			}
		}
	}
	s.Reset()
	return nil
}

// copyField copies a field between images, unless MODE SELECT could not set it.
func copyField(dst, src Image, f *Field) {
	if !f.IsNumber() {
		copy(dst[f.Byte:f.end()], src[f.Byte:f.end()])
		return
	}
	if v := src.Get(f); f.Allows(v) {
		dst.Put(f, v)
	}
}
