package proxmox

import (
	"encoding/binary"
	"fmt"
)

// attribute is an attribute of the cartridge memory as the program knows it.
type attribute struct {
	length int // in bytes; 0: any
	format byte
}

// Formats of attributes, SPC-4 7.4.1.
const (
	binaryFormat = 0
	asciiFormat  = 1
	textFormat   = 2
)

// attributes are those that the program shows; it warns of another length.
var attributes = map[uint16]attribute{
	0x0000: {8, binaryFormat}, 0x0001: {8, binaryFormat}, 0x0002: {8, binaryFormat}, 0x0003: {8, binaryFormat},
	0x0004: {8, binaryFormat}, 0x0005: {8, asciiFormat}, 0x0006: {1, binaryFormat}, 0x0007: {2, binaryFormat}, 0x0009: {4, binaryFormat},
	0x020A: {40, asciiFormat}, 0x020B: {40, asciiFormat}, 0x020C: {40, asciiFormat}, 0x020D: {40, asciiFormat},
	0x0220: {8, binaryFormat}, 0x0221: {8, binaryFormat}, 0x0222: {8, binaryFormat}, 0x0223: {8, binaryFormat},
	0x0224: {8, binaryFormat}, 0x0225: {8, binaryFormat},
	0x0400: {8, asciiFormat}, 0x0401: {32, asciiFormat}, 0x0402: {4, binaryFormat}, 0x0403: {4, binaryFormat}, 0x0404: {8, asciiFormat},
	0x0405: {1, binaryFormat}, 0x0406: {8, asciiFormat}, 0x0407: {8, binaryFormat}, 0x0408: {1, binaryFormat}, 0x0409: {2, binaryFormat},
	0x0800: {8, asciiFormat}, 0x0801: {32, asciiFormat}, 0x0802: {8, asciiFormat}, 0x0803: {160, textFormat}, 0x0804: {12, asciiFormat},
	0x0805: {1, binaryFormat}, 0x0806: {32, asciiFormat}, 0x0807: {80, textFormat}, 0x0808: {160, textFormat}, 0x080B: {16, asciiFormat},
	0x080C: {0, binaryFormat}, 0x0820: {36, binaryFormat}, 0x0821: {36, binaryFormat},
}

// memory reads all attributes of the cartridge memory.
func (d *drive) memory() (map[uint16][]byte, error) {
	b, err := d.do("READ ATTRIBUTE", []byte{0x8C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0}, nil, 32<<10)
	if err != nil {
		return nil, err
	}
	if len(b) < 4 || len(b) < 4+int(binary.BigEndian.Uint32(b)) {
		return nil, fmt.Errorf("READ ATTRIBUTE: % X", b)
	}
	all := map[uint16][]byte{}
	for b = b[4 : 4+binary.BigEndian.Uint32(b)]; len(b) > 0; {
		if len(b) < 5 || len(b) < 5+int(binary.BigEndian.Uint16(b[3:])) {
			return nil, fmt.Errorf("READ ATTRIBUTE: an attribute is cut short: % X", b)
		}
		id, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[3:]))
		if a, ok := attributes[id]; ok && (a.length != 0 && a.length != n || a.format != b[2]&3) {
			return nil, fmt.Errorf("attribute %04Xh has %d bytes of format %d", id, n, b[2]&3)
		}
		all[id] = b[5 : 5+n]
		b = b[5+n:]
	}
	return all, nil
}

// Status is what the program shows of a drive and of the tape in it.
type Status struct {
	Density        byte
	Blocks, Files  uint64 // where the drive stands
	Read, Written  uint64 // in the cartridge's life, in MiB
	Mounts         uint64
	Passes         uint64
	Alerts         uint64
	WriteProtected bool
	WORM           bool
}

// numbers are the parameters of log page 17h that the program takes for counters.
var numbers = []uint16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x80, 0x81, 0x101, 0x102}

// status asks the drive, and its tape when there is one.
func (d *drive) status(loaded bool) (s Status, err error) {
	b, err := d.do("REQUEST SENSE", []byte{3, 0, 0, 0, 252, 0}, nil, 252)
	if err == nil && (len(b) < 18 || b[0]&0x7F != 0x70) {
		err = fmt.Errorf("REQUEST SENSE: % X", b)
	}
	if err != nil {
		return s, err
	}
	m, err := d.mode(0x0F, 0x0E)
	if err != nil {
		return s, err
	}
	s.Density, s.WriteProtected = m.density(), m.all[3]&0x80 != 0
	if s.Alerts, err = d.alerts(); err != nil {
		return s, err
	}
	_, code, err := d.try([]byte{0, 0, 0, 0, 0, 0}, nil, 16)
	if err == nil && (code == good) != loaded {
		err = fmt.Errorf("TEST UNIT READY: %s", code)
	}
	if err != nil {
		return s, err
	}
	if err := d.activity(); err != nil || !loaded {
		return s, err
	}
	p, err := d.position()
	if err != nil {
		return s, err
	}
	s.Blocks, s.Files = p.object, p.file
	mam, err := d.memory()
	if err != nil {
		return s, err
	}
	if err := date(string(mam[0x0406])); err != nil {
		return s, fmt.Errorf("medium manufacture date: %w", err)
	}
	if s.Written, err = number(mam[0x0220]); err != nil {
		return s, fmt.Errorf("attribute 0220h: %w", err)
	}
	if s.Read, err = number(mam[0x0221]); err != nil {
		return s, fmt.Errorf("attribute 0221h: %w", err)
	}
	return s, d.statistics(&s)
}

// statistics reads log page 17h, which LTO-5 and later drives have.
func (d *drive) statistics(s *Status) error {
	if densities[d.newest] == 4 {
		return nil
	}
	all, err := d.log(0x17, 8192)
	if err != nil {
		return err
	}
	value := map[uint16]uint64{}
	for _, code := range numbers {
		b, ok := all[code]
		if !ok {
			continue
		}
		if value[code], err = number(b); err != nil {
			return fmt.Errorf("log page 17h, parameter %04Xh: %w", code, err)
		}
	}
	if value[0] == 0 {
		return fmt.Errorf("log page 17h is not valid: % X", all[0])
	}
	s.Mounts, s.Passes, s.WORM = value[1], max(value[0x101], value[0x102]), value[0x81] == 1
	if s.WriteProtected != (value[0x80] == 1) {
		return fmt.Errorf("log page 17h does not say of write protection what the mode parameter header says")
	}
	return nil
}

// alerts reads TapeAlert's flags where reading does not clear them; flag 1 is bit 0.
func (d *drive) alerts() (flags uint64, err error) {
	all, err := d.log(0x12, 512)
	if err != nil {
		return 0, err
	}
	b := all[0]
	if len(all) != 1 || len(b) != 8 {
		return 0, fmt.Errorf("log page 12h: %v", all)
	}
	for i := range 64 {
		if b[i/8]&(0x80>>(i%8)) != 0 {
			flags |= 1 << i
		}
	}
	return flags, nil
}

// activity reads what the drive is doing, from log page 11h: nothing, at rest.
func (d *drive) activity() error {
	all, err := d.log(0x11, 8192)
	if err != nil {
		return err
	}
	if b := all[0]; len(b) != 4 || b[0]&1 == 0 || b[2] != 0 {
		return fmt.Errorf("log page 11h, very high frequency data: % X", b)
	}
	return nil
}
