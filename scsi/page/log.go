package page

import (
	"cmp"
	"fmt"
	"slices"

	"govtl/scsi"
)

// Value supplies the value of a log parameter: it appends it to dst. p says its
// length and format; n is the nexus that asks.
type Value func(dst []byte, p *Param, n *scsi.Nexus) []byte

// Counter is the value of a number. A number that does not fit the parameter's
// length is reported as the largest one that does.
func Counter(f func() uint64) Value {
	return func(dst []byte, p *Param, _ *scsi.Nexus) []byte { return appendNumber(dst, f(), p.Length) }
}

// Text is the value of an ASCII parameter, padded with blanks or cut.
func Text(f func() string) Value {
	return func(dst []byte, p *Param, _ *scsi.Nexus) []byte { return append(dst, Padded(f(), p.Length)...) }
}

// Opaque is the value of a parameter of any length.
func Opaque(f func() []byte) Value {
	return func(dst []byte, _ *Param, _ *scsi.Nexus) []byte { return append(dst, f()...) }
}

func appendNumber(dst []byte, v uint64, n int) []byte {
	if n < 8 && v > 1<<(8*n)-1 {
		v = 1<<(8*n) - 1
	}
	for i := n - 1; i >= 0; i-- {
		if i >= 8 {
			dst = append(dst, 0)
			continue
		}
		dst = append(dst, byte(v>>(8*i)))
	}
	return dst
}

// The control byte of a log parameter, SPC-4 7.3.2.2.
const (
	ControlCounter   = 0x60 // TSD, and the old DS: a counter that is not saved
	ControlTapeAlert = 0x40
	ControlASCII     = 0x01 // format: ASCII list
	ControlBinary    = 0x03 // format: binary list
)

// Param is a log parameter, SPC-4 7.3.2.2.
type Param struct {
	Code    uint16
	Name    string
	Length  int // PARAMETER LENGTH, bytes
	Control uint8

	// Default and Data are the model's value: a number, or bytes. A Value bound
	// to the parameter (Logs.Bind) takes their place.
	Default uint64
	Data    []byte
}

// isCounter reports whether the parameter counts, so that it has thresholds and
// can be reset (FORMAT AND LINKING 00b, a bounded data counter).
func (p *Param) isCounter() bool { return p.Control&0x03 == 0 }

// Log is a log page, SPC-4 7.3.
type Log struct {
	Code, Subpage uint8
	Name, Clause  string
	Params        []Param

	// CurrentOnly pages answer with the current values whatever PC asks for.
	CurrentOnly bool

	// Unlisted pages exist but are in no list of supported pages.
	Unlisted bool

	// Resettable pages are set back by LOG SELECT with PCR=1.
	Resettable bool

	// ResetByRead pages are set back when their current values were read.
	ResetByRead bool
}

// Title is "17h Volume Statistics" or "17h/01h Volume Statistics".
func (l *Log) Title() string {
	if l.Subpage != 0 {
		return fmt.Sprintf("%02Xh/%02Xh %s", l.Code, l.Subpage, l.Name)
	}
	return fmt.Sprintf("%02Xh %s", l.Code, l.Name)
}

// Check reports what is wrong with the definition.
func (l *Log) Check() error {
	if l.Code == 0 || l.Code > 0x3E || l.Subpage == 0xFF {
		return fmt.Errorf("page: log page %s: code out of range", l.Title())
	}
	last := -1
	for i := range l.Params {
		p := &l.Params[i]
		switch {
		case int(p.Code) <= last:
			return fmt.Errorf("page: log page %s: parameter %04Xh is out of order", l.Title(), p.Code)
		case p.Length < 0 || p.Length > 255 || len(p.Data) > p.Length:
			return fmt.Errorf("page: log page %s: parameter %04Xh: bad length", l.Title(), p.Code)
		}
		last = int(p.Code)
	}
	return nil
}

// With returns a copy of the page with parameters added, or, where the code is
// there already, replaced.
func (l Log) With(params ...Param) Log {
	l.Params = slices.Clone(l.Params)
	for _, p := range params {
		i, found := slices.BinarySearchFunc(l.Params, p.Code, func(a Param, c uint16) int { return cmp.Compare(a.Code, c) })
		if found {
			l.Params[i] = p
		} else {
			l.Params = slices.Insert(l.Params, i, p)
		}
	}
	return l
}

// Without returns a copy of the page without some parameters.
func (l Log) Without(codes ...uint16) Log {
	l.Params = slices.DeleteFunc(slices.Clone(l.Params), func(p Param) bool { return slices.Contains(codes, p.Code) })
	return l
}

// FindLog returns the page of a code and subpage, nil when it is not there.
func FindLog(pages []Log, code, subpage uint8) *Log {
	for i := range pages {
		if pages[i].Code == code && pages[i].Subpage == subpage {
			return &pages[i]
		}
	}
	return nil
}
