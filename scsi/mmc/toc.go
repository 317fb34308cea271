package mmc

import (
	"encoding/binary"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// entry is one track as a table of contents tells it.
type entry struct {
	session int
	start   int64
}

// contents are the tracks of the closed sessions, and how many sessions that are.
func (d *Drive) contents() (list []entry, sessions int, leadOut int64) {
	form, _ := d.disc.Format()
	if d.kind.Recording == "rom" || !d.disc.Sequential() || form == libdisc.Pseudo {
		if d.disc.Readable() == 0 {
			return nil, 0, 0
		}
		return []entry{{1, 0}}, 1, d.disc.Readable()
	}
	sessions = d.disc.ClosedSessions()
	for _, t := range d.disc.Tracks() {
		if t.Session <= sessions {
			list = append(list, entry{t.Session, t.Start})
		}
	}
	return list, sessions, d.disc.Readable()
}

// control is ADR and CONTROL of a data track.
const control = 0x14

// readTOC is READ TOC/PMA/ATIP, MMC-6 6.26.
func (d *Drive) readTOC(t *scsi.Task) error {
	format := t.CDB[2] & 0x0F
	if format == 0 {
		format = t.CDB[9] >> 6
	}
	time := t.CDB[1]&0x02 != 0
	var b []byte
	var err error
	switch format {
	case 0:
		b, err = d.toc(t.CDB[6], time)
	case 1:
		b, err = d.sessionInfo(time)
	case 2:
		b, err = d.fullTOC(t.CDB[6])
	case 4:
		b, err = d.atip()
	default:
		err = scsi.InvalidFieldInCDBAt(2, 3)
	}
	if err != nil {
		return err
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}

// appendAddress appends an address, as a time when asked for.
func appendAddress(b []byte, lba int64, time bool) []byte {
	if !time {
		return binary.BigEndian.AppendUint32(b, uint32(lba))
	}
	m := msf(lba)
	return append(b, 0, m[0], m[1], m[2])
}

// toc is format 0000b. A track number that does not fit a byte is left out.
func (d *Drive) toc(from byte, time bool) ([]byte, error) {
	list, _, leadOut := d.contents()
	if len(list) == 0 || int(from) > len(list) && from != 0xAA {
		return nil, scsi.InvalidFieldInCDBAt(6, 7)
	}
	b := []byte{0, 0, 1, byte(min(len(list), 99))}
	for i, e := range list {
		if n := i + 1; n >= int(from) && n <= 99 {
			b = appendAddress(append(b, 0, control, byte(n), 0), e.start, time)
		}
	}
	return appendAddress(append(b, 0, control, 0xAA, 0), leadOut, time), nil
}

// sessionInfo is format 0001b.
func (d *Drive) sessionInfo(time bool) ([]byte, error) {
	list, sessions, _ := d.contents()
	for i, e := range list {
		if e.session == sessions {
			b := []byte{0, 0, 1, byte(min(sessions, 0xFF)), 0, control, byte(min(i+1, 0xFF)), 0}
			return appendAddress(b, e.start, time), nil
		}
	}
	return nil, scsi.InvalidFieldInCDBAt(2, 3)
}

// fullTOC is format 0010b: always times.
func (d *Drive) fullTOC(from byte) ([]byte, error) {
	list, sessions, _ := d.contents()
	if len(list) == 0 || sessions > 99 || len(list) > 99 {
		return nil, scsi.InvalidFieldInCDBAt(2, 3)
	}
	b := []byte{0, 0, 1, byte(sessions)}
	for s := max(1, int(from)); s <= sessions; s++ {
		var numbers []int
		for i, e := range list {
			if e.session == s {
				numbers = append(numbers, i+1)
			}
		}
		if len(numbers) == 0 {
			continue
		}
		end := d.disc.Readable()
		if d.disc.Sequential() && d.kind.Recording != "rom" {
			end = d.disc.SessionEnd(s)
		}
		add := func(point byte, m [3]byte) {
			b = append(b, byte(s), control, 0, point, 0, 0, 0, 0, m[0], m[1], m[2])
		}
		add(0xA0, [3]byte{byte(numbers[0])})
		add(0xA1, [3]byte{byte(numbers[len(numbers)-1])})
		add(0xA2, msf(end))
		for _, n := range numbers {
			add(byte(n), msf(list[n-1].start))
		}
	}
	return b, nil
}

// atip is format 0100b, what is pressed into a blank CD.
func (d *Drive) atip() ([]byte, error) {
	if d.kind.Class != personality.ClassCD || d.kind.Recording == "rom" {
		return nil, scsi.InvalidFieldInCDBAt(2, 3)
	}
	b := make([]byte, 28)
	b[4], b[6] = 0xD0, 0x80
	if d.kind.Rewritable {
		b[5], b[6] = 0x40, 0xC0
	}
	copy(b[8:], leadIn[:])
	m := msf(d.kind.Blocks)
	copy(b[12:], m[:])
	return b, nil
}
