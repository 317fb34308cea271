package mmc

import (
	"encoding/binary"

	"govtl/scsi"
)

// getPerformance is GET PERFORMANCE, MMC-6 6.8: types 00h and 03h.
func (d *Drive) getPerformance(t *scsi.Task) error {
	if d.disc == nil {
		return d.noMedium()
	}
	most, kind := be16(t.CDB[8:]), t.CDB[10]
	speeds := d.speeds()
	end := uint32(max(d.disc.Capacity(), d.disc.Readable(), 1) - 1)
	b := make([]byte, 8, 8+16*len(speeds))
	four := func(v uint32) { b = binary.BigEndian.AppendUint32(b, v) }
	switch kind {
	case 0x00:
		if t.CDB[1]&0x04 != 0 {
			b[4] = 0x02 // WRITE
		}
		four(0)
		four(uint32(speeds[0]))
		four(end)
		four(uint32(speeds[0]))
	case 0x03:
		for _, s := range speeds {
			four(0)
			four(end)
			four(uint32(speeds[0]))
			four(uint32(s))
		}
	default:
		return scsi.InvalidFieldInCDBAt(10, 7)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	t.Reply(b, 8+16*most)
	return nil
}

// setStreaming is SET STREAMING, MMC-6 6.39: the drive is as fast as it is.
func (d *Drive) setStreaming(t *scsi.Task) error {
	n := be16(t.CDB[9:])
	if _, err := t.DataOut(n); err != nil {
		return err
	}
	if n != 28 {
		return illegal(scsi.ParameterListLengthError)
	}
	return nil
}

// readBufferCapacity is READ BUFFER CAPACITY, MMC-6 6.18: the buffer is never full.
func (d *Drive) readBufferCapacity(t *scsi.Task) error {
	b := make([]byte, 12)
	b[1] = 0x0A
	size := uint32(d.model.Buffer) << 10
	if t.CDB[1]&0x01 != 0 {
		b[3] = 0x01
		size >>= 11
	}
	binary.BigEndian.PutUint32(b[4:], size)
	binary.BigEndian.PutUint32(b[8:], size)
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}
