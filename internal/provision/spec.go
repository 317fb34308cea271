// Package provision makes the cartridges that a configuration gives to a library:
// each once, so that one which an operator took away stays away.
package provision

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"govtl/libcart"
	"govtl/scsi/personality"
)

// Order says what cartridge is wanted.
type Order struct {
	Barcode string
	Medium  *personality.Medium
	Kind    string // data, clean, WORM, NULL; empty: data
	SizeMiB int64  // native capacity; 0: that of the medium
	Made    time.Time
	Serial  string // empty: a random one
}

// Spec turns an order into what libcart makes, with the cartridge memory that
// the maker of a real cartridge writes (SPC-4 7.4.2, medium type attributes).
func Spec(o Order) (libcart.Spec, error) {
	m := o.Medium
	s := libcart.Spec{
		Barcode: o.Barcode, Density: m.Density, Medium: m.Name, Made: o.Made, Serial: o.Serial,
		Capacity: m.CapacityBytes(), MaxPartitions: m.MaxPartitions(),
	}
	if o.SizeMiB > 0 {
		s.Capacity = o.SizeMiB << 20
	}
	if s.Made.IsZero() {
		s.Made = time.Now()
	}
	if s.Serial == "" {
		var b [5]byte
		rand.Read(b[:]) // never fails
		s.Serial = strings.ToUpper(hex.EncodeToString(b[:]))
	}
	switch o.Kind {
	case "", personality.KindData:
		if m.Clean {
			return s, fmt.Errorf("%s is a cleaning cartridge and holds no data", m.Title)
		}
		s.Kind = libcart.Data
	case personality.KindClean:
		s.Kind = libcart.Cleaning
	case personality.KindWORM:
		if !m.WORM {
			return s, fmt.Errorf("%s does not come as WORM cartridge", m.Title)
		}
		s.Kind = libcart.WORM
	case personality.KindNull:
		s.Kind = libcart.Null
	default:
		return s, fmt.Errorf("kind %q is none of data, clean, WORM, NULL", o.Kind)
	}
	s.Capacity = max(s.Capacity, libcart.MinCapacity)
	s.Attributes = attributes(o, s)
	return s, nil
}

// mediumType is the value of MEDIUM TYPE, MAM 0408h.
func mediumType(k libcart.Kind) byte {
	switch k {
	case libcart.Cleaning:
		return 0x01
	case libcart.WORM:
		return 0x80
	}
	return 0x00
}

// cleanings is how often a new cleaning cartridge can be used.
const cleanings = 50

// attributes are the attributes of a new cartridge.
func attributes(o Order, s libcart.Spec) []libcart.Attribute {
	m := o.Medium
	var list []libcart.Attribute
	binaryValue := func(id uint16, value ...byte) {
		list = append(list, libcart.Attribute{ID: id, ReadOnly: true, Value: value})
	}
	text := func(id uint16, width int, value string) {
		list = append(list, libcart.Attribute{ID: id, Format: 1, ReadOnly: true, Value: pad(value, width)})
	}
	text(0x0400, 8, "VTL")                                                    // MEDIUM MANUFACTURER
	text(0x0401, 32, s.Serial)                                                // MEDIUM SERIAL NUMBER
	binaryValue(0x0402, binary.BigEndian.AppendUint32(nil, m.Length)...)      // MEDIUM LENGTH, metres
	binaryValue(0x0403, 0, 0, byte(m.Width>>8), byte(m.Width))                // MEDIUM WIDTH, 0.1 mm
	text(0x0404, 8, m.Organization)                                           // ASSIGNING ORGANIZATION
	binaryValue(0x0405, m.Density)                                            // MEDIUM DENSITY CODE
	text(0x0406, 8, s.Made.UTC().Format("20060102"))                          // MEDIUM MANUFACTURE DATE
	binaryValue(0x0407, binary.BigEndian.AppendUint64(nil, uint64(m.MAM))...) // MAM CAPACITY
	binaryValue(0x0408, mediumType(s.Kind))                                   // MEDIUM TYPE
	information := uint16(0)
	if s.Kind == libcart.Cleaning {
		information = cleanings
	}
	binaryValue(0x0409, byte(information>>8), byte(information))                             // MEDIUM TYPE INFORMATION
	list = append(list, libcart.Attribute{ID: 0x0806, Format: 1, Value: pad(o.Barcode, 32)}) // BARCODE
	return list
}

// pad fills a text with blanks to its width, or cuts it.
func pad(s string, width int) []byte {
	b := make([]byte, width)
	for i := range b {
		b[i] = ' '
	}
	copy(b, s)
	return b
}
