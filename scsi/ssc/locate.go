package ssc

import (
	"encoding/binary"

	"govtl/scsi"
)

// locate10 is LOCATE(10), SSC-4 6.3. The BT bit is ignored, as LTO drives do: the
// Linux tape driver sets it.
func (d *Drive) locate10(t *scsi.Task) error {
	part := d.in.cart.Position().Partition
	if t.CDB[1]&0x02 != 0 { // CP
		part = t.CDB[8]
		if int(part) >= d.in.cart.Partitions() {
			return scsi.InvalidFieldInCDBAt(8, -1)
		}
	}
	return d.locate(t, t.CDB[1]&0x01 != 0, func() error {
		return d.in.cart.LocateObject(part, uint64(binary.BigEndian.Uint32(t.CDB[3:])))
	})
}

// The destination types of LOCATE(16), SSC-4 7.4.
const (
	destinationObject = 0
	destinationFile   = 1
	destinationEnd    = 3
)

// locate16 is LOCATE(16), SSC-4 7.4.
func (d *Drive) locate16(t *scsi.Task) error {
	part := d.in.cart.Position().Partition
	if t.CDB[1]&0x02 != 0 { // CP
		part = t.CDB[3]
		if int(part) >= d.in.cart.Partitions() {
			return scsi.InvalidFieldInCDBAt(3, -1)
		}
	}
	number := binary.BigEndian.Uint64(t.CDB[4:])
	var move func() error
	switch t.CDB[1] >> 3 & 0x07 {
	case destinationObject:
		move = func() error { return d.in.cart.LocateObject(part, number) }
	case destinationFile:
		move = func() error { return d.in.cart.LocateFile(part, number) }
	case destinationEnd:
		move = func() error { return d.in.cart.LocateEnd(part) }
	default:
		return scsi.InvalidFieldInCDBAt(1, 5)
	}
	return d.locate(t, t.CDB[1]&0x01 != 0, move)
}

// locate moves. Beyond the end of data it goes there and says so, with VALID=0.
func (d *Drive) locate(t *scsi.Task, immed bool, move func() error) error {
	if err := d.flush(t); err != nil {
		return err
	}
	err := move()
	d.positionKnown()
	if err != nil {
		return senseFor(err)
	}
	return d.finish(t, immed, locating, d.delays.Position)
}

// rewind is REWIND, SSC-4 7.10: to the beginning of the current partition.
func (d *Drive) rewind(t *scsi.Task) error {
	if err := d.flush(t); err != nil {
		return err
	}
	if err := d.in.cart.LocateObject(d.in.cart.Position().Partition, 0); err != nil {
		return senseFor(err)
	}
	d.positionKnown()
	return d.finish(t, t.CDB[1]&0x01 != 0, rewinding, d.delays.Rewind)
}

// flush makes what is buffered durable before the medium moves. A failure
// belongs to the writes before: it is a deferred error.
func (d *Drive) flush(t *scsi.Task) error {
	err := d.sync(t)
	if s, ok := err.(*scsi.Sense); ok {
		c := *s
		c.Deferred = true
		return &c
	}
	return err
}

// positionKnown is called after each command that sets the position.
func (d *Drive) positionKnown() {
	d.in.lost = false
	d.moved()
}

// moved is called after each change of position but by reading and writing.
func (d *Drive) moved() {
	d.in.appendKnown = false
	d.in.warned = false
	d.overwrite.cancel()
	if d.in.cart.Failed() {
		d.in.cart.DropUnwritten()
	}
}
