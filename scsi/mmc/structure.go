package mmc

import (
	"encoding/binary"
	"slices"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// structure is one format of READ DISC STRUCTURE, MMC-6 6.22.
type structure struct {
	format byte
	body   []byte
}

// structures are those of the medium in the drive, by format.
func (d *Drive) structures() []structure {
	if d.kind.Class == personality.ClassBD {
		return d.structuresBD()
	}
	p := d.profile()
	list := []structure{{0x00, d.physical()}, {0x01, make([]byte, 4)}}
	switch {
	case p == profileDVDR || p == profileDVDRW || p == 0x13:
		pre := make([]byte, 64)
		pre[0], pre[8], pre[16], pre[24] = 1, 2, 3, 4
		copy(pre[17:], "VTL   ")
		copy(pre[25:], "DISC  ")
		list = append(list, structure{0x0E, pre}, structure{0x10, d.physical()})
	case p == profileDVDPlusR || p == 0x2B || p == profileDVDPlusRW:
		list = append(list, structure{0x11, d.physical()[:256]})
	case p == 0x12:
		spare := make([]byte, 12)
		binary.BigEndian.PutUint32(spare, 12784)
		binary.BigEndian.PutUint32(spare[4:], 58368)
		binary.BigEndian.PutUint32(spare[8:], 58368)
		list = append(list, structure{0x0A, spare}, structure{0xC0, make([]byte, 4)})
	}
	return list
}

// physical is the physical format information of a DVD.
func (d *Drive) physical() []byte {
	b := make([]byte, 2048)
	start := uint32(0x030000)
	if d.profile() == 0x12 {
		start = 0x031000
	}
	b[0], b[1], b[2] = d.kind.Book, 0x02, 0x02
	binary.BigEndian.PutUint32(b[4:], start)
	blocks := d.kind.Blocks
	if d.kind.Recording == "rom" {
		blocks, b[2] = d.disc.Readable(), 0x01
	}
	binary.BigEndian.PutUint32(b[8:], start+uint32(max(blocks-1, 0)))
	if d.isPlus() {
		copy(b[19:], "VTL\x00\x00\x00\x00\x00")
		copy(b[27:], "001")
		b[30] = 1
	}
	return b
}

func (d *Drive) isPlus() bool {
	return slices.Contains([]uint16{profileDVDPlusR, 0x2B, profileDVDPlusRW}, d.kind.Profile)
}

func (d *Drive) structuresBD() []structure {
	b := make([]byte, 4096)
	copy(b, "DI\x01")
	copy(b[8:], d.kind.Identity)
	copy(b[100:], "VTL\x00\x00\x00")
	copy(b[106:], "001")
	b[111] = 1
	list := []structure{{0x00, b}}
	if form, size := d.disc.Format(); form != libdisc.Plain {
		spare := make([]byte, 12)
		all := uint32(d.kind.Blocks - size)
		binary.BigEndian.PutUint32(spare[4:], all)
		binary.BigEndian.PutUint32(spare[8:], all)
		list = append(list, structure{0x0A, spare})
	}
	return list
}

// readDiscStructure is READ DISC STRUCTURE, MMC-6 6.22. Format FFh lists the others.
func (d *Drive) readDiscStructure(t *scsi.Task) error {
	if d.kind.Class == personality.ClassCD {
		return illegal(scsi.IncompatibleFormat)
	}
	if bd := d.kind.Class == personality.ClassBD; (t.CDB[1]&0x0F == 1) != bd || t.CDB[1]&0x0F > 1 {
		return scsi.InvalidFieldInCDBAt(1, 3)
	}
	list := d.structures()
	b := make([]byte, 4, 4100)
	found := t.CDB[7] == 0xFF
	for _, s := range list {
		switch t.CDB[7] {
		case 0xFF:
			n := len(s.body) + 4
			b = append(b, s.format, 0x40, byte(n>>8), byte(n))
		case s.format:
			b = append(b, s.body...)
			found = true
		}
	}
	if !found {
		return scsi.InvalidFieldInCDBAt(7, 7)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	t.Reply(b, be16(t.CDB[8:]))
	return nil
}
