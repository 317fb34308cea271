package ssc

import (
	"cmp"
	"encoding/binary"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// reportDensitySupport is REPORT DENSITY SUPPORT, SSC-4 7.9.
func (d *Drive) reportDensitySupport(t *scsi.Task) error {
	allocation := int(binary.BigEndian.Uint16(t.CDB[7:]))
	mediaBit, mediumType := t.CDB[1]&0x01 != 0, t.CDB[1]&0x02 != 0
	if mediaBit {
		switch {
		case d.in == nil:
			return senseNoMedium
		case !d.in.loaded():
			return d.notLoaded()
		}
	}
	if mediumType && !d.model.Has(personality.MediumTypeReport) {
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	b := make([]byte, 4)
	for _, m := range d.model.MediaByDensity() {
		if mediaBit && (d.in.model == nil || m.Name != d.in.model.Name) && m != d.in.becomes {
			continue
		}
		writable := d.model.Media[m.Name] == personality.ReadWrite
		if mediumType {
			b = d.appendMediumType(b, m, personality.KindData)
			if m.WORM && d.model.Has(personality.WORM) {
				b = d.appendMediumType(b, m, personality.KindWORM)
			}
			continue
		}
		isDefault := mediaBit || m.Name == d.model.Native
		if mediaBit && d.in.becomes != nil {
			isDefault = m == d.in.becomes
		}
		b = d.appendDensity(b, m, writable, isDefault && writable, mediaBit && m != d.in.becomes)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	t.Reply(b, allocation)
	return nil
}

// appendDensity appends a density support data block descriptor, SSC-4 7.9.3.
func (d *Drive) appendDensity(b []byte, m *personality.Medium, writable, isDefault, actual bool) []byte {
	over := d.model.Densities[m.Name]
	code := cmp.Or(over.Code, m.Density)
	megabytes := cmp.Or(over.Capacity, m.Capacity)
	if actual && d.in.info.Capacity > 0 {
		megabytes = uint32(min(d.in.info.Capacity/1_000_000, 0xFFFFFFFF))
	}
	b = append(b, code, code, flag(writable, 0x80)|flag(isDefault, 0x20), 0, 0)
	bpm := cmp.Or(over.BitsPerMM, m.BitsPerMM)
	b = append(b, byte(bpm>>16), byte(bpm>>8), byte(bpm))
	b = binary.BigEndian.AppendUint16(b, m.Width)
	b = binary.BigEndian.AppendUint16(b, cmp.Or(over.Tracks, m.Tracks))
	b = binary.BigEndian.AppendUint32(b, megabytes)
	b = append(b, page.Padded(m.Organization, 8)...)
	b = append(b, page.Padded(cmp.Or(over.Name, m.DensityName), 8)...)
	return append(b, page.Padded(cmp.Or(over.Description, m.Description), 20)...)
}

// appendMediumType appends a medium type descriptor, SSC-4 7.9.4.
func (d *Drive) appendMediumType(b []byte, m *personality.Medium, kind string) []byte {
	b = append(b, d.model.MediumTypeOf(m.Name, kind), 0, 0, 52)
	b = append(b, 1, m.Density, 0, 0, 0, 0, 0, 0, 0, 0) // number of density codes, and nine of them
	b = binary.BigEndian.AppendUint16(b, m.Width)
	b = binary.BigEndian.AppendUint16(b, uint16(min(m.Length, 0xFFFF)))
	b = append(b, 0, 0)
	b = append(b, page.Padded(m.Organization, 8)...)
	name := m.Name
	if kind == personality.KindWORM {
		name += "W"
	}
	b = append(b, page.Padded(name, 8)...)
	return append(b, page.Padded(m.Title, 20)...)
}
