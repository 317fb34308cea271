package ssc

import (
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// read6 is READ(6), SSC-4 6.4.
func (d *Drive) read6(t *scsi.Task) error {
	return d.read(t, t.CDB[1]&0x01 != 0, t.CDB[1]&0x02 != 0, be24(t.CDB[2:]))
}

// read carries out the READ commands: length is in bytes, or with FIXED in blocks.
func (d *Drive) read(t *scsi.Task, fixed, sili bool, length uint32) error {
	n := d.nexus(t)
	if fixed && (sili || n.blockLength == 0) {
		return withInformation(scsi.InvalidFieldInCDBAt(1, 1), int64(length))
	}
	if length == 0 {
		return nil
	}
	if fixed {
		return d.readFixed(t, n, length)
	}
	return d.readVariable(t, n, int(length), sili)
}

// readVariable reads one block of at most length bytes.
func (d *Drive) readVariable(t *scsi.Task, n *nexusState, length int, sili bool) error {
	o, err := d.readBlock(t.Nexus, length)
	if err != nil {
		return withInformation(d.readError(err), int64(length))
	}
	b := n.lbp.append(o.Block)
	actual := len(b.B)
	if actual > length {
		b.B = b.B[:length]
	}
	t.ReplyBuffer(b)
	if err := d.pace(t, actual); err != nil {
		return err
	}
	if actual == length || sili && (actual < length || n.blockLength == 0) {
		return nil
	}
	return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: int64(length - actual)}
}

// readFixed reads count blocks of the block length and stops after a block of
// another length.
func (d *Drive) readFixed(t *scsi.Task, n *nexusState, count uint32) error {
	want := int(n.blockLength)
	if n.lbp.onRead() {
		want += guardLength
	}
	if uint64(want)*uint64(count) > uint64(d.MaxTransfer()) {
		return withInformation(scsi.InvalidFieldInCDBAt(2, -1).
			Because("%d blocks of %d bytes are more than one command can carry", count, want), int64(count))
	}
	for left := int64(count); left > 0; left-- {
		o, err := d.readBlock(t.Nexus, want)
		if err != nil {
			return withInformation(d.readError(err), left)
		}
		b := n.lbp.append(o.Block)
		actual := len(b.B)
		if actual > want {
			b.B = b.B[:want]
		}
		t.ReplyBuffer(b)
		if err := d.pace(t, actual); err != nil {
			return err
		}
		if actual != want {
			return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: left}
		}
	}
	return nil
}

// readError is the sense data of a failed read, and what else it means.
func (d *Drive) readError(err error) error {
	if errors.Is(err, libcart.ErrDamaged) {
		d.stats.readErrors++
		d.raise(alertReadFailed)
		d.event("read-error", d.in.barcode, "%v", err)
	}
	return senseFor(err)
}
