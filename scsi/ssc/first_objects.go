package ssc

import (
	"encoding/binary"
	"math"

	"govtl/libcart"
	"govtl/scsi/page"
)

// MAM attributes with the first encrypted logical object of a partition and the
// first that is not encrypted behind it; all ones: none. SPC-4 7.4.2.2.9.
const (
	attrFirstEncrypted   = 0x0224
	attrFirstUnencrypted = 0x0225

	noObject = math.MaxUint64
)

// firsts are these of one partition.
type firsts struct{ encrypted, plain uint64 }

// loadFirsts reads them from the cartridge memory.
func loadFirsts(c *libcart.Cartridge) []firsts {
	if c == nil {
		return nil
	}
	l := make([]firsts, c.Partitions())
	for p := range l {
		l[p] = firsts{storedObject(c, uint8(p), attrFirstEncrypted), storedObject(c, uint8(p), attrFirstUnencrypted)}
	}
	return l
}

func storedObject(c *libcart.Cartridge, part uint8, id uint16) uint64 {
	a, err := c.Attribute(part, id)
	if err != nil || len(a.Value) != 8 {
		return noObject
	}
	return binary.BigEndian.Uint64(a.Value)
}

// noteWritten notes that a block was written.
func (d *Drive) noteWritten(at libcart.Position, encrypted bool) {
	f := d.crypt.first[at.Partition]
	switch {
	case encrypted && f.encrypted == noObject:
		f.encrypted = at.Object
	case !encrypted && f.encrypted != noObject && f.plain == noObject:
		f.plain = at.Object
	default:
		return
	}
	d.storeFirsts(at.Partition, f)
}

// noteOverwrite notes that what lies at the position and beyond is going.
func (d *Drive) noteOverwrite() {
	if !d.encrypts() {
		return
	}
	at := d.in.cart.Position()
	e := d.sameCart()
	if len(e.first) != d.in.cart.Partitions() {
		e.first = loadFirsts(d.in.cart)
	}
	f := e.first[at.Partition]
	if f.encrypted != noObject && at.Object <= f.encrypted {
		f = firsts{noObject, noObject}
	}
	if f.plain != noObject && at.Object <= f.plain {
		f.plain = noObject
	}
	if f != e.first[at.Partition] {
		d.storeFirsts(at.Partition, f)
	}
}

func (d *Drive) storeFirsts(part uint8, f firsts) {
	d.crypt.first[part] = f
	err := d.in.cart.SetAttributes(part, []libcart.Attribute{
		{ID: attrFirstEncrypted, ReadOnly: true, Value: u64(f.encrypted)},
		{ID: attrFirstUnencrypted, ReadOnly: true, Value: u64(f.plain)},
	})
	if err != nil {
		d.log.Warn("the first encrypted object was not noted in the cartridge memory", "err", err)
	}
}

// holdsEncrypted reports whether the volume has an encrypted block (VCELB).
func (d *Drive) holdsEncrypted() bool {
	if !d.in.loaded() {
		return false
	}
	for _, f := range loadFirsts(d.in.cart) {
		if f.encrypted != noObject {
			return true
		}
	}
	return false
}

// firstObjects is log page 17h, parameters 0200h and 0201h: a record of 6 bytes
// for each partition, SSC-4 8.2.6.
func (d *Drive) firstObjects(id uint16) page.Value {
	return page.Opaque(func() []byte {
		if !d.in.loaded() {
			return nil
		}
		var b []byte
		for p := range d.in.cart.Partitions() {
			b = append(b, 9, 0, byte(p>>8), byte(p))
			b = append(b, u64(storedObject(d.in.cart, uint8(p), id))[2:]...)
		}
		return b
	})
}
