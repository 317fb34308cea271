package ssc

import (
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// recoverBufferedData is RECOVER BUFFERED DATA, SSC-4 7.8: it hands back, in the
// order in which they were written, the objects that were acknowledged and that the
// drive buffer could not get onto the medium. READ POSITION counts them until they
// are taken, another position is set, or the medium is unloaded. Logical block
// protection does not concern it (RBDP is 0).
func (d *Drive) recoverBufferedData(t *scsi.Task) error {
	fixed, sili, length := t.CDB[1]&0x01 != 0, t.CDB[1]&0x02 != 0, be24(t.CDB[2:])
	n := d.nexus(t)
	if fixed && (sili || n.blockLength == 0) {
		return withInformation(scsi.InvalidFieldInCDBAt(1, 1), int64(length))
	}
	if length == 0 {
		return nil
	}
	if !fixed {
		actual, err := d.recoverBlock(t, int(length))
		switch {
		case err != nil:
			return withInformation(err, int64(length))
		case actual == int(length), sili && (actual < int(length) || n.blockLength == 0):
			return nil
		}
		return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: int64(length) - int64(actual)}
	}
	want := int(n.blockLength)
	if uint64(want)*uint64(length) > uint64(d.MaxTransfer()) {
		return withInformation(scsi.InvalidFieldInCDBAt(2, -1), int64(length))
	}
	for left := int64(length); left > 0; left-- {
		actual, err := d.recoverBlock(t, want)
		if err != nil {
			return withInformation(err, left)
		}
		if actual != want {
			return &scsi.Sense{Key: scsi.NoSense, ILI: true, Valid: true, Information: left}
		}
	}
	return nil
}

// recoverBlock sends the next unwritten block, at most so many bytes of it, and
// returns its length.
func (d *Drive) recoverBlock(t *scsi.Task, most int) (int, error) {
	o, err := d.in.cart.TakeUnwritten()
	if errors.Is(err, libcart.ErrEndOfData) {
		return 0, &scsi.Sense{Key: scsi.NoSense, ASC: scsi.EndOfDataDetected, EOM: true}
	}
	if err != nil {
		return 0, senseFor(err)
	}
	actual := len(o.Block.B)
	if actual > most {
		o.Block.B = o.Block.B[:most]
	}
	t.ReplyBuffer(o.Block)
	return actual, nil
}

// unwritten reports how many objects, and bytes of them, RECOVER BUFFERED DATA has
// to offer.
func (d *Drive) unwritten() (objects, bytes uint64) {
	if !d.in.cart.Failed() {
		return 0, 0
	}
	return d.in.cart.BytesInBuffer()
}
