package ssc

import (
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// loadUnload is LOAD UNLOAD, SSC-4 7.3.
func (d *Drive) loadUnload(t *scsi.Task) error {
	immed, b := t.CDB[1]&0x01 != 0, t.CDB[4]
	load, hold := b&0x01 != 0, b&0x08 != 0
	if b&0x04 != 0 { // EOT
		return scsi.InvalidFieldInCDBAt(4, 2)
	}
	if d.in == nil {
		return senseNoMedium
	}
	if s := d.motion.refuses(d.opt.Now()); s != nil && d.motion.work == nil {
		return s
	}
	switch {
	case load && !hold:
		return d.load(t, immed)
	}
	return d.unload(t, immed, hold) // HOLD leaves it seated, whatever it was
}

// load threads the medium, or takes a threaded one to the beginning of partition 0.
func (d *Drive) load(t *scsi.Task, immed bool) error {
	if d.in.info.Kind == libcart.Cleaning {
		return d.notLoaded()
	}
	if b := d.motion.work; b != nil {
		if immed {
			return nil
		}
		return d.awaitLoad(t, b)
	}
	if d.in.loaded() {
		if err := d.flush(t); err != nil {
			return err
		}
		if err := d.in.cart.LocateObject(0, 0); err != nil {
			return senseFor(err)
		}
		d.positionKnown()
		return d.finish(t, immed, rewinding, d.delays.Rewind)
	}
	err := d.reload(func(err error) {
		if err == nil {
			d.server.Attend(scsi.NotReadyToReadyChange, t.Nexus)
			d.begin(loading, d.delays.Load+d.delays.Thread)
		}
	})
	switch {
	case err == errBecoming && immed:
		return nil
	case err == errBecoming:
		return d.awaitLoad(t, d.motion.work)
	case err != nil:
		return d.loadSense(err)
	}
	d.server.Attend(scsi.NotReadyToReadyChange, t.Nexus)
	return d.finish(t, immed, loading, d.delays.Load+d.delays.Thread)
}

// unload lets go of the medium; it stays in the drive until the changer or the
// operator takes it.
func (d *Drive) unload(t *scsi.Task, immed, hold bool) error {
	if (d.in.loaded() || d.motion.work != nil) && d.RemovalPrevented() {
		d.raise(alertNoRemoval)
		return sensePrevented
	}
	if err := d.unthread(hold); err != nil {
		return d.writeError(err)
	}
	return d.finish(t, immed, unloading, d.delays.Unload)
}

// loadSense is the sense data of a load that failed.
func (d *Drive) loadSense(err error) error {
	switch {
	case err == senseNotLoaded: // it was unloaded meanwhile
		return err
	case errors.Is(err, ErrIncompatible):
		return scsi.NewSense(scsi.MediumError, scsi.IncompatibleMedium).Because("%v", err)
	case errors.Is(err, libcart.ErrInUse):
		return scsi.NewSense(scsi.NotReady, scsi.NotReadyCauseNotReportable).Because("%v", err)
	}
	return scsi.NewSense(scsi.MediumError, scsi.MediumFormatCorrupted).Because("%v", err)
}
