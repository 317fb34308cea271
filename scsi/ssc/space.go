package ssc

import (
	"encoding/binary"
	"math"

	"govtl/scsi"
)

// The codes of SPACE, SSC-4 6.6.
const (
	spaceBlocks    = 0
	spaceFilemarks = 1
	spaceEnd       = 3
)

// space6 is SPACE(6), SSC-4 6.6.
func (d *Drive) space6(t *scsi.Task) error {
	return d.space(t, t.CDB[1]&0x0F, signed24(t.CDB[2:]))
}

// space16 is SPACE(16), SSC-4 7.12.
func (d *Drive) space16(t *scsi.Task) error {
	return d.space(t, t.CDB[1]&0x0F, int64(binary.BigEndian.Uint64(t.CDB[4:])))
}

func (d *Drive) space(t *scsi.Task, code byte, count int64) error {
	if code != spaceBlocks && code != spaceFilemarks && code != spaceEnd {
		return scsi.InvalidFieldInCDBAt(1, 3)
	}
	if code != spaceEnd && d.in.lost {
		return sensePositionLost
	}
	if err := d.flush(t); err != nil {
		return err
	}
	if code == spaceEnd {
		if err := d.in.cart.LocateEnd(d.in.cart.Position().Partition); err != nil {
			return senseFor(err)
		}
		d.positionKnown()
		return pause(t, d.delays.Position)
	}
	if count == 0 {
		return nil
	}
	if count == math.MinInt64 {
		count++ // its absolute value has no number; no tape is that long
	}
	move := d.in.cart.SpaceBlocks
	if code == spaceFilemarks {
		move = d.in.cart.SpaceFilemarks
	}
	done, err := move(count)
	d.moved()
	if err != nil {
		return withInformation(senseFor(err), max(count, -count)-done)
	}
	return pause(t, d.delays.Position)
}
