package spc

import (
	"encoding/binary"
	"fmt"

	"govtl/scsi"
	"govtl/scsi/page"
)

// InquiryData is the standard INQUIRY data, SPC-4 6.6.2.
type InquiryData struct {
	DeviceType uint8 // PERIPHERAL DEVICE TYPE, 01h tape, 08h changer
	Removable  bool  // RMB
	Version    uint8 // byte 2
	Format     uint8 // byte 3, RESPONSE DATA FORMAT and HISUP

	Vendor, Product, Revision string // at most 8, 16 and 4 characters

	// Length is the length of the data in bytes, at least 36.
	Length int

	// VersionDescriptors go to bytes 58 on.
	VersionDescriptors []uint16

	// Bytes are further bytes by offset, ORed in; Text is ASCII by offset.
	Bytes map[int]uint8
	Text  map[int]string
}

// Check reports what is wrong with the data.
func (q *InquiryData) Check() error {
	if q.Length < 36 || q.Length > 260 {
		return fmt.Errorf("spc: INQUIRY data of %d bytes (36 to 260)", q.Length)
	}
	if len(q.Vendor) > 8 || len(q.Product) > 16 || len(q.Revision) > 4 {
		return fmt.Errorf("spc: INQUIRY strings %q, %q, %q are too long", q.Vendor, q.Product, q.Revision)
	}
	if n := 58 + 2*len(q.VersionDescriptors); len(q.VersionDescriptors) > 8 || n > q.Length && n > 58 {
		return fmt.Errorf("spc: %d version descriptors do not fit the INQUIRY data", len(q.VersionDescriptors))
	}
	for at := range q.Bytes {
		if at < 0 || at >= q.Length {
			return fmt.Errorf("spc: INQUIRY byte %d lies outside the data", at)
		}
	}
	for at, s := range q.Text {
		if at < 0 || at+len(s) > q.Length {
			return fmt.Errorf("spc: INQUIRY text at byte %d lies outside the data", at)
		}
	}
	return nil
}

// Append appends the data; first is byte 0, peripheral qualifier and type.
func (q *InquiryData) Append(dst []byte, first byte) []byte {
	b := make([]byte, max(q.Length, 36))
	b[0], b[2], b[3], b[4] = first, q.Version, q.Format, byte(len(b)-5)
	if q.Removable && first == q.DeviceType {
		b[1] = 0x80
	}
	copy(b[8:], page.Padded(q.Vendor, 8))
	copy(b[16:], page.Padded(q.Product, 16))
	copy(b[32:], page.Padded(q.Revision, 4))
	for i, v := range q.VersionDescriptors {
		binary.BigEndian.PutUint16(b[58+2*i:], v)
	}
	for at, v := range q.Bytes {
		b[at] |= v
	}
	for at, s := range q.Text {
		copy(b[at:], s)
	}
	return append(dst, b...)
}

// inquiry carries out INQUIRY, SPC-4 6.6.
func (c *Core) inquiry(t *scsi.Task) error { return c.inquire(t, c.cfg.Inquiry.DeviceType) }

// inquire answers with a first byte: that of the device, or 7Fh for a logical
// unit that does not exist.
func (c *Core) inquire(t *scsi.Task, first byte) error {
	code, n := t.CDB[2], int(binary.BigEndian.Uint16(t.CDB[3:]))
	if t.CDB[1]&0x02 != 0 { // CMDDT, obsolete
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	if t.CDB[1]&0x01 == 0 {
		if code != 0 {
			return scsi.InvalidFieldInCDBAt(2, 7)
		}
		t.Reply(c.cfg.Inquiry.Append(nil, first), n)
		return nil
	}
	if c.cfg.VPD == nil {
		return scsi.InvalidFieldInCDBAt(1, 0)
	}
	if first != c.cfg.Inquiry.DeviceType { // nothing of LUN 0 identifies another one
		if code != 0 {
			return scsi.InvalidFieldInCDBAt(2, 7)
		}
		t.Reply([]byte{first, 0, 0, 1, 0}, n)
		return nil
	}
	b, ok := c.cfg.VPD.Append(nil, t.Nexus, first, code)
	if !ok {
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	t.Reply(b, n)
	return nil
}

// BadLUN implements scsi.Device: what a logical unit that does not exist answers
// (SPC-4 5.11 and 6.6.2; RFC 7143 leaves it to SAM-5 5.13).
func (c *Core) BadLUN(t *scsi.Task) error {
	switch t.CDB[0] {
	case 0x12:
		return c.inquire(t, 0x7F)
	case 0xA0:
		return c.reportLUNs(t)
	case 0x03:
		s := scsi.NewSense(scsi.IllegalRequest, scsi.LogicalUnitNotSupported)
		return c.replySense(t, s)
	}
	return scsi.NewSense(scsi.IllegalRequest, scsi.LogicalUnitNotSupported)
}

// reportLUNs carries out REPORT LUNS, SPC-4 6.33. There is one logical unit, 0.
func (c *Core) reportLUNs(t *scsi.Task) error {
	n := binary.BigEndian.Uint32(t.CDB[6:])
	if n < 16 {
		return scsi.InvalidFieldInCDBAt(6, 7)
	}
	b := make([]byte, 8, 16)
	switch t.CDB[2] {
	case 0x00, 0x02: // all but, or with, well known logical units
		b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)
	case 0x01, 0x10, 0x11, 0x12: // well known, administrative, subsidiary: none
	default:
		return scsi.InvalidFieldInCDBAt(2, 7)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-8))
	t.Nexus.DropAttention(scsi.ReportedLUNsDataChanged)
	t.Reply(b, int(min(n, 16)))
	return nil
}

// requestSense carries out REQUEST SENSE, SPC-4 6.39.
func (c *Core) requestSense(t *scsi.Task) error {
	if t.CDB[1]&0x01 != 0 && !c.cfg.DescriptorSense {
		return scsi.InvalidFieldInCDBAt(1, 0)
	}
	if a, ok := t.Nexus.TakeAttention(); ok {
		return c.replySense(t, scsi.NewSense(scsi.UnitAttention, a))
	}
	var s *scsi.Sense
	if c.cfg.CurrentSense != nil {
		s = c.cfg.CurrentSense(t.Nexus)
	}
	if s == nil {
		s = scsi.NewSense(scsi.NoSense, scsi.NoAdditionalSense)
	}
	return c.replySense(t, s)
}

// replySense sends sense data as parameter data, in the format of DESC.
func (c *Core) replySense(t *scsi.Task, s *scsi.Sense) error {
	n := int(t.CDB[4])
	if t.CDB[1]&0x01 != 0 {
		t.Reply(s.AppendDescriptor(nil), n)
		return nil
	}
	if c.cfg.AdditionalSense != nil {
		more := *s
		more.Additional = c.cfg.AdditionalSense(t, s)
		s = &more
	}
	t.Reply(s.AppendFixed(nil), n)
	return nil
}
