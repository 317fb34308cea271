package ssc

import (
	"context"
	"errors"

	"govtl/internal/buffer"
	"govtl/libcart"
	"govtl/scsi"
)

// write6 is WRITE(6), SSC-4 6.8.
func (d *Drive) write6(t *scsi.Task) error {
	return d.write(t, t.CDB[1]&0x01 != 0, be24(t.CDB[2:]))
}

// write carries out the WRITE commands: length is in bytes, or with FIXED in blocks.
func (d *Drive) write(t *scsi.Task, fixed bool, length uint32) error {
	n := d.nexus(t)
	if fixed && n.blockLength == 0 {
		return withInformation(scsi.InvalidFieldInCDBAt(1, 0), int64(length))
	}
	if length == 0 {
		t.Wanted, t.WantedSet = 0, true
		return nil
	}
	size, count := int(length), 1
	if fixed {
		size, count = int(n.blockLength), int(length)
	}
	guard := 0
	if n.lbp.onWrite() {
		guard = guardLength
		if fixed {
			size += guard
		}
	}
	if err := d.checkBlockLength(size - guard); err != nil {
		return err
	}
	if uint64(size)*uint64(count) > uint64(d.MaxTransfer()) {
		return scsi.InvalidFieldInCDBAt(2, -1).Because("%d blocks of %d bytes are more than one command can carry", count, size)
	}
	data, err := t.DataOut(size * count)
	if err != nil {
		return err
	}
	if err := d.mayWriteHere(); err != nil {
		return err
	}
	good := count
	if guard > 0 {
		good = n.lbp.check(data, size)
		if good == 0 {
			return withInformation(senseGuard, int64(length))
		}
	}
	if err := d.prepareWrite(t.Nexus, size-guard); err != nil {
		return err
	}
	if err := d.beforeChange(); err != nil {
		return err
	}
	if err := d.pace(t, len(data)); err != nil {
		return err
	}
	d.in.dirty = true
	var zone libcart.Zone
	if count == 1 {
		b := t.TakeOut()
		b.B = b.B[:size-guard]
		if zone, err = d.writeBlock(t.Nexus, b); err != nil {
			return withInformation(d.writeError(err), int64(length))
		}
	}
	for i := 0; count > 1 && i < good; i++ {
		b := buffer.Default.Get(size - guard)
		copy(b.B, data[i*size:])
		if zone, err = d.writeBlock(t.Nexus, b); err != nil {
			return withInformation(d.writeError(err), int64(count-i))
		}
		if zone != libcart.ZoneFree && i+1 < count {
			return d.afterWrite(t, zone, int64(count-i-1))
		}
	}
	if good < count {
		return withInformation(senseGuard, int64(count-good))
	}
	return d.afterWrite(t, zone, 0)
}

// checkBlockLength refuses a block outside the drive's limits.
func (d *Drive) checkBlockLength(n int) error {
	l := &d.model.BlockLimits
	most := int(max(l.Max, l.Accept))
	if n < max(int(l.Min), 1) || n > most {
		return scsi.InvalidFieldInCDBAt(2, -1).Because("a block of %d bytes is outside the drive's limits, %d to %d", n, l.Min, most)
	}
	return nil
}

// afterWrite ends a write: unbuffered mode synchronises, and a place near the
// end of the partition is told. left is how much of the command was not done.
func (d *Drive) afterWrite(t *scsi.Task, zone libcart.Zone, left int64) error {
	d.written()
	if d.buffer == 0 {
		if err := d.sync(t); err != nil {
			return withInformation(err, left)
		}
	}
	return d.ending(zone, left)
}

// ending is the sense data, if any, of having written into a zone near the end.
func (d *Drive) ending(zone libcart.Zone, left int64) error {
	if warn := d.programmableWarning(); warn {
		return withInformation(senseProgrammableEW, left)
	}
	if zone != libcart.ZoneFree {
		return withInformation(senseEarlyWarning, left)
	}
	return nil
}

// writeError is the sense data of a failed write, and what else it means.
func (d *Drive) writeError(err error) error {
	if errors.Is(err, libcart.ErrWrite) {
		d.told()
		d.stats.writeErrors++
		d.raise(alertWriteFailed)
		d.event("write-error", d.in.barcode, "%v", err)
	}
	return senseFor(err)
}

// told notes that an initiator knows of a write that failed for good: the medium can
// be moved and read from now on without being told again.
func (d *Drive) told() {
	if d.in.loaded() && d.in.cart.Failed() {
		d.in.dirty = false
	}
}

// sync makes everything before durable, or tells why it is not.
func (d *Drive) sync(t *scsi.Task) error {
	if !d.in.dirty {
		return nil
	}
	ctx, cancel := taskContext(t)
	defer cancel()
	if err := d.in.cart.Sync(ctx); err != nil {
		return d.writeError(err)
	}
	d.in.dirty = false
	return nil
}

// taskContext ends when the task is aborted.
func taskContext(t *scsi.Task) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	done := t.Done()
	go func() {
		select {
		case <-done:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
