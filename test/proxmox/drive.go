package proxmox

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"

	"govtl/test/ltfs"
)

// BlockSize is the length of every block that the program writes, in bytes.
const BlockSize = 256 << 10

// densities are those of LTO-4 to LTO-9 media; the program formats LTO-5 to LTO-8
// with FORMAT MEDIUM and erases the others.
var densities = map[byte]int{0x46: 4, 0x58: 5, 0x5A: 6, 0x5C: 7, 0x5D: 7, 0x5E: 8, 0x60: 9}

// drive is a tape drive that the program has opened.
type drive struct {
	device
	id     identity
	newest byte   // the highest density code that it knows
	offset *int64 // what LOCATE of a file lacks in this drive; nil: not known yet
}

// open opens a drive, waits for its tape and sets what the program needs.
func open(u ltfs.Unit) (*drive, error) {
	d := &drive{device: device{u}}
	var err error
	if d.id, err = d.inquiry(1); err != nil {
		return nil, err
	}
	return d, firstError(d.ready(), d.densities(), d.options())
}

// densities asks for the densities that the drive knows.
func (d *drive) densities() error {
	b, err := d.do("REPORT DENSITY SUPPORT", []byte{0x44, 0, 0, 0, 0, 0, 0, 0x20, 0, 0}, nil, 8192)
	if err != nil {
		return err
	}
	if len(b) < 4 || int(binary.BigEndian.Uint16(b))+2 > len(b) || (binary.BigEndian.Uint16(b)-2)%52 != 0 {
		return fmt.Errorf("REPORT DENSITY SUPPORT: % X", b)
	}
	for b = b[4 : binary.BigEndian.Uint16(b)+2]; len(b) > 0; b = b[52:] {
		d.newest = max(d.newest, b[0])
	}
	return nil
}

// ready waits for a tape as the program does, which loads one that was ejected.
func (d *drive) ready() error {
	var codes []string
	for range 8 {
		_, code, err := d.try([]byte{0, 0, 0, 0, 0, 0}, nil, 16)
		if err != nil || code == good {
			return err
		}
		if codes = append(codes, code); len(codes) == 1 {
			if _, _, err := d.try([]byte{0x1B, 0, 0, 0, 1, 0}, nil, 16); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("the drive does not become ready: %v", codes)
}

// options turns compression and the buffer on and asks for variable blocks: what
// MODE SENSE returned goes back, the bits PS and WP among it.
func (d *drive) options() error {
	m, err := d.mode(0x0F, 0x0E)
	if err != nil {
		return err
	}
	b := m.all
	b[0], b[1] = 0, 0
	b[3] = b[3]&0x8F | 0x10
	b[13], b[14], b[15] = 0, 0, 0
	b[18] |= 0x80
	if _, err := d.do("MODE SELECT 0Fh", []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, byte(len(b)), 0}, b, 0); err != nil {
		return err
	}
	m, err = d.mode(0x0F, 0x0E)
	if err == nil && (m.page()[2]&0x80 == 0 || m.all[3]&0x70 != 0x10 || !bytes.Equal(m.all[13:16], []byte{0, 0, 0})) {
		err = fmt.Errorf("mode page 0Fh after MODE SELECT: % X", m.all)
	}
	return err
}

// format makes the tape empty, with one partition.
func (d *drive) format() error {
	generation := 0
	if m, err := d.mode(0x1D, 0x1E); err == nil { // LTO-4 has no such page
		generation = densities[m.density()]
		if m.page()[2]&1 != 0 {
			return d.emptyWORM()
		}
	}
	if err := d.rewind(); err != nil {
		return err
	}
	if generation >= 5 && generation <= 8 {
		_, err := d.do("FORMAT MEDIUM", []byte{4, 0, 0, 0, 0, 0}, nil, 16)
		return err
	}
	_, err := d.do("ERASE", []byte{0x19, 0, 0, 0, 0, 0}, nil, 16)
	return err
}

// emptyWORM wants a tape that can only be written once to be empty.
func (d *drive) emptyWORM() error {
	p, err := d.toEnd()
	if err == nil && p.object != 0 {
		err = fmt.Errorf("a WORM medium with data")
	}
	return err
}

func (d *drive) rewind() error {
	_, err := d.do("REWIND", []byte{1, 0, 0, 0, 0, 0}, nil, 16)
	return err
}

// position is where a drive stands.
type position struct{ object, file uint64 }

// position asks for the long form, whose length must be exact.
func (d *drive) position() (p position, err error) {
	b, err := d.do("READ POSITION", []byte{0x34, 6, 0, 0, 0, 0, 0, 0, 0, 0}, nil, 32)
	if err == nil && (len(b) != 32 || binary.BigEndian.Uint32(b[4:]) != 0) {
		err = fmt.Errorf("READ POSITION: % X", b)
	}
	if err != nil {
		return p, err
	}
	return position{binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:])}, nil
}

// at wants the drive to stand at the beginning of a file.
func (d *drive) at(file uint64) error {
	p, err := d.position()
	if err == nil && p.file != file {
		err = fmt.Errorf("in file %d, want %d", p.file, file)
	}
	return err
}

// space sends SPACE(6) over blocks or filemarks.
func (d *drive) space(count int, marks bool) (code string, err error) {
	cdb := []byte{0x11, 0, byte(count >> 16), byte(count >> 8), byte(count), 0}
	if marks {
		cdb[1] = 1
	}
	_, code, err = d.try(cdb, nil, 16)
	return code, err
}

// marks is space over filemarks that must be there.
func (d *drive) marks(count int) error {
	code, err := d.space(count, true)
	if err == nil && code != good {
		err = fmt.Errorf("SPACE over %d filemarks: %s", count, code)
	}
	return err
}

// toEnd goes to the end of data.
func (d *drive) toEnd() (p position, err error) {
	if _, err = d.do("SPACE to the end of data", []byte{0x11, 3, 0, 0, 0, 0}, nil, 16); err != nil {
		return p, err
	}
	return d.position()
}

// behindMark tells whether the drive stands behind a filemark, or at the beginning:
// a step back over a block ends there with the sense data of a filemark.
func (d *drive) behindMark() (bool, error) {
	p, err := d.position()
	if err != nil || p.object == 0 {
		return p.object == 0, err
	}
	code, err := d.space(-1, false)
	switch {
	case err != nil:
		return false, err
	case code == good:
		if code, err = d.space(1, false); err == nil && code != good {
			err = fmt.Errorf("SPACE over a block and back: %s", code)
		}
		return false, err
	case code == filemark:
		return true, d.marks(1)
	}
	return false, fmt.Errorf("SPACE back over a block: %s", code)
}

// toLast goes to the beginning of the last file.
func (d *drive) toLast() error {
	p, err := d.toEnd()
	if err != nil {
		return err
	}
	if marked, err := d.behindMark(); err != nil || !marked {
		return fmt.Errorf("no filemark at the end of data (%v)", err)
	}
	if p.file < 2 {
		return d.rewind()
	}
	return firstError(d.marks(-2), d.marks(1))
}

// toFile goes to the beginning of a file, by LOCATE(16) to a logical file and a
// step over its filemark. How a drive counts is found out the first time.
func (d *drive) toFile(file uint64) error {
	switch file {
	case 0:
		return d.rewind()
	case 1:
		return firstError(d.rewind(), d.marks(1))
	}
	to := int64(file) - 1
	if d.offset != nil {
		to += *d.offset
	}
	cdb := []byte{0x92, 0x08, 0, 0}
	cdb = binary.BigEndian.AppendUint64(cdb, uint64(max(to, 0)))
	if _, err := d.do("LOCATE to a file", append(cdb, 0, 0, 0, 0), nil, 16); err != nil {
		return err
	}
	if err := d.marks(1); err != nil {
		return err
	}
	if d.offset != nil {
		return d.at(file)
	}
	p, err := d.position()
	if err != nil {
		return err
	}
	offset := int64(file) - int64(p.file)
	if d.offset = &offset; offset != 0 {
		return d.toFile(file)
	}
	return nil
}

// write writes a block; early tells of early warning.
func (d *drive) write(block []byte) (early bool, err error) {
	n := len(block)
	_, code, err := d.try([]byte{0x0A, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, block, 0)
	if err == nil && code != good && code != earlyWarning {
		err = fmt.Errorf("WRITE: %s", code)
	}
	return code == earlyWarning, err
}

// end ends a file without waiting for the tape.
func (d *drive) end() error {
	_, err := d.expect("WRITE FILEMARKS", []byte{0x10, 1, 0, 0, 1, 0}, nil, 16, good+" "+earlyWarning)
	return err
}

// sync waits until all is on the tape: no filemarks, and not immediate.
func (d *drive) sync() error {
	_, err := d.expect("WRITE FILEMARKS of none", []byte{0x10, 0, 0, 0, 0, 0}, nil, 16, good+" "+earlyWarning)
	return err
}

// read reads a block that has the length asked for, with SILI, and returns the code
// of the end of a file or of data.
func (d *drive) read() (block []byte, code string, err error) {
	block, code, err = d.try([]byte{0x08, 0x02, BlockSize >> 16, BlockSize >> 8 & 0xFF, BlockSize & 0xFF, 0}, nil, BlockSize)
	if err == nil && code == good && len(block) != BlockSize {
		err = fmt.Errorf("READ: a block of %d bytes", len(block))
	}
	return block, code, err
}

// eject unloads the tape.
func (d *drive) eject() error {
	_, err := d.do("UNLOAD", []byte{0x1B, 0, 0, 0, 0, 0}, nil, 16)
	return err
}

// lock prevents or allows the removal of the tape.
func (d *drive) lock(prevent byte) error {
	_, err := d.do("PREVENT ALLOW MEDIUM REMOVAL", []byte{0x1E, 0, 0, 0, prevent, 0}, nil, 16)
	return err
}

// date is a day as the cartridge memory has it, such as 20261121.
func date(s string) error {
	n, err := strconv.Atoi(s)
	if err == nil && (len(s) != 8 || n/100%100 < 1 || n/100%100 > 12 || n%100 < 1 || n%100 > 31) {
		err = fmt.Errorf("no date: %q", s)
	}
	return err
}

func firstError(l ...error) error {
	for _, err := range l {
		if err != nil {
			return err
		}
	}
	return nil
}
