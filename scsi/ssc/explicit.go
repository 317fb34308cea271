package ssc

import (
	"encoding/binary"

	"govtl/scsi"
)

// Commands of the explicit address command set, SSC-4 5: each names the logical
// object at which it begins.

// address goes to the partition and logical object that a 16-byte command names.
// Beyond the end of data nothing is done.
func (d *Drive) address(t *scsi.Task) error {
	part, object := t.CDB[3], binary.BigEndian.Uint64(t.CDB[4:])
	if int(part) >= d.in.cart.Partitions() {
		return scsi.InvalidFieldInCDBAt(3, -1)
	}
	if p := d.in.cart.Position(); !d.in.lost && p.Partition == part && p.Object == object {
		return nil
	}
	if err := d.flush(t); err != nil {
		return err
	}
	err := d.in.cart.LocateObject(part, object)
	d.positionKnown()
	return senseFor(err)
}

// addressToWrite is address for a command that changes the recording.
func (d *Drive) addressToWrite(t *scsi.Task) error {
	if err := d.mayWrite(); err != nil {
		return err
	}
	return d.address(t)
}

// read16 is READ(16), SSC-4 5.3.
func (d *Drive) read16(t *scsi.Task) error {
	if err := d.address(t); err != nil {
		return err
	}
	return d.read(t, t.CDB[1]&0x01 != 0, t.CDB[1]&0x02 != 0, be24(t.CDB[12:]))
}

// write16 is WRITE(16), SSC-4 5.6. FCS and LCS mark a command sequence, which
// changes nothing here.
func (d *Drive) write16(t *scsi.Task) error {
	if err := d.addressToWrite(t); err != nil {
		return err
	}
	return d.write(t, t.CDB[1]&0x01 != 0, be24(t.CDB[12:]))
}

// writeFilemarks16 is WRITE FILEMARKS(16), SSC-4 5.7.
func (d *Drive) writeFilemarks16(t *scsi.Task) error {
	if err := d.address(t); err != nil {
		return err
	}
	return d.writeFilemarks(t, t.CDB[1]&0x01 != 0, be24(t.CDB[12:]))
}

// erase16 is ERASE(16), SSC-4 5.2.
func (d *Drive) erase16(t *scsi.Task) error {
	if err := d.addressToWrite(t); err != nil {
		return err
	}
	return d.erase(t)
}

// verify16 is VERIFY(16), SSC-4 5.5.
func (d *Drive) verify16(t *scsi.Task) error {
	if err := d.address(t); err != nil {
		return err
	}
	b := t.CDB[1]
	return d.verify(t, verification{
		toEnd: b&0x20 != 0, filemarks: b&0x08 != 0, compare: b&0x02 != 0, fixed: b&0x01 != 0,
		length: uint64(be24(t.CDB[12:])),
	})
}

// readReverse6 is READ REVERSE(6), SSC-4 6.5.
func (d *Drive) readReverse6(t *scsi.Task) error {
	return d.readReverse(t, be24(t.CDB[2:]))
}

// readReverse16 is READ REVERSE(16), SSC-4 5.4.
func (d *Drive) readReverse16(t *scsi.Task) error {
	if err := d.address(t); err != nil {
		return err
	}
	return d.readReverse(t, be24(t.CDB[12:]))
}

// readReverse reads towards the beginning: the block before the position, or with
// FIXED so many. With BYTORD the bytes of each block are reversed too.
func (d *Drive) readReverse(t *scsi.Task, length uint32) error {
	fixed, sili, reverse := t.CDB[1]&0x01 != 0, t.CDB[1]&0x02 != 0, t.CDB[1]&0x04 != 0
	n := d.nexus(t)
	if fixed && (sili || n.blockLength == 0) {
		return withInformation(scsi.InvalidFieldInCDBAt(1, 1), int64(length))
	}
	want, count := int64(length), uint64(1)
	if fixed {
		want, count = int64(n.blockLength), uint64(length)
		if uint64(want)*count > uint64(d.MaxTransfer()) {
			return withInformation(scsi.InvalidFieldInCDBAt(2, -1), int64(length))
		}
	}
	if length == 0 {
		return nil
	}
	for left := count; left > 0; left-- {
		remaining := int64(left)
		if !fixed {
			remaining = want
		}
		actual, err := d.readBack(t, int(want), reverse)
		if err != nil {
			return withInformation(err, remaining)
		}
		if actual != want && !(sili && (actual < want || n.blockLength == 0)) {
			info := want - actual
			if fixed {
				info = remaining
			}
			return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: info}
		}
	}
	return nil
}

// readBack reads the block before the position and stands before it.
func (d *Drive) readBack(t *scsi.Task, most int, reverse bool) (int64, error) {
	c := d.in.cart
	_, err := c.SpaceBlocks(-1)
	d.moved()
	if err != nil {
		return 0, senseFor(err)
	}
	here := c.Position()
	o, err := d.readBlock(t.Nexus, most)
	if err != nil {
		return 0, d.readError(err)
	}
	if err := c.LocateObject(here.Partition, here.Object); err != nil {
		o.Block.Release()
		return 0, senseFor(err)
	}
	actual := len(o.Block.B)
	if reverse {
		for i, j := 0, actual-1; i < j; i, j = i+1, j-1 {
			o.Block.B[i], o.Block.B[j] = o.Block.B[j], o.Block.B[i]
		}
	}
	if actual > most {
		o.Block.B = o.Block.B[:most]
	}
	t.ReplyBuffer(o.Block)
	return int64(actual), nil
}
