package page

import (
	"encoding/binary"
	"fmt"
	"slices"

	"govtl/scsi"
)

// VPD is a vital product data page, SPC-4 7.8.
type VPD struct {
	Code         uint8
	Name, Clause string

	// Length is the PAGE LENGTH of a page that consists of Fields; their bytes
	// count from byte 0 of the page, the first behind the header is 4.
	Length int
	Fields Fields

	// Body, when not nil, appends the bytes from byte 4 on instead.
	Body func(dst []byte, n *scsi.Nexus) []byte
}

// Check reports what is wrong with the definition.
func (v *VPD) Check() error {
	if v.Length < 0 || v.Length > 0xFFFF || v.Body != nil && v.Fields != nil {
		return fmt.Errorf("page: VPD page %02Xh: bad length, or both fields and a body", v.Code)
	}
	if err := v.Fields.check(4, 4+v.Length); err != nil {
		return fmt.Errorf("page: VPD page %02Xh: %w", v.Code, err)
	}
	return nil
}

// WithValue returns a copy of the page in which a number has another value.
func (v VPD) WithValue(field string, x uint64) (VPD, error) {
	return v.withFields(v.Fields.withValue(field, x))
}

// WithData returns a copy in which text or opaque bytes have another value.
func (v VPD) WithData(field string, p []byte) (VPD, error) {
	return v.withFields(v.Fields.withData(field, p))
}

func (v VPD) withFields(l Fields, err error) (VPD, error) {
	if err != nil {
		return v, fmt.Errorf("page: VPD page %02Xh: %w", v.Code, err)
	}
	v.Fields = l
	return v, nil
}

// append appends the page with its header; first is byte 0, peripheral
// qualifier and device type.
func (v *VPD) append(dst []byte, n *scsi.Nexus, first byte) []byte {
	start := len(dst)
	dst = append(dst, first, v.Code, 0, 0)
	if v.Body != nil {
		dst = v.Body(dst, n)
	} else {
		dst = append(dst, make([]byte, v.Length)...)
		b := Image(dst[start:])
		for i := range v.Fields {
			b.putDefault(&v.Fields[i])
		}
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16(len(dst)-start-4))
	return dst
}

// VPDs are the vital product data pages of one logical unit, page 00h included.
type VPDs struct{ pages []VPD }

// NewVPDs makes the pages; page 00h is made from the others. It returns an error
// when a definition is wrong or a page is there twice.
func NewVPDs(pages []VPD) (*VPDs, error) {
	s := &VPDs{pages: slices.Clone(pages)}
	slices.SortFunc(s.pages, func(a, b VPD) int { return int(a.Code) - int(b.Code) })
	for i := range s.pages {
		v := &s.pages[i]
		if err := v.Check(); err != nil {
			return nil, err
		}
		if v.Code == 0 || i > 0 && s.pages[i-1].Code == v.Code {
			return nil, fmt.Errorf("page: VPD page %02Xh is there twice", v.Code)
		}
	}
	return s, nil
}

// Append appends a page; first is its byte 0. ok is false when it is not there.
func (s *VPDs) Append(dst []byte, n *scsi.Nexus, first, code byte) (_ []byte, ok bool) {
	if code == 0 {
		dst = append(dst, first, 0, 0, byte(len(s.pages)+1), 0)
		for i := range s.pages {
			dst = append(dst, s.pages[i].Code)
		}
		return dst, true
	}
	for i := range s.pages {
		if s.pages[i].Code == code {
			return s.pages[i].append(dst, n, first), true
		}
	}
	return dst, false
}

// Pages lists the pages in ascending order, without page 00h.
func (s *VPDs) Pages() []VPD { return s.pages }
