package proxmox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"govtl/test/ltfs"
)

// device is a unit that the program has opened.
type device struct{ unit ltfs.Unit }

// good is what try returns as the code of a command that ended with GOOD.
const good = "GOOD"

// Codes of sense data that the program knows, as sense key/ASC/ASCQ.
const (
	filemark     = "0/00/01"
	earlyWarning = "0/00/02"
	endOfData    = "8/00/05"
)

// try sends a command and returns its data, and "GOOD" or the sense data's code.
// Deferred errors are errors to the program, whatever they say.
func (d device) try(cdb, out []byte, in int) (data []byte, code string, err error) {
	r, err := d.unit.Command(cdb, out, in)
	switch {
	case err != nil:
		return nil, "", fmt.Errorf("% X: %w", cdb, err)
	case r.Residual < 0 || len(r.In)+r.Residual != in:
		return nil, "", fmt.Errorf("% X: %d bytes and a residual of %d, of %d", cdb, len(r.In), r.Residual, in)
	case r.Status == 0:
		return r.In, good, nil
	case r.Status != 2 || len(r.Sense) < 18:
		return nil, "", fmt.Errorf("% X: status %02Xh, sense data % X", cdb, r.Status, r.Sense)
	case r.Sense[0]&0x7F != 0x70:
		return nil, "", fmt.Errorf("% X: sense data of the format %02Xh", cdb, r.Sense[0]&0x7F)
	}
	return r.In, fmt.Sprintf("%X/%02X/%02X", r.Sense[2]&0xF, r.Sense[12], r.Sense[13]), nil
}

// do is try for a command that must be GOOD.
func (d device) do(what string, cdb, out []byte, in int) ([]byte, error) {
	data, err := d.expect(what, cdb, out, in, good)
	return data, err
}

// expect is try for a command that must end with one of some codes, separated by spaces.
func (d device) expect(what string, cdb, out []byte, in int, codes string) ([]byte, error) {
	data, code, err := d.try(cdb, out, in)
	if err == nil && !strings.Contains(" "+codes+" ", " "+code+" ") {
		err = fmt.Errorf("% X: %s, want %s", cdb, code, codes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return data, nil
}

// identity is what INQUIRY says of a unit.
type identity struct{ Vendor, Product, Revision string }

// inquiry asks for 36 bytes and wants a type of device.
func (d device) inquiry(kind byte) (id identity, err error) {
	b, err := d.do("INQUIRY", []byte{0x12, 0, 0, 0, 36, 0}, nil, 36)
	if err == nil && (len(b) != 36 || b[0]&0x1F != kind) {
		err = fmt.Errorf("INQUIRY: want a device of type %d: % X", kind, b)
	}
	if err != nil {
		return id, err
	}
	return identity{text(b[8:16]), text(b[16:32]), text(b[32:36])}, nil
}

// text is a field of characters without its padding.
func text(b []byte) string { return string(bytes.Trim(b, " \x00")) }

// modePage is a mode page with what stands before it, as MODE SENSE(10) returns it.
type modePage struct{ all []byte }

// page is the page itself; bytes count from its own start.
func (m modePage) page() []byte { return m.all[16:] }

// density is that of the block descriptor.
func (m modePage) density() byte { return m.all[8] }

// mode reads a page with the one block descriptor that must be there.
func (d device) mode(code, length byte) (m modePage, err error) {
	what := fmt.Sprintf("MODE SENSE %02Xh", code)
	b, err := d.do(what, []byte{0x5A, 0, code, 0, 0, 0, 0, 0x10, 0, 0}, nil, 4096)
	if err != nil {
		return m, err
	}
	if len(b) < 18 || len(b) < int(binary.BigEndian.Uint16(b))+2 || binary.BigEndian.Uint16(b[6:]) != 8 ||
		b[16]&0x3F != code || b[17] != length || len(b) < 18+int(length) {
		return m, fmt.Errorf("%s: % X", what, b)
	}
	return modePage{b[:18+int(length)]}, nil
}

// log reads the cumulative values of a page and returns its parameters by code. A
// parameter beyond the end of the page is an error.
func (d device) log(page byte, allocation int) (map[uint16][]byte, error) {
	what := fmt.Sprintf("LOG SENSE %02Xh", page)
	b, err := d.do(what, []byte{0x4D, 0, 0x40 | page, 0, 0, 0, 0, byte(allocation >> 8), byte(allocation), 0}, nil, allocation)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || b[0]&0x7F != page || b[1] != 0 || int(binary.BigEndian.Uint16(b[2:]))+4 > len(b) {
		return nil, fmt.Errorf("%s: % X", what, b)
	}
	all := map[uint16][]byte{}
	for rest := b[4 : 4+binary.BigEndian.Uint16(b[2:])]; len(rest) > 0; {
		if len(rest) < 4 || len(rest) < 4+int(rest[3]) {
			return nil, fmt.Errorf("%s: a parameter is cut short: % X", what, rest)
		}
		all[binary.BigEndian.Uint16(rest)] = rest[4 : 4+rest[3]]
		rest = rest[4+int(rest[3]):]
	}
	return all, nil
}

// number is a counter of up to eight bytes, big endian.
func number(b []byte) (n uint64, err error) {
	if len(b) == 0 || len(b) > 8 {
		return 0, fmt.Errorf("a counter of %d bytes", len(b))
	}
	for _, x := range b {
		n = n<<8 | uint64(x)
	}
	return n, nil
}
