package ssc

import (
	"encoding/binary"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// additionalSense are the vendor specific bytes of sense data in the model's form,
// from byte 18 on. A READ that met a block of another length has none: then
// programs look at nothing behind byte 17, and tape is read much that way.
func (d *Drive) additionalSense(t *scsi.Task, s *scsi.Sense) []byte {
	switch {
	case s.ILI:
		return nil
	case d.model.SenseForm == personality.SenseFormIBM:
		return d.ibmSense(t)
	case d.model.SenseForm == personality.SenseFormSTK:
		return d.stkSense()
	}
	return nil
}

// ibmSense are bytes 18 to 95 of IBM's sense data, GA32-0928 5.2.31.
func (d *Drive) ibmSense(t *scsi.Task) []byte {
	const first = scsi.FixedLength
	b := make([]byte, 96-first)
	b[21-first] = flag(d.alerts.Active()&(3<<(alertCleanNow-1)) != 0, 0x08) // CLN
	b[40-first] = byte(t.Nexus.RelativePort & 0x07)
	b[41-first] = t.CDB[0]
	m := d.in
	if m == nil {
		return b
	}
	label, suffix := m.barcode, ""
	if n := len(label); n > 2 {
		suffix = label[n-2:]
	}
	if m.barcode != "" {
		b[21-first] |= 0x01 // VOLVALID
		copy(b[22-first:29-first], page.Padded(label[:min(len(label), 7)], 7))
		copy(b[43-first:45-first], suffix)
	}
	if m.model != nil && m.model.Generation > 0 {
		b[42-first] = (m.model.Generation - 1) << 4
	}
	copy(b[86-first:96-first], rightJustified(m.info.Serial, 10))
	if !m.loaded() {
		return b
	}
	c := m.cart
	p := c.Position()
	b[36-first] = p.Partition & 0x07
	b[40-first] |= flag(c.Partitions() > 1, 0x40)
	binary.BigEndian.PutUint32(b[45-first:], uint32(min(p.Object, 0xFFFFFFFF)))
	if m.model != nil && m.model.Wraps > 0 {
		tape := d.layout()
		wrap := tape.at(p.Partition, c.Before()).wrap
		b[29-first] = byte(wrap)
		b[36-first] |= flag(wrap > 0xFF, 0x08)
	}
	return b
}

// stkSense are bytes 18 to 25 of T10000 sense data.
func (d *Drive) stkSense() []byte {
	b := make([]byte, 8)
	if d.in != nil {
		switch d.in.info.Kind {
		case libcart.Cleaning:
			b[6] = 0x80
		case libcart.WORM:
			b[6] = 0x12
		default:
			b[6] = 0x10
		}
	}
	b[7] = flag(d.opt.LibrarySerial != "", 0x02)
	return b
}

// descriptorSense reports whether a nexus has asked for sense data in descriptor
// format, where the model can: D_SENSE of the Control mode page.
func (d *Drive) descriptorSense(n *scsi.Nexus) bool {
	return d.Modes().Get(n, 0x0A, 0, "D_SENSE") == 1
}

// hasDescriptorSense reports whether the model has descriptor format: D_SENSE is
// changeable, or on.
func hasDescriptorSense(modes *page.Modes) bool {
	for _, p := range modes.Pages() {
		if p.Code == 0x0A && p.Subpage == 0 {
			f := p.Fields.Find("D_SENSE")
			return f != nil && (f.Kind == page.Changeable || f.Value == 1)
		}
	}
	return false
}
