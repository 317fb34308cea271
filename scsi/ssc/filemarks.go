package ssc

import "govtl/scsi"

// writeFilemarks6 is WRITE FILEMARKS(6), SSC-4 6.9.
func (d *Drive) writeFilemarks6(t *scsi.Task) error {
	if t.CDB[1]&0x02 != 0 { // setmarks are obsolete
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	return d.writeFilemarks(t, t.CDB[1]&0x01 != 0, be24(t.CDB[2:]))
}

// writeFilemarks writes filemarks. Without IMMED it is the synchronising
// command: GOOD means that everything before survives a crash. With a count of 0
// it only synchronises.
func (d *Drive) writeFilemarks(t *scsi.Task, immed bool, count uint32) error {
	if count > 0 {
		if err := d.mayWrite(); err != nil {
			return err
		}
		if err := d.mayWriteHere(); err != nil {
			return err
		}
		if err := d.beforeChange(); err != nil {
			return err
		}
	}
	d.in.dirty = d.in.dirty || count > 0
	zone, err := d.in.cart.WriteFilemarks(count)
	if err != nil {
		return withInformation(d.writeError(err), int64(count))
	}
	if !immed {
		if err := d.sync(t); err != nil {
			return withInformation(err, int64(count))
		}
	}
	if count == 0 {
		return nil
	}
	d.written()
	return d.ending(zone, 0)
}
