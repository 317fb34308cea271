package ssc

import (
	"govtl/libcart"
	"govtl/scsi"
)

// What must hold before a handler runs.
const (
	nothing scsi.Need = iota

	// present: a medium is in the drive, and its memory can be reached.
	present

	// loaded: a medium is threaded and no operation is in progress.
	loaded

	// positioned: loaded, and the position is known.
	positioned

	// writable: positioned, and the medium may be written at all. Whether it
	// may be written here is for mayWriteHere.
	writable
)

// keepsDeferred are the operation codes of commands that use a loaded medium and leave
// a deferred error to the next one: READ POSITION and ALLOW OVERWRITE (IBM GA32-0928
// table 30).
var keepsDeferred = [256]bool{0x34: true, 0x82: true}

// Meets implements scsi.Device.
func (d *Drive) Meets(t *scsi.Task, c *scsi.Command) error {
	if d.onlyReserved && c.Access == scsi.Exclusive && !d.Reserves(t.Nexus) {
		return scsi.NewSense(scsi.IllegalRequest, scsi.NotReserved)
	}
	if d.in == nil {
		return senseNoMedium
	}
	if c.Needs == present && d.motion.work == nil {
		return nil
	}
	if c.Opcode != 0x00 { // TEST UNIT READY uses nothing
		d.Accessed(t.Nexus)
	}
	if s := d.motion.refuses(d.opt.Now()); s != nil {
		return s
	}
	if !d.in.loaded() {
		return d.notLoaded()
	}
	if !keepsDeferred[c.Opcode] {
		if err := d.deferred(t); err != nil {
			return err
		}
	}
	if c.Needs >= positioned && d.in.lost {
		return sensePositionLost
	}
	if c.Needs >= writable {
		return d.mayWrite()
	}
	return nil
}

// notLoaded is why the medium in the drive cannot be used.
func (d *Drive) notLoaded() error {
	switch {
	case d.in.usedUp:
		return senseUsedUp
	case d.in.info.Kind == libcart.Cleaning:
		return senseCleaning
	case d.in.memoryOnly:
		return senseMemoryOnly
	}
	return senseNotLoaded
}

// deferred is a failure behind the buffer that no command has reported yet, as a
// deferred error (SPC-4 4.5.7).
func (d *Drive) deferred(*scsi.Task) error {
	err := d.in.cart.Deferred()
	if err == nil {
		return nil
	}
	d.told()
	d.event("write-error", d.in.barcode, "%v", err)
	if s, ok := senseFor(err).(*scsi.Sense); ok {
		c := *s
		c.Deferred = true
		return &c
	}
	return err
}

// mayWrite refuses what no position makes writable.
func (d *Drive) mayWrite() error {
	switch {
	case d.in.readOnly:
		d.raise(alertWriteProtect)
		return scsi.NewSense(scsi.DataProtect, scsi.CannotWriteMediumIncompatible).
			Because("a %s drive reads %s media and does not write them", d.model.Title, d.in.info.Medium)
	case d.in.info.WriteProtected:
		d.raise(alertWriteProtect)
		return senseWriteProtected
	}
	return nil
}

// promptRead reports that a READ would not wait for anything.
func (d *Drive) promptRead(t *scsi.Task) bool {
	return d.in.loaded() && !d.motion.running() && d.delays.Rate == 0 && d.in.cart.ReadReady() && d.decipherReady(t.Nexus)
}

// promptWrite reports that a WRITE would not wait for anything.
func (d *Drive) promptWrite(t *scsi.Task) bool {
	if !d.in.loaded() || d.motion.running() || d.delays.Rate > 0 || d.buffer == 0 || t.Out == nil || !d.in.changed || !d.in.appendKnown ||
		d.in.appendAt != d.in.cart.Position() {
		return false
	}
	return d.cipherReady(t.Nexus) && !d.in.cart.WriteWouldWait(len(t.Out.B))
}
