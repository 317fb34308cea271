package ltfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
)

// Partitions of a volume: index and data.
const (
	indexPartition = 0
	dataPartition  = 1
)

// Position is where a drive stands.
type Position struct {
	Partition uint32
	Object    uint64
	Filemarks uint64
	EOP       bool // behind early warning
}

// Position is READ POSITION in the long form.
func (d *Drive) Position() (p Position, err error) {
	b, err := d.do("READ POSITION", []byte{0x34, 6, 0, 0, 0, 0, 0, 0, 0, 0}, nil, 32)
	if err != nil {
		return p, err
	}
	if len(b) != 32 || b[0]&0x0C != 0 {
		return p, fmt.Errorf("READ POSITION: % X", b)
	}
	return Position{binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint64(b[8:]), binary.BigEndian.Uint64(b[16:]), b[0]&0x40 != 0}, nil
}

// Locate goes to an object of a partition.
func (d *Drive) Locate(partition byte, object uint64) error {
	return d.locate(partition, object, "0/00/00")
}

// LocateEnd goes to the end of data, as LTFS does: to an object that is not there.
func (d *Drive) LocateEnd(partition byte) error {
	return d.locate(partition, math.MaxUint64, "8/00/05 0/00/00")
}

func (d *Drive) locate(partition byte, object uint64, codes string) error {
	cdb := make([]byte, 16)
	cdb[0], cdb[1], cdb[3] = 0x92, 0x02, partition
	binary.BigEndian.PutUint64(cdb[4:], object)
	if err := d.refused("LOCATE", cdb, nil, 0, codes); err != nil {
		return err
	}
	p, err := d.Position()
	if err == nil && (p.Partition != uint32(partition) || object != math.MaxUint64 && p.Object != object) {
		err = fmt.Errorf("LOCATE to %d/%d went to %+v", partition, object, p)
	}
	return err
}

// write sends a block, with its guard when protection is on.
func (d *Drive) write(data []byte) (Condition, error) {
	if d.guard != nil {
		data = append(bytes.Clone(data), d.guard(data)...)
	}
	n := len(data)
	_, c, err := d.try([]byte{opWrite, 0, byte(n >> 16), byte(n >> 8), byte(n), 0}, data, 0)
	return c, err
}

// Write writes a block that must fit.
func (d *Drive) Write(data []byte) error {
	c, err := d.write(data)
	if err == nil && c != (Condition{}) && !(c.Key == 0 && c.EOM) {
		err = fmt.Errorf("WRITE of %d bytes: %s", len(data), c.Code())
	}
	return err
}

// Marks writes filemarks.
func (d *Drive) Marks(n byte) error {
	_, c, err := d.try([]byte{0x10, 0, 0, 0, n, 0}, nil, 0)
	if err == nil && c != (Condition{}) && !(c.Key == 0 && c.EOM) {
		err = fmt.Errorf("WRITE FILEMARKS: %s", c.Code())
	}
	return err
}

// Read reads a block with SILI and a buffer that is longer, as LTFS does: the
// length is in the residual alone.
func (d *Drive) Read(most int) (data []byte, mark bool, err error) {
	guard := 0
	if d.guard != nil {
		guard = 4
	}
	n := most + guard
	b, c, err := d.try([]byte{opRead, 0x02, byte(n >> 16), byte(n >> 8), byte(n), 0}, nil, n)
	switch {
	case err != nil:
		return nil, false, err
	case c.Mark && c.Code() == "0/00/01":
		return nil, true, nil
	case c != (Condition{}):
		return nil, false, fmt.Errorf("READ: %s", c.Code())
	case guard > 0:
		if len(b) < guard || !bytes.Equal(b[len(b)-guard:], d.guard(b[:len(b)-guard])) {
			return nil, false, fmt.Errorf("READ: the guard of a block of %d bytes is wrong", len(b))
		}
		b = b[:len(b)-guard]
	}
	return b, false, nil
}

// Protect turns logical block protection on with a method: 1 Reed-Solomon, 2
// CRC32C; 0 turns it off.
func (d *Drive) Protect(method byte) error {
	b, err := d.mode(0x0A, 0xF0, 48)
	if err != nil {
		return err
	}
	p := b[16:]
	p[4], p[5], p[6] = method, 0, 0
	if method != 0 {
		p[5], p[6] = 4, 0xC0
	}
	if err := d.selectMode(b); err != nil {
		return err
	}
	d.guard = map[byte]func([]byte) []byte{1: reedSolomon, 2: castagnoli}[method]
	return nil
}

// castagnoli is method 2: least significant byte first.
func castagnoli(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(nil, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// reedSolomon is method 1: the remainder over GF(256) with the field polynomial
// 11Dh and the generator x^4 + a^201 x^3 + a^246 x^2 + a^201 x + 1.
func reedSolomon(data []byte) []byte {
	times := func(a, b byte) (p byte) {
		for ; b > 0; b >>= 1 {
			if b&1 == 1 {
				p ^= a
			}
			high := a & 0x80
			if a <<= 1; high != 0 {
				a ^= 0x1D
			}
		}
		return p
	}
	const a201, a246 = 0x38, 0xCF
	var r [4]byte
	for _, x := range data {
		f := x ^ r[0]
		r = [4]byte{r[1] ^ times(f, a201), r[2] ^ times(f, a246), r[3] ^ times(f, a201), f}
	}
	return r[:]
}

// Attribute reads a cartridge memory attribute; nil when it is not there.
func (d *Drive) Attribute(partition byte, id uint16) ([]byte, error) {
	b, c, err := d.try([]byte{0x8C, 0, 0, 0, 0, 0, 0, partition, byte(id >> 8), byte(id), 0, 0, 4, 0, 0, 0}, nil, 1024)
	switch {
	case err != nil:
		return nil, err
	case c.Code() == "5/24/00":
		return nil, nil
	case c != (Condition{}) || len(b) < 9 || binary.BigEndian.Uint16(b[4:]) != id:
		return nil, fmt.Errorf("READ ATTRIBUTE %04Xh: %s % X", id, c.Code(), b)
	}
	n := int(binary.BigEndian.Uint16(b[7:]))
	if len(b) < 9+n {
		return nil, fmt.Errorf("READ ATTRIBUTE %04Xh: cut short", id)
	}
	return b[9 : 9+n], nil
}

// SetAttribute writes one, with the length of the list four too high: LTFS does so.
func (d *Drive) SetAttribute(partition byte, id uint16, format byte, value []byte) error {
	list := binary.BigEndian.AppendUint32(nil, uint32(len(value)+9))
	list = append(list, byte(id>>8), byte(id), format, byte(len(value)>>8), byte(len(value)))
	list = append(list, value...)
	cdb := []byte{0x8D, 0, 0, 0, 0, 0, 0, partition, 0, 0, 0, 0, byte(len(list) >> 8), byte(len(list)), 0, 0}
	if _, err := d.do(fmt.Sprintf("WRITE ATTRIBUTE %04Xh", id), cdb, list, 0); err != nil {
		return err
	}
	got, err := d.Attribute(partition, id)
	if err == nil && !bytes.Equal(got, value) {
		err = fmt.Errorf("attribute %04Xh reads %q, not %q", id, got, value)
	}
	return err
}

// Format makes two partitions, an index partition of one unit and the rest, and
// returns their native capacity in units of 10^6 bytes.
func (d *Drive) Format() (megabytes [2]uint32, err error) {
	if _, err := d.do("SET CAPACITY", []byte{0x0B, 0, 0, 0xFF, 0xFF, 0}, nil, 0); err != nil {
		return megabytes, err
	}
	if _, c, err := d.try([]byte{0, 0, 0, 0, 0, 0}, nil, 0); err != nil || c.Key != 0 && c.Key != 6 {
		return megabytes, fmt.Errorf("after SET CAPACITY: %s %v", c.Code(), err)
	}
	n := 32
	if d.short {
		n = 28
	}
	b, err := d.mode(0x11, 0, n)
	if err != nil {
		return megabytes, err
	}
	p := b[16:]
	p[3], p[4], p[5], p[6] = 1, 0x3C, 3, 9
	copy(p[8:], []byte{0, 1, 0xFF, 0xFF})
	if err := d.selectMode(b); err != nil {
		return megabytes, err
	}
	if _, err := d.do("FORMAT MEDIUM", []byte{4, 0, 1, 0, 0, 0}, nil, 0); err != nil {
		return megabytes, err
	}
	if b, err = d.mode(0x11, 0, n); err != nil {
		return megabytes, err
	}
	if b[16+3] != 1 {
		return megabytes, fmt.Errorf("mode page 11h after FORMAT MEDIUM: % X", b)
	}
	megabytes, _, err = d.Capacity()
	if err != nil || megabytes[0] == 0 || megabytes[1] == 0 {
		return megabytes, fmt.Errorf("capacities %v: %w", megabytes, err)
	}
	if b, err = d.mode(0x10, 1, 48); err != nil {
		return megabytes, err
	}
	binary.BigEndian.PutUint16(b[16+6:], uint16(megabytes[0]/2)) // PEWS
	return megabytes, d.selectMode(b)
}

// Capacity is log page 17h: native and remaining capacity of both partitions in
// units of 10^6 bytes. LTFS reads the first 1024 bytes.
func (d *Drive) Capacity() (native, remaining [2]uint32, err error) {
	b, err := d.do("LOG SENSE 17h", []byte{0x4D, 0, 0x57, 0, 0, 0, 0, 0xFF, 0xFF, 0}, nil, 0xFFFF)
	if err != nil {
		return native, remaining, err
	}
	b = b[:min(len(b), 1024)]
	found := 0
	for at := 4; at+4 <= len(b); {
		code, n := binary.BigEndian.Uint16(b[at:]), int(b[at+3])
		if at+4+n > len(b) {
			break
		}
		v := b[at+4 : at+4+n]
		at += 4 + n
		if code < 0x0202 || code > 0x0204 {
			continue
		}
		if n != 16 || v[0] != 7 || v[3] != 0 || v[11] != 1 {
			return native, remaining, fmt.Errorf("log page 17h, parameter %04Xh: % X", code, v)
		}
		found++
		pair := [2]uint32{binary.BigEndian.Uint32(v[4:]), binary.BigEndian.Uint32(v[12:])}
		switch code {
		case 0x0202:
			native = pair
		case 0x0203:
			if pair[0] == math.MaxUint32 || pair[1] == math.MaxUint32 {
				return native, remaining, fmt.Errorf("log page 17h: a partition without an end of data")
			}
		case 0x0204:
			remaining = pair
		}
	}
	if found != 3 {
		return native, remaining, fmt.Errorf("log page 17h: %d of the parameters 0202h to 0204h within 1024 bytes", found)
	}
	return native, remaining, nil
}
