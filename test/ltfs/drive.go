package ltfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"govtl/test/linux"
)

// Unit carries out commands for one initiator: *linux.Generic behind the kernel, or
// InProcess.
type Unit interface {
	// Command sends a command with Data-Out, or one that asks for so many bytes.
	Command(cdb, out []byte, in int) (linux.Completion, error)
}

// Condition is sense data as LTFS reads it: fixed format, whatever byte 0 says.
type Condition struct {
	Key, ASC, ASCQ byte
	EOM, ILI, Mark bool
	Information    int32
	Valid          bool
}

// Code is key, ASC and ASCQ.
func (c Condition) Code() string { return fmt.Sprintf("%X/%02X/%02X", c.Key, c.ASC, c.ASCQ) }

// Drive is a drive that a Client has opened.
type Drive struct {
	unit    Unit
	Vendor  string
	Product string
	Serial  string

	// Timeouts are recommended timeouts in seconds by operation code.
	Timeouts map[byte]uint32

	density, medium byte
	blockMax        uint32
	short           bool // mode page 11h has two sizes (LTO-5)
	guard           func([]byte) []byte
	key             []byte // of the persistent reservation
}

// do sends a command that must be GOOD.
func (d *Drive) do(what string, cdb, out []byte, in int) ([]byte, error) {
	b, c, err := d.try(cdb, out, in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	if c != (Condition{}) {
		return nil, fmt.Errorf("%s: % X: %s", what, cdb, c.Code())
	}
	return b, nil
}

// refused sends a command that must end with one of these codes.
func (d *Drive) refused(what string, cdb, out []byte, in int, codes string) error {
	_, c, err := d.try(cdb, out, in)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if !strings.Contains(" "+codes+" ", " "+c.Code()+" ") {
		return fmt.Errorf("%s: % X: %s, want %s", what, cdb, c.Code(), codes)
	}
	return nil
}

// try sends a command and checks what LTFS relies on of every reply: fixed format
// sense data, and a residual that says what INFORMATION says.
func (d *Drive) try(cdb, out []byte, in int) ([]byte, Condition, error) {
	r, err := d.unit.Command(cdb, out, in)
	if err != nil {
		return nil, Condition{}, err
	}
	switch {
	case r.Status == 0:
		return r.In, Condition{}, nil
	case r.Status != 2:
		return nil, Condition{}, fmt.Errorf("% X: status %02Xh", cdb, r.Status)
	case len(r.Sense) < 18 || r.Sense[0]&0x7F != 0x70:
		return nil, Condition{}, fmt.Errorf("% X: sense data that LTFS cannot read: % X", cdb, r.Sense)
	}
	s := r.Sense
	c := Condition{Key: s[2] & 0x0F, ASC: s[12], ASCQ: s[13], EOM: s[2]&0x40 != 0, ILI: s[2]&0x20 != 0, Mark: s[2]&0x80 != 0,
		Valid: s[0]&0x80 != 0, Information: int32(binary.BigEndian.Uint32(s[3:]))}
	if cdb[0] == opRead && c.ILI && c.Information > 0 && int(c.Information) != r.Residual {
		return nil, c, fmt.Errorf("% X: INFORMATION %d and residual %d differ: LTFS takes that for a broken transport", cdb, c.Information, r.Residual)
	}
	return r.In, c, nil
}

// Operation codes.
const (
	opRead  = 0x08
	opWrite = 0x0A
)

// Open is what LTFS does with a device before it looks for a tape.
func Open(u Unit, key string) (*Drive, error) {
	d := &Drive{unit: u, Timeouts: map[byte]uint32{}, key: []byte(key)[:8]}
	q, err := d.do("INQUIRY", []byte{0x12, 0, 0, 0, 0xFF, 0}, nil, 0xFF)
	if err != nil {
		return nil, err
	}
	if len(q) < 36 || q[0]&0x1F != 1 {
		return nil, fmt.Errorf("INQUIRY: no tape drive: % X", q)
	}
	text := func(b []byte) string { return strings.TrimRight(string(b), " ") }
	d.Vendor, d.Product = text(q[8:16]), text(q[16:32])
	p, err := d.do("VPD 80h", []byte{0x12, 1, 0x80, 0, 0xFF, 0}, nil, 0xFF)
	if err != nil {
		return nil, err
	}
	if d.Serial = string(p[4:]); d.Serial == "" || strings.ContainsAny(d.Serial, " /") {
		return nil, fmt.Errorf("the serial number %q makes no name of a dump file", d.Serial)
	}
	for n := 0; ; n++ {
		_, c, err := d.try([]byte{0, 0, 0, 0, 0, 0}, nil, 0)
		if err != nil {
			return nil, err
		}
		if c.Key != 6 {
			break
		}
		if c.Code() == "6/29/07" || n > 10 {
			return nil, fmt.Errorf("TEST UNIT READY: %s: LTFS does not know it", c.Code())
		}
	}
	if err := d.askTimeouts(); err != nil {
		return nil, err
	}
	return d, d.reserve()
}

// askTimeouts is REPORT SUPPORTED OPERATION CODES with a buffer of 4096 bytes, of
// which LTFS takes the recommended timeouts.
func (d *Drive) askTimeouts() error {
	b, err := d.do("REPORT SUPPORTED OPERATION CODES", []byte{0xA3, 0x0C, 0x80, 0, 0, 0, 0, 0, 0x10, 0, 0, 0}, nil, 4096)
	if err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint32(b))
	if n%20 != 0 || n+4 > 4096 || n+4 != len(b) {
		return fmt.Errorf("REPORT SUPPORTED OPERATION CODES: %d bytes, of which %d came", n, len(b))
	}
	for at := 4; at < len(b); at += 20 {
		d.Timeouts[b[at]] = binary.BigEndian.Uint32(b[at+16:])
	}
	for _, op := range []byte{0x00, 0x01, 0x04, 0x05, 0x08, 0x0A, 0x10, 0x11, 0x12, 0x1B, 0x1D, 0x1E, 0x34, 0x3C, 0x4D, 0x55, 0x5A, 0x5E, 0x5F, 0x8C, 0x8D, 0x92, 0xA3} {
		if _, ok := d.Timeouts[op]; !ok {
			return fmt.Errorf("operation code %02Xh is not supported", op)
		}
	}
	return nil
}

// reserve registers the key, reserves exclusively, and reads back who holds it.
func (d *Drive) reserve() error {
	list := make([]byte, 24)
	copy(list[8:], d.key)
	if _, err := d.do("REGISTER AND IGNORE", []byte{0x5F, 6, 0, 0, 0, 0, 0, 0, 24, 0}, list, 0); err != nil {
		return err
	}
	list = make([]byte, 24)
	copy(list, d.key)
	if _, err := d.do("RESERVE", []byte{0x5F, 1, 3, 0, 0, 0, 0, 0, 24, 0}, list, 0); err != nil {
		return err
	}
	b, err := d.do("READ FULL STATUS", []byte{0x5E, 3, 0, 0, 0, 0, 0, 0, 248, 0}, nil, 248)
	if err != nil {
		return err
	}
	if len(b) < 32 || !bytes.Equal(b[8:16], d.key) || b[20]&0x01 == 0 || b[21] != 3 {
		return fmt.Errorf("READ FULL STATUS: % X", b)
	}
	return nil
}

// Close gives the reservation up.
func (d *Drive) Close() error {
	list := make([]byte, 24)
	copy(list, d.key)
	if _, err := d.do("RELEASE", []byte{0x5F, 2, 3, 0, 0, 0, 0, 0, 24, 0}, list, 0); err != nil {
		return err
	}
	_, err := d.do("REGISTER AND IGNORE", []byte{0x5F, 6, 0, 0, 0, 0, 0, 0, 24, 0}, list, 0)
	return err
}

// mode is MODE SENSE(10) with the block descriptor: header, descriptor and page.
func (d *Drive) mode(page, subpage byte, n int) ([]byte, error) {
	b, err := d.do(fmt.Sprintf("MODE SENSE %02X/%02X", page, subpage), []byte{0x5A, 0, page, subpage, 0, 0, 0, byte(n >> 8), byte(n), 0}, nil, n)
	if err == nil && (len(b) < 18 || binary.BigEndian.Uint16(b[6:]) != 8 || b[16]&0x3F != page) {
		err = fmt.Errorf("MODE SENSE %02X/%02X: % X", page, subpage, b)
	}
	return b, err
}

// selectMode sends back what mode returned, changed: MODE DATA LENGTH is reserved,
// PS is cleared. A rounded parameter is no error.
func (d *Drive) selectMode(b []byte) error {
	b = bytes.Clone(b)
	b[0], b[1] = 0, 0
	b[16] &= 0x7F
	_, c, err := d.try([]byte{0x55, 0x10, 0, 0, 0, 0, 0, byte(len(b) >> 8), byte(len(b)), 0}, b, 0)
	if err == nil && c != (Condition{}) && c.Code() != "1/37/00" {
		err = fmt.Errorf("MODE SELECT of page %02X: %s", b[16], c.Code())
	}
	return err
}

// Load makes the tape ready and reads the pages that LTFS wants.
func (d *Drive) Load() error {
	b, err := d.do("READ BLOCK LIMITS", []byte{5, 0, 0, 0, 0, 0}, nil, 6)
	if err != nil {
		return err
	}
	if d.blockMax = binary.BigEndian.Uint32(b) & 0xFFFFFF; d.blockMax < 512<<10 {
		return fmt.Errorf("blocks of at most %d bytes are too short", d.blockMax)
	}
	if _, err := d.do("LOAD", []byte{0x1B, 0, 0, 0, 1, 0}, nil, 0); err != nil {
		return err
	}
	for range 4 {
		if _, c, err := d.try([]byte{0, 0, 0, 0, 0, 0}, nil, 0); err != nil {
			return err
		} else if c.Key == 0 {
			break
		}
	}
	for _, p := range []struct{ page, subpage, length byte }{{0x0A, 0xF0, 48}, {0x10, 0x01, 48}, {0x10, 0, 32}, {0x0F, 0, 32}, {0x11, 0, 32}} {
		if p.page == 0x0A {
			if err := d.protection(); err != nil {
				return err
			}
			continue
		}
		b, err := d.mode(p.page, p.subpage, int(p.length))
		switch {
		case err != nil:
			return err
		case p.page == 0x10 && p.subpage == 1 && len(b) != 48:
			return fmt.Errorf("mode page 10/01 has %d bytes", len(b)-16)
		case p.page == 0x11:
			d.medium, d.density, d.short = b[2], b[8], b[17] == 0x0A
			if b[17] > 0x0E || d.density == 0 {
				return fmt.Errorf("mode page 11h: % X", b)
			}
		}
	}
	if _, c, err := d.try([]byte{0x5A, 0, 0x25, 0, 0, 0, 0, 0, 52, 0}, nil, 52); err != nil || c.Code() != "5/24/00" && c != (Condition{}) {
		return fmt.Errorf("mode page 25h: %s %v", c.Code(), err)
	}
	_, err = d.do("PREVENT", []byte{0x1E, 0, 0, 0, 1, 0}, nil, 0)
	return err
}

// protection reads mode page 0A/F0, which LTFS wants of IBM's drives.
func (d *Drive) protection() error {
	if !strings.HasPrefix(d.Vendor, "IBM") {
		return nil
	}
	_, err := d.mode(0x0A, 0xF0, 48)
	return err
}

// Unload lets the tape go.
func (d *Drive) Unload() error {
	if _, err := d.do("ALLOW", []byte{0x1E, 0, 0, 0, 0, 0}, nil, 0); err != nil {
		return err
	}
	if err := d.protection(); err != nil {
		return err
	}
	if _, err := d.do("UNLOAD", []byte{0x1B, 0, 0, 0, 0, 0}, nil, 0); err != nil {
		return err
	}
	return d.refused("TEST UNIT READY", []byte{0, 0, 0, 0, 0, 0}, nil, 0, "2/04/02 2/3A/00")
}
