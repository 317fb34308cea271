package ssc

import (
	"encoding/binary"
	"math"

	"govtl/libcart"
	"govtl/scsi"
)

// The service actions of READ POSITION, SSC-4 7.7.
const (
	positionShort    = 0x00
	positionVendor   = 0x01 // short form with vendor numbers; st sends it
	positionLong     = 0x06
	positionExtended = 0x08
)

// The flags of the first byte of each form, SSC-4 7.7.
const (
	flagBOP  = 0x80
	flagEOP  = 0x40
	flagLOCU = 0x20 // count of objects in the buffer unknown
	flagBYCU = 0x10 // count of bytes in the buffer unknown
	flagMPU  = 0x08 // mark position unknown (long)
	flagLOLU = 0x04 // position unknown
	flagPERR = 0x02 // position does not fit the field
	flagBPEW = 0x01
)

// readPosition is READ POSITION, SSC-4 7.7.
func (d *Drive) readPosition(t *scsi.Task) error {
	c := d.in.cart
	p := c.Position()
	flags := flag(c.Position().Object == 0, flagBOP) | flag(c.Zone() >= libcart.ZoneEarlyWarning, flagEOP) |
		flag(d.beyondProgrammableWarning(), flagBPEW)
	objects, bytes := c.BytesInBuffer()
	if n, _ := d.unwritten(); n > 0 {
		p.Object += n // the initiator's side of the buffer; the medium's side is where the data end
	}
	if d.in.lost {
		flags = 0
	}
	switch t.CDB[1] & 0x1F {
	case positionShort, positionVendor:
		b := make([]byte, 20)
		if d.in.lost {
			b[0] = flagLOLU
			t.Reply(b, len(b))
			return nil
		}
		if objects > 0xFFFFFF {
			flags, objects = flags|flagLOCU, 0xFFFFFF
		}
		if bytes > math.MaxUint32 {
			flags, bytes = flags|flagBYCU, math.MaxUint32
		}
		first := p.Object
		last := p.Object - min(objects, p.Object)
		if first > math.MaxUint32 {
			flags, first, last = flags|flagPERR, math.MaxUint32, math.MaxUint32
		}
		b[0], b[1] = flags, p.Partition
		binary.BigEndian.PutUint32(b[4:], uint32(first))
		binary.BigEndian.PutUint32(b[8:], uint32(last))
		put24(b[13:], uint32(objects))
		binary.BigEndian.PutUint32(b[16:], uint32(bytes))
		t.Reply(b, len(b))
	case positionLong:
		b := make([]byte, 32)
		if d.in.lost {
			b[0] = flagLOLU | flagMPU
			t.Reply(b, len(b))
			return nil
		}
		b[0] = flags
		binary.BigEndian.PutUint32(b[4:], uint32(p.Partition))
		binary.BigEndian.PutUint64(b[8:], p.Object)
		binary.BigEndian.PutUint64(b[16:], p.Filemarks)
		t.Reply(b, len(b))
	case positionExtended:
		b := make([]byte, 32)
		binary.BigEndian.PutUint16(b[2:], 0x1C)
		allocation := int(binary.BigEndian.Uint16(t.CDB[7:]))
		if d.in.lost {
			b[0] = flagLOLU
			t.Reply(b, allocation)
			return nil
		}
		b[0], b[1] = flags, p.Partition
		put24(b[5:], uint32(min(objects, 0xFFFFFF)))
		binary.BigEndian.PutUint64(b[8:], p.Object)
		binary.BigEndian.PutUint64(b[16:], p.Object-min(objects, p.Object))
		binary.BigEndian.PutUint64(b[24:], bytes)
		t.Reply(b, allocation)
	default:
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	return nil
}
