package ssc

import (
	"encoding/binary"
	"errors"

	"govtl/libcart"
	"govtl/scsi"
)

// formatMedium is FORMAT MEDIUM, SSC-4 7.2: everything recorded is lost, and the
// partitions become those that FORMAT or mode page 11h says.
func (d *Drive) formatMedium(t *scsi.Task) error {
	format := t.CDB[2] & 0x0F
	if format > 2 {
		return scsi.InvalidFieldInCDBAt(2, 3)
	}
	if n := binary.BigEndian.Uint16(t.CDB[3:]); n != 0 {
		return scsi.InvalidFieldInCDBAt(3, -1)
	}
	if err := d.atBeginning(); err != nil {
		return err
	}
	if d.append && !d.overwrite.format {
		d.raise(alertWriteProtect)
		return scsi.NewSense(scsi.DataProtect, scsi.OperatorSelectedWriteProtect).Because("the drive is in append-only mode")
	}
	var sizes []int64
	if format != 0 {
		if d.in.capacitySet && d.in.pending == nil {
			return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterValueInvalid).
				Because("mode page 11h was not selected since the last SET CAPACITY")
		}
		sizes = d.requestedPartitions()
	}
	if err := d.reformat(sizes); err != nil {
		return err
	}
	if len(sizes) > 1 {
		d.raise(alertCapacityReduced)
	}
	return d.finish(t, t.CDB[1]&0x01 != 0, formatting, d.delays.Rewind)
}

// requestedPartitions are the sizes that mode page 11h says: those asked for, else
// those that are.
func (d *Drive) requestedPartitions() []int64 {
	if d.in.pending != nil {
		return d.in.pending.bytes
	}
	var sizes []int64
	for p := range d.in.cart.Partitions() {
		sizes = append(sizes, d.in.cart.Capacity(uint8(p)).Max)
	}
	return sizes
}

// atBeginning refuses unless the position is the beginning of partition 0, and
// WORM media.
func (d *Drive) atBeginning() error {
	if d.in.info.Kind == libcart.WORM {
		d.raise(alertWriteProtect, alertWORMOverwrite)
		return scsi.NewSense(scsi.DataProtect, scsi.WORMMediumOverwriteAttempted)
	}
	if p := d.in.cart.Position(); p.Partition != 0 || p.Object != 0 {
		return senseNotAtBOP
	}
	return nil
}

// reformat makes the partitions (none: one of the whole capacity). The host's
// attributes go with the data, but for the barcode and what the user's identity
// attribute holds.
func (d *Drive) reformat(sizes []int64) error {
	c := d.in.cart
	if err := d.become(); err != nil {
		return err
	}
	if err := d.advanceReference(); err != nil {
		return err
	}
	host := d.storedHost(c)
	var count uint16
	if a, err := c.Attribute(0, attrInitializations); err == nil && len(a.Value) == 2 {
		count = binary.BigEndian.Uint16(a.Value)
	}
	err := c.Format(sizes)
	if errors.Is(err, libcart.ErrPartition) {
		return scsi.NewSense(scsi.IllegalRequest, scsi.ParameterValueInvalid).Because("%v", err)
	}
	if err != nil {
		return d.writeError(err)
	}
	d.in.info = c.Info()
	d.in.pending, d.in.capacitySet = nil, false
	d.moved()
	change := map[uint8][]libcart.Attribute{0: {{
		ID: attrInitializations, ReadOnly: true, Value: u16(uint64(min(count, 0xFFFE)) + 1),
	}}}
	for k := range host {
		if k.id != attrBarcode && k.id != attrUserIdentity && int(k.part) < c.Partitions() {
			change[k.part] = append(change[k.part], libcart.Attribute{ID: k.id})
		}
	}
	for p, l := range change {
		if err := c.SetAttributes(p, l); err != nil {
			return senseFor(err)
		}
	}
	d.event("formatted", d.in.barcode, "%d partitions", c.Partitions())
	return nil
}

// setCapacity is SET CAPACITY, SSC-4 7.11: it erases, goes back to one partition,
// and notes the proportion of the medium that is to be used.
func (d *Drive) setCapacity(t *scsi.Task) error {
	proportion := binary.BigEndian.Uint16(t.CDB[3:])
	if proportion < d.model.LeastCapacity {
		return scsi.InvalidFieldInCDBAt(3, -1)
	}
	if err := d.atBeginning(); err != nil {
		return err
	}
	if d.append && !d.overwrite.format {
		d.raise(alertWriteProtect)
		return scsi.NewSense(scsi.DataProtect, scsi.OperatorSelectedWriteProtect).Because("the drive is in append-only mode")
	}
	var sizes []int64
	if proportion != 0xFFFF {
		sizes = []int64{int64(float64(d.in.info.Capacity) * float64(proportion) / 0xFFFF)}
	}
	if err := d.reformat(sizes); err != nil {
		return err
	}
	d.in.capacitySet = true
	d.Attend(scsi.ModeParametersChanged, nil)
	return d.finish(t, t.CDB[1]&0x01 != 0, formatting, d.delays.Rewind)
}
