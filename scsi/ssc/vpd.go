package ssc

import (
	"encoding/binary"
	"strings"

	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// vpdPages makes the VPD pages of the model, SPC-4 7.8 and SSC-4 8.5.
func (d *Drive) vpdPages(modes *page.Modes) (*page.VPDs, error) {
	p := d.model
	var l []page.VPD
	for _, v := range p.VPDPageList() {
		for _, f := range personality.SerialFields {
			if w, err := v.WithData(f, []byte(rightJustified(d.opt.Serial, 12))); err == nil {
				v = w
			}
		}
		if w, err := v.WithData("REVISION", []byte(p.Inquiry.Revision)); err == nil {
			v = w
		}
		l = append(l, v)
	}
	lbp := p.Has(personality.LBPReedSolomon) || p.Has(personality.LBPCRC32C)
	add := func(code uint8, v page.VPD) {
		if p.HasVPD(code) {
			l = append(l, v)
		}
	}
	raw := func(code uint8, name, clause string, body []byte) { add(code, page.RawVPD(code, name, clause, body)) }

	add(0x80, page.UnitSerialNumber(d.opt.Serial))
	ids := append(d.unitDesignators(), page.RelativePortDesignator(1))
	if d.opt.TargetName != "" {
		ids = append(ids, page.NameDesignator(page.TargetDevice, d.opt.TargetName))
	}
	add(0x83, page.DeviceIdentification(ids...))

	extended := make([]byte, 0x3C)
	extended[0] = flag(lbp, 0x08) // SPT: 001b, logical block protection
	extended[1] = 0x01            // SIMPSUP
	extended[8] = 0xA0
	raw(0x86, "Extended INQUIRY Data", "SPC-4 7.8.8", extended)
	add(0x87, page.ModePagePolicy(modes))
	add(0x88, page.SCSIPorts(1, page.RelativePortDesignator(1)))
	raw(0xB0, "Sequential-Access Device Capabilities", "SSC-4 8.5.2", []byte{flag(p.Has(personality.WORM), 0x01), 0})
	raw(0xB1, "Manufacturer-Assigned Serial Number", "SSC-4 8.5.3", []byte(rightJustified(d.opt.Serial, 10)))
	raw(0xB2, "TapeAlert Supported Flags", "SSC-4 8.5.4", []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	raw(0xB3, "Automation Device Serial Number", "SSC-4 8.5.5", []byte(page.Padded(d.opt.LibrarySerial, 32)))
	element := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	if d.opt.Element != 0 {
		binary.BigEndian.PutUint32(element, uint32(d.opt.Element))
	}
	raw(0xB4, "Data Transfer Device Element Address", "SSC-4 8.5.6", element)
	raw(0xB5, "Logical Block Protection", "SSC-4 8.5.7", d.protectionDescriptors())
	return page.NewVPDs(l)
}

// protectionDescriptors is the body of VPD page B5h: the methods, off included.
func (d *Drive) protectionDescriptors() []byte {
	b := make([]byte, 4, 28)
	b = append(b, 0x07, 0x00, 0, 0, 0, 0, 0, 0)
	if d.model.Has(personality.LBPReedSolomon) {
		b = append(b, 0x07, byte(protectionReedSolomon), guardLength, 0xC0, 0, 0, 0, 0)
	}
	if d.model.Has(personality.LBPCRC32C) {
		b = append(b, 0x07, byte(protectionCRC32C), guardLength, 0xC0, 0, 0, 0, 0)
	}
	return b
}

// unitDesignators are the designators of the drive's logical unit.
func (d *Drive) unitDesignators() []page.Designator {
	i := d.model.Inquiry
	ids := []page.Designator{page.T10Designator(i.Vendor, i.Product, d.opt.Serial)}
	if d.opt.NAA != 0 {
		ids = append(ids, page.NAADesignator(page.LogicalUnit, d.opt.NAA))
	}
	return ids
}

// rightJustified is s with leading zeros, or its last n characters.
func rightJustified(s string, n int) string {
	if len(s) >= n {
		return s[len(s)-n:]
	}
	return strings.Repeat("0", n-len(s)) + s
}
