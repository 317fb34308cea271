package page

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// Mode is a mode page, SPC-4 7.5.
type Mode struct {
	Code, Subpage uint8

	// Length is the PAGE LENGTH field: the bytes that follow it.
	Length int

	Name, Clause string

	// PerNexus pages have values of their own for each I_T nexus.
	PerNexus bool

	// Saveable pages have the PS bit and take part in MODE SELECT with SP=1.
	Saveable bool

	// Unlisted pages are left out when all pages are asked for.
	Unlisted bool

	Fields Fields
}

// header is the length of the page's header: 2, or 4 with a subpage.
func (m *Mode) header() int {
	if m.Subpage != 0 {
		return 4
	}
	return 2
}

// Size is the page's length in bytes, header included.
func (m *Mode) Size() int { return m.header() + m.Length }

// Title is "0Fh Data Compression" or "0Ah/F0h Control Data Protection".
func (m *Mode) Title() string {
	if m.Subpage != 0 {
		return fmt.Sprintf("%02Xh/%02Xh %s", m.Code, m.Subpage, m.Name)
	}
	return fmt.Sprintf("%02Xh %s", m.Code, m.Name)
}

// Check reports what is wrong with the definition.
func (m *Mode) Check() error {
	if m.Code > 0x3E || m.Subpage == 0xFF || m.Length < 0 || m.Length > 0xFF && m.Subpage == 0 || m.Length > 0xFFF0 {
		return fmt.Errorf("page: mode page %s: code or length out of range", m.Title())
	}
	if err := m.Fields.check(m.header(), m.Size()); err != nil {
		return fmt.Errorf("page: mode page %s: %w", m.Title(), err)
	}
	return nil
}

// putHeader writes the page header; PS is set when the page is saveable.
func (m *Mode) putHeader(b Image) {
	b[0] = m.Code
	if m.Saveable {
		b[0] |= 0x80
	}
	if m.Subpage == 0 {
		b[1] = byte(m.Length)
		return
	}
	b[0] |= 0x40
	b[1] = m.Subpage
	binary.BigEndian.PutUint16(b[2:], uint16(m.Length))
}

// Default is the page with the model's values.
func (m *Mode) Default() Image {
	b := make(Image, m.Size())
	m.putHeader(b)
	for i := range m.Fields {
		b.putDefault(&m.Fields[i])
	}
	return b
}

// Mask is the page with every changeable bit set.
func (m *Mode) Mask() Image {
	b := m.mask(Changeable)
	m.putHeader(b)
	return b
}

// mask has the bits of all fields of a kind set and an empty header.
func (m *Mode) mask(k Kind) Image {
	b := make(Image, m.Size())
	for i := range m.Fields {
		if m.Fields[i].Kind == k {
			b.fill(&m.Fields[i])
		}
	}
	return b
}

// WithValue returns a copy of the page in which a number has another value.
func (m Mode) WithValue(field string, v uint64) (Mode, error) {
	return m.withFields(m.Fields.withValue(field, v))
}

// WithData returns a copy in which text or opaque bytes have another value.
func (m Mode) WithData(field string, p []byte) (Mode, error) {
	return m.withFields(m.Fields.withData(field, p))
}

// WithKind returns a copy in which a field is of another kind.
func (m Mode) WithKind(field string, k Kind) (Mode, error) {
	return m.withFields(m.Fields.with(field, func(f *Field) error { f.Kind = k; return nil }))
}

// WithAllowed returns a copy in which MODE SELECT may set only these values.
func (m Mode) WithAllowed(field string, allowed ...Range) (Mode, error) {
	return m.withFields(m.Fields.with(field, func(f *Field) error {
		f.Allowed = slices.Clone(allowed)
		return nil
	}))
}

// WithLength returns a copy of another PAGE LENGTH. Fields that no longer fit
// are dropped.
func (m Mode) WithLength(n int) (Mode, error) {
	m.Length = n
	m.Fields = slices.DeleteFunc(slices.Clone(m.Fields), func(f Field) bool { return f.end() > m.Size() })
	return m, m.Check()
}

// WithFields returns a copy with further fields.
func (m Mode) WithFields(fields ...Field) (Mode, error) {
	m.Fields = append(slices.Clone(m.Fields), fields...)
	return m, m.Check()
}

func (m Mode) withFields(l Fields, err error) (Mode, error) {
	if err != nil {
		return m, fmt.Errorf("page: mode page %s: %w", m.Title(), err)
	}
	m.Fields = l
	return m, nil
}

// FindMode returns the page of a code and subpage, nil when it is not there.
func FindMode(pages []Mode, code, subpage uint8) *Mode {
	for i := range pages {
		if pages[i].Code == code && pages[i].Subpage == subpage {
			return &pages[i]
		}
	}
	return nil
}
