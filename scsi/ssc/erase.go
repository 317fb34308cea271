package ssc

import "govtl/scsi"

// erase6 is ERASE(6), SSC-4 6.2. Short or long, what follows is gone: the end of
// data is here, and the position stays before it. METHOD goes with LONG.
func (d *Drive) erase6(t *scsi.Task) error {
	if method := t.CDB[2] >> 4 & 0x03; method > 1 || method > 0 && t.CDB[1]&0x01 == 0 {
		return scsi.InvalidFieldInCDBAt(2, 5)
	}
	return d.erase(t)
}

// erase erases. A long one takes as long as a rewind, where motions take their time.
func (d *Drive) erase(t *scsi.Task) error {
	if err := d.mayWriteHere(); err != nil {
		return err
	}
	if err := d.beforeChange(); err != nil {
		return err
	}
	if err := d.in.cart.Erase(); err != nil {
		return d.writeError(err)
	}
	d.written()
	if t.CDB[1]&0x01 == 0 { // LONG
		return nil
	}
	return d.finish(t, t.CDB[1]&0x02 != 0, erasing, d.delays.Rewind)
}
