package mmc

import (
	"encoding/binary"
	"slices"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// blank is BLANK, MMC-6 6.2: all of the disc, or minimally.
func (d *Drive) blank(t *scsi.Task) error {
	if !d.kind.Rewritable || d.disc.ReadOnly() {
		return illegal(scsi.CannotFormatMediumIncompatible)
	}
	kind := t.CDB[1] & 7
	if kind > 1 {
		return scsi.InvalidFieldInCDBAt(1, 2)
	}
	return d.long(t, t.CDB[1]&0x10 != 0, scsi.OperationInProgressNotReady, d.opt.Durations.Blank, &d.totals.blanks, func() error {
		d.cue = nil
		err := d.disc.Erase(kind == 1)
		d.reclassify()
		return err
	})
}

// offers are the formats that the disc can be given now.
func (d *Drive) offers() []personality.DiscFormat {
	list := d.kind.Formats
	form, size := d.disc.Format()
	if d.kind.Class == personality.ClassBD && d.kind.Recording == "sequential" && (form != libdisc.Plain || !d.disc.Blank()) {
		return nil
	}
	if most := int64(2297888); (form == libdisc.Restricted || form == libdisc.Intermediate) && size < most {
		list = append(slices.Clone(list), personality.DiscFormat{Type: 0x13, Blocks: most - size, Parameter: 0x10})
	}
	return list
}

// readFormatCapacities is READ FORMAT CAPACITIES, MMC-6 6.24.
func (d *Drive) readFormatCapacities(t *scsi.Task) error {
	b := make([]byte, 4, 64)
	add := func(blocks int64, kind byte, parameter uint32) {
		b = binary.BigEndian.AppendUint32(b, uint32(blocks))
		b = append(b, kind, byte(parameter>>16), byte(parameter>>8), byte(parameter))
	}
	if d.disc == nil {
		add(d.model.Media[len(d.model.Media)-1].Blocks, 3, libdisc.BlockSize)
	} else {
		form, size := d.disc.Format()
		switch {
		case form == libdisc.Intermediate:
			add(size, 3, libdisc.BlockSize)
		case form != libdisc.Plain:
			add(size, 2, libdisc.BlockSize)
		case d.disc.Readable() > 0:
			add(d.disc.Readable(), 2, libdisc.BlockSize)
		case d.kind.Profile == profileDVDRW:
			add(d.kind.Bordered, 1, libdisc.BlockSize)
		default:
			add(d.disc.Capacity(), 1, libdisc.BlockSize)
		}
		for _, f := range d.offers() {
			add(f.Blocks, f.Type<<2, f.Parameter)
		}
	}
	b[3] = byte(len(b) - 4)
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}

// minSpare are the fewest blocks that a BD gives up for its spare areas.
const minSpare = 4096 * 32

// formatUnit is FORMAT UNIT, MMC-6 6.5: one format descriptor.
func (d *Drive) formatUnit(t *scsi.Task) error {
	if t.CDB[1]&0x17 != 0x11 {
		return scsi.InvalidFieldInCDBAt(1, 4)
	}
	if t.Out == nil || len(t.Out.B) < 12 {
		return illegal(scsi.ParameterListLengthError)
	}
	p, err := t.DataOut(12)
	if err != nil {
		return err
	}
	if be16(p[2:]) != 8 {
		return scsi.InvalidParameterAt(2, 7)
	}
	immed, blocks := p[1]&0x02 != 0, count32(p[4:])
	kind, sub := p[8]>>2, p[8]&3
	if d.disc.ReadOnly() {
		return senseFor(libdisc.ErrReadOnly)
	}
	offers := d.offers()
	if len(offers) == 0 {
		return illegal(scsi.CannotFormatMediumIncompatible)
	}
	if !slices.ContainsFunc(offers, func(f personality.DiscFormat) bool { return f.Type == kind }) {
		return scsi.InvalidParameterAt(8, 7)
	}
	offered := slices.ContainsFunc(offers, func(f personality.DiscFormat) bool { return f.Type == kind && f.Blocks == blocks })
	refused := scsi.InvalidParameterAt(4, 7)
	long := func(f libdisc.Form, n int64, erase bool) error {
		return d.long(t, immed, scsi.FormatInProgress, d.opt.Durations.Format, &d.totals.formats, func() error {
			err := d.disc.SetFormat(f, n, 0, erase)
			d.reclassify()
			return err
		})
	}
	switch kind {
	case 0x26:
		return d.formatBackground(p[11]&0x01 != 0)
	case 0x15:
		return long(libdisc.Intermediate, min(blocks/16*16, d.kind.Bordered), true)
	case 0x13:
		_, size := d.disc.Format()
		return senseFor(d.disc.SetFormat(libdisc.Intermediate, size, 0, false))
	case 0x30, 0x32:
		if !offered && (blocks == 0 || blocks > d.kind.Blocks-minSpare) {
			return refused
		}
	default:
		if !offered {
			return refused
		}
	}
	switch {
	case d.kind.Recording == "overwrite":
		return long(libdisc.Random, blocks, false)
	case d.kind.Class == personality.ClassDVD:
		return long(libdisc.Restricted, blocks, true)
	case sub == 0:
		return long(libdisc.Pseudo, blocks, false)
	}
	return long(libdisc.Spare, blocks, false)
}

// formatBackground formats a DVD+RW: it can be used at once.
func (d *Drive) formatBackground(restart bool) error {
	if form, _ := d.disc.Format(); form == libdisc.Random && restart {
		return senseFor(d.disc.SetBackground(2))
	}
	err := d.disc.SetFormat(libdisc.Random, d.kind.Blocks, 2, false)
	d.reclassify()
	d.mediaEvent(eventNewMedia)
	return senseFor(err)
}
