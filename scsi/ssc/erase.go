package ssc

import "govtl/scsi"

// erase6 is ERASE(6), SSC-4 6.2. Short or long, what follows is gone: the end of
// data is here, and the position stays before it.
func (d *Drive) erase6(t *scsi.Task) error {
	return d.erase(t)
}

func (d *Drive) erase(*scsi.Task) error {
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
	return nil
}
