package ssc

import (
	"encoding/binary"

	"govtl/scsi"
)

// allowOverwrite is ALLOW OVERWRITE, SSC-4 7.1: in append-only mode it permits one
// write at the current position, or one format.
func (d *Drive) allowOverwrite(t *scsi.Task) error {
	d.overwrite.cancel()
	what := t.CDB[2] & 0x0F
	if what > 2 {
		return scsi.InvalidFieldInCDBAt(2, 3)
	}
	if !d.append {
		return scsi.NewSense(scsi.IllegalRequest, scsi.NotInAppendOnlyMode)
	}
	pos := d.in.cart.Position()
	switch what {
	case 1:
		if t.CDB[3] != pos.Partition || binary.BigEndian.Uint64(t.CDB[4:]) != pos.Object {
			return scsi.NewSense(scsi.IllegalRequest, scsi.SequentialPositioningError)
		}
		d.overwrite = overwrite{at: pos, place: true}
	case 2:
		d.overwrite = overwrite{at: pos, format: true}
	}
	return nil
}
