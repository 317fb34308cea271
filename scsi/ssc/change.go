package ssc

import (
	"encoding/binary"
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// overwrite is what ALLOW OVERWRITE has permitted: one change at one position, or
// one format.
type overwrite struct {
	at     libcart.Position
	place  bool
	format bool
}

func (o *overwrite) cancel() { *o = overwrite{} }

// attrVolumeChangeReference is MAM attribute 0009h, SPC-4 7.4.2.2.6.
const attrVolumeChangeReference = 0x0009

// mayWriteHere refuses a write, filemark or erase where WORM media or the
// append-only mode do not let the recording be changed.
func (d *Drive) mayWriteHere() error {
	worm := d.in.info.Kind == libcart.WORM
	appendOnly := d.append
	if !worm && !appendOnly {
		return nil
	}
	pos := d.in.cart.Position()
	if appendOnly && d.overwrite.place && d.overwrite.at == pos {
		d.overwrite.cancel()
		if !worm {
			return nil
		}
		appendOnly = false // what is left are the rules of the medium
	}
	if d.in.appendKnown && d.in.appendAt == pos {
		return nil
	}
	ok, err := d.appendPoint(worm && !appendOnly)
	if err != nil {
		return senseFor(err)
	}
	if ok {
		d.in.appendAt, d.in.appendKnown = pos, true
		return nil
	}
	if worm && !appendOnly {
		d.raise(alertWriteProtect, alertWORMOverwrite)
		return scsi.NewSense(scsi.DataProtect, scsi.WORMMediumOverwriteAttempted)
	}
	d.raise(alertWriteProtect)
	return scsi.NewSense(scsi.DataProtect, scsi.OperatorSelectedWriteProtect).
		Because("the drive is in append-only mode and this is not an append point")
}

// appendPoint reports whether the position is one where writing loses nothing:
// the end of data; a place with only filemarks ahead and, unless at the
// beginning, a filemark just behind; and on WORM media the beginning before a
// label of one or two blocks that only filemarks follow.
func (d *Drive) appendPoint(worm bool) (bool, error) {
	c := d.in.cart
	here := c.Position()
	defer c.LocateObject(here.Partition, here.Object)
	blocks, err := d.blocksAhead(2)
	if err != nil {
		return false, err
	}
	switch {
	case blocks < 0: // nothing at all: end of data
		return true, nil
	case here.Object == 0:
		return blocks == 0 || worm && blocks <= 2, nil
	case blocks > 0:
		return false, nil
	}
	if err := c.LocateObject(here.Partition, here.Object); err != nil {
		return false, err
	}
	_, err = c.SpaceBlocks(-1)
	return errors.Is(err, libcart.ErrFilemark), noteOnly(err)
}

// blocksAhead counts the blocks between here and the end of data up to most+1,
// provided that no block follows a filemark; then it is most+1. At the end of
// data it is -1.
func (d *Drive) blocksAhead(most int) (int, error) {
	c := d.in.cart
	blocks, first, marks := 0, true, false
	for {
		_, err := c.SpaceBlocks(1)
		switch {
		case err == nil:
			if blocks++; blocks > most || marks {
				return most + 1, nil
			}
		case errors.Is(err, libcart.ErrFilemark):
			marks = true
		case errors.Is(err, libcart.ErrEndOfData):
			if first {
				return -1, nil
			}
			return blocks, nil
		default:
			return 0, err
		}
		first = false
	}
}

// noteOnly drops the errors that only tell where a motion ended.
func noteOnly(err error) error {
	if errors.Is(err, libcart.ErrFilemark) || errors.Is(err, libcart.ErrBeginning) || errors.Is(err, libcart.ErrEndOfData) {
		return nil
	}
	return err
}

// beforeChange advances the volume change reference before the first change
// after a load, after somebody has read it, and when something is overwritten.
func (d *Drive) beforeChange() error {
	if err := d.become(); err != nil {
		return err
	}
	d.noteOverwrite()
	if !d.in.changed {
		return d.advanceReference()
	}
	if d.in.appendKnown && d.in.appendAt == d.in.cart.Position() {
		return nil // behind what was written last: nothing is overwritten
	}
	end, err := d.atEnd()
	if err != nil {
		return senseFor(err)
	}
	if !end {
		return d.advanceReference()
	}
	return nil
}

// atEnd reports whether nothing is recorded behind the position.
func (d *Drive) atEnd() (bool, error) {
	c := d.in.cart
	here := c.Position()
	_, err := c.SpaceBlocks(1)
	if errors.Is(err, libcart.ErrEndOfData) {
		return true, nil
	}
	if err = noteOnly(err); err == nil {
		err = c.LocateObject(here.Partition, here.Object)
	}
	return false, err
}

// advanceReference stores a volume change reference that was never used before.
func (d *Drive) advanceReference() error {
	var v uint32
	if a, err := d.in.cart.Attribute(0, attrVolumeChangeReference); err == nil && len(a.Value) == 4 {
		v = binary.BigEndian.Uint32(a.Value)
	}
	if v == 0xFFFFFFFF {
		return scsi.NewSense(scsi.DataProtect, scsi.WriteProtected).Because("the volume change reference of the medium is used up")
	}
	err := d.in.cart.SetAttributes(0, []libcart.Attribute{{
		ID: attrVolumeChangeReference, ReadOnly: true, Value: binary.BigEndian.AppendUint32(nil, v+1),
	}})
	if err != nil {
		return senseFor(err)
	}
	d.in.changed = true
	return nil
}

// written notes that the recording ends here: here one may append.
func (d *Drive) written() {
	d.in.appendAt, d.in.appendKnown = d.in.cart.Position(), true
	d.overwrite.cancel()
}
