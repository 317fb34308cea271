package page

import (
	"fmt"
	"slices"
)

// Kind says where a field's value comes from and who may change it.
type Kind uint8

const (
	// Fixed is the model's value. MODE SELECT must send it as it is.
	Fixed Kind = iota

	// Changeable is set by MODE SELECT, within Field.Allowed.
	Changeable

	// Dynamic follows the device (Modes.Set or Modes.Live). MODE SELECT must
	// send it as it is.
	Dynamic

	// Ignored is as Fixed, but MODE SELECT may send anything without effect.
	Ignored
)

var kindNames = [...]string{Fixed: "fixed", Changeable: "changeable", Dynamic: "dynamic", Ignored: "ignored"}

// String is the name of the kind as models write it.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind is the inverse of Kind.String.
func ParseKind(s string) (Kind, error) {
	if i := slices.Index(kindNames[:], s); i >= 0 {
		return Kind(i), nil
	}
	return 0, fmt.Errorf("page: no kind of field %q (fixed, changeable, dynamic, ignored)", s)
}

// Range is an inclusive range of values.
type Range struct{ From, To uint64 }

// Field is one field of a page. Byte counts from byte 0 of the page, header
// included, as T10's tables do.
type Field struct {
	Name string
	Byte int // first byte
	Bit  int // least significant bit, in the last byte
	// Width is the width in bits. A number has at most 64 and ends, seen from
	// its first byte, within 64 bits; text and opaque bytes are whole bytes.
	Width int
	Kind  Kind

	// Value is the model's value of a number.
	Value uint64

	// Data is the model's value of text or opaque bytes; Text says that it is
	// left justified and padded with blanks. nil: the field is a number.
	Data []byte
	Text bool

	// Allowed are the values that MODE SELECT may set; empty: any.
	Allowed []Range
}

// Bit is a field of one bit.
func Bit(byteOffset, bit int, name string, value uint64, k Kind) Field {
	return Field{Name: name, Byte: byteOffset, Bit: bit, Width: 1, Value: value, Kind: k}
}

// Bits is a field within one byte, from bit high down to bit low.
func Bits(byteOffset, high, low int, name string, value uint64, k Kind) Field {
	return Field{Name: name, Byte: byteOffset, Bit: low, Width: high - low + 1, Value: value, Kind: k}
}

// Uint is a number of whole bytes, most significant first.
func Uint(byteOffset, bytes int, name string, value uint64, k Kind) Field {
	return Field{Name: name, Byte: byteOffset, Width: 8 * bytes, Value: value, Kind: k}
}

// Uint8 is a number of one byte.
func Uint8(byteOffset int, name string, value uint64, k Kind) Field {
	return Uint(byteOffset, 1, name, value, k)
}

// Uint16 is a number of two bytes.
func Uint16(byteOffset int, name string, value uint64, k Kind) Field {
	return Uint(byteOffset, 2, name, value, k)
}

// Uint24 is a number of three bytes.
func Uint24(byteOffset int, name string, value uint64, k Kind) Field {
	return Uint(byteOffset, 3, name, value, k)
}

// Uint32 is a number of four bytes.
func Uint32(byteOffset int, name string, value uint64, k Kind) Field {
	return Uint(byteOffset, 4, name, value, k)
}

// Uint64 is a number of eight bytes.
func Uint64(byteOffset int, name string, value uint64, k Kind) Field {
	return Uint(byteOffset, 8, name, value, k)
}

// ASCII is text of so many bytes, left justified and padded with blanks.
func ASCII(byteOffset, bytes int, name, value string, k Kind) Field {
	return Field{Name: name, Byte: byteOffset, Width: 8 * bytes, Data: []byte(value), Text: true, Kind: k}
}

// Bytes is a field of opaque bytes.
func Bytes(byteOffset int, name string, value []byte, k Kind) Field {
	return Field{Name: name, Byte: byteOffset, Width: 8 * len(value), Data: value, Kind: k}
}

// In returns the field with the values that MODE SELECT may set.
func (f Field) In(values ...uint64) Field {
	for _, v := range values {
		f.Allowed = append(slices.Clip(f.Allowed), Range{v, v})
	}
	return f
}

// Between returns the field with a range of values that MODE SELECT may set.
func (f Field) Between(from, to uint64) Field {
	f.Allowed = append(slices.Clip(f.Allowed), Range{from, to})
	return f
}

// IsNumber reports whether the field is a number, not text or opaque bytes.
func (f *Field) IsNumber() bool { return f.Data == nil && !f.Text }

// Allows reports whether MODE SELECT may set the value.
func (f *Field) Allows(v uint64) bool {
	return len(f.Allowed) == 0 ||
		slices.ContainsFunc(f.Allowed, func(r Range) bool { return r.From <= v && v <= r.To })
}

// Max is the largest value that a number's bits hold.
func (f *Field) Max() uint64 {
	if f.Width >= 64 {
		return ^uint64(0)
	}
	return 1<<f.Width - 1
}

// TopBit is the bit number of the field's most significant bit in its first
// byte: where a field pointer points.
func (f *Field) TopBit() int { return (f.Bit + f.Width - 1) % 8 }

// bytes is how many bytes the field touches.
func (f *Field) bytes() int { return (f.Bit + f.Width + 7) / 8 }

// end is the offset of the byte behind the field.
func (f *Field) end() int { return f.Byte + f.bytes() }

// check reports what is wrong with the definition; size is the page's.
func (f *Field) check(size int) error {
	switch {
	case f.Name == "":
		return fmt.Errorf("field at byte %d has no name", f.Byte)
	case f.Byte < 0 || f.Bit < 0 || f.Bit > 7 || f.Width < 1 || f.Width > 8*0x10000 || f.end() > size:
		return fmt.Errorf("field %q does not lie within the page's %d bytes", f.Name, size)
	case !f.IsNumber() && (f.Bit != 0 || f.Width%8 != 0):
		return fmt.Errorf("field %q is not of whole bytes", f.Name)
	case !f.IsNumber() && len(f.Data) > f.Width/8:
		return fmt.Errorf("field %q has %d bytes, not %d", f.Name, f.Width/8, len(f.Data))
	case f.IsNumber() && f.Bit+f.Width > 64:
		return fmt.Errorf("field %q is too wide for a number", f.Name)
	case f.IsNumber() && f.Value > f.Max():
		return fmt.Errorf("field %q: %#x does not fit %d bits", f.Name, f.Value, f.Width)
	}
	return nil
}

// Image is a page's bytes, header included.
type Image []byte

// Get reads a number. Bytes beyond the image read as zero.
func (b Image) Get(f *Field) uint64 {
	var v uint64
	for i := f.Byte; i < f.end() && i-f.Byte < 8; i++ {
		v <<= 8
		if i < len(b) {
			v |= uint64(b[i])
		}
	}
	return v >> f.Bit & f.Max()
}

// Put writes a number, cut to the field's width; nothing outside the field and
// nothing beyond the image changes.
func (b Image) Put(f *Field, v uint64) {
	v = (v & f.Max()) << f.Bit
	mask := f.Max() << f.Bit
	for i := f.end() - 1; i >= f.Byte; i-- {
		if i < len(b) {
			b[i] = b[i]&^byte(mask) | byte(v)
		}
		v, mask = v>>8, mask>>8
	}
}

// PutBytes writes text (padded with blanks) or opaque bytes (padded with zeros).
func (b Image) PutBytes(f *Field, p []byte) {
	for i := range f.Width / 8 {
		c := byte(0)
		switch {
		case i < len(p):
			c = p[i]
		case f.Text:
			c = ' '
		}
		if f.Byte+i < len(b) {
			b[f.Byte+i] = c
		}
	}
}

// putDefault writes the model's value.
func (b Image) putDefault(f *Field) {
	if f.IsNumber() {
		b.Put(f, f.Value)
		return
	}
	b.PutBytes(f, f.Data)
}

// Fields is a list of fields.
type Fields []Field

// Find returns the field of a name, nil when there is none.
func (l Fields) Find(name string) *Field {
	for i := range l {
		if l[i].Name == name {
			return &l[i]
		}
	}
	return nil
}

// check reports fields that are outside the page, overlap or share a name.
func (l Fields) check(header, size int) error {
	used := make(Image, size)
	names := map[string]bool{}
	for i := range l {
		f := &l[i]
		if err := f.check(size); err != nil {
			return err
		}
		if names[f.Name] {
			return fmt.Errorf("two fields are named %q", f.Name)
		}
		names[f.Name] = true
		if f.Byte < header {
			return fmt.Errorf("field %q lies in the page header", f.Name)
		}
		bits := make(Image, size)
		bits.fill(f)
		for j := range bits {
			if used[j]&bits[j] != 0 {
				return fmt.Errorf("field %q overlaps another in byte %d", f.Name, j)
			}
			used[j] |= bits[j]
		}
	}
	return nil
}

// fill sets all bits of a field.
func (b Image) fill(f *Field) {
	if f.IsNumber() {
		b.Put(f, f.Max())
		return
	}
	for i := f.Byte; i < f.end() && i < len(b); i++ {
		b[i] = 0xFF
	}
}

// with returns a copy of the list in which change was applied to one field.
func (l Fields) with(name string, change func(*Field) error) (Fields, error) {
	c := slices.Clone(l)
	f := c.Find(name)
	if f == nil {
		return nil, fmt.Errorf("no field %q", name)
	}
	return c, change(f)
}

// withValue sets a number, or the bytes of an opaque field.
func (l Fields) withValue(name string, v uint64) (Fields, error) {
	return l.with(name, func(f *Field) error {
		if !f.IsNumber() {
			return fmt.Errorf("field %q is not a number", name)
		}
		if v > f.Max() {
			return fmt.Errorf("field %q: %#x does not fit %d bits", name, v, f.Width)
		}
		f.Value = v
		return nil
	})
}

func (l Fields) withData(name string, p []byte) (Fields, error) {
	return l.with(name, func(f *Field) error {
		if f.IsNumber() {
			return fmt.Errorf("field %q is a number", name)
		}
		if len(p) > f.Width/8 {
			return fmt.Errorf("field %q has %d bytes, not %d", name, f.Width/8, len(p))
		}
		f.Data = slices.Clone(p)
		return nil
	})
}
