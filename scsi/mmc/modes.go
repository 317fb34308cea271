package mmc

import (
	"encoding/binary"

	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// Write types of mode page 05h, MMC-6 7.5.
const (
	writePacket = 0
	writeTAO    = 1
	writeSAO    = 2
)

// maxSpeeds is how many speed descriptors page 2Ah has room for. All pages of
// MODE SENSE(6) together stay below what Linux asks for, 128 bytes.
const maxSpeeds = 8

// modePages are the mode pages of every recorder, MMC-6 7.
func (d *Drive) modePages() []page.Mode {
	fill := func(code uint8, length int, name, clause string, fields ...page.Field) page.Mode {
		return page.Mode{Code: code, Length: length, Name: name, Clause: clause, Fields: fields}
	}
	any8 := func(at int, name string, v uint64) page.Field { return page.Uint8(at, name, v, page.Changeable) }
	return []page.Mode{
		fill(0x01, 0x0A, "Read/Write Error Recovery", "MMC-6 7.4", any8(2, "RECOVERY", 0xC0), any8(3, "READ RETRY COUNT", 0x20), any8(8, "WRITE RETRY COUNT", 0x20)),
		fill(0x05, 0x32, "Write Parameters", "MMC-6 7.5",
			page.Bits(2, 7, 4, "BUFE, LS_V, TEST WRITE", 0, page.Changeable),
			page.Bits(2, 3, 0, "WRITE TYPE", 0, page.Changeable).Between(0, 2),
			page.Bits(3, 7, 6, "MULTI-SESSION", 0, page.Changeable),
			page.Bits(3, 5, 0, "FP, COPY, TRACK MODE", 5, page.Changeable),
			any8(4, "DATA BLOCK TYPE", 8), any8(5, "LINK SIZE", 0), any8(6, "RESERVED", 0), any8(7, "HOST APPLICATION CODE", 0),
			any8(8, "SESSION FORMAT", 0), any8(9, "RESERVED 9", 0), page.Uint32(10, "PACKET SIZE", 16, page.Changeable),
			page.Uint16(14, "AUDIO PAUSE LENGTH", 150, page.Changeable),
			page.Bytes(16, "MEDIA CATALOG NUMBER AND ISRC", make([]byte, 36), page.Ignored)),
		fill(0x08, 0x0A, "Caching", "MMC-6 7.6", page.Bit(2, 2, "WCE", 1, page.Changeable), page.Bit(2, 0, "RCD", 0, page.Changeable)),
		fill(0x0E, 0x0E, "CD Audio Control", "MMC-6 7.7", any8(2, "IMMED", 4), any8(8, "PORT 0", 1), any8(9, "VOLUME 0", 0xFF), any8(10, "PORT 1", 2), any8(11, "VOLUME 1", 0xFF)),
		fill(0x1A, 0x0A, "Power Condition", "MMC-6 7.9"),
		fill(0x1D, 0x08, "Timeout and Protect", "MMC-6 7.10"),
		fill(0x2A, 0x1E+4*maxSpeeds, "MM Capabilities and Mechanical Status", "MMC-6 7.11",
			page.Field{Name: "CAPABILITIES", Byte: 2, Width: 8 * (0x1E + 4*maxSpeeds), Kind: page.Dynamic, Data: []byte{}}),
	}
}

// liveModePage fills in page 2Ah.
func (d *Drive) liveModePage(_ *scsi.Nexus, m *page.Mode, b page.Image) {
	if m.Code != 0x2A || len(b) < 2+0x1E+4*maxSpeeds {
		return
	}
	speeds := d.speeds()
	reads, writes := byte(0x07), byte(0)
	for _, k := range d.model.Media {
		switch {
		case k.Class == personality.ClassCD && k.Recording != "rom":
			writes |= 0x05 // CD-R, test write
			if k.Rewritable {
				writes |= 0x02
			}
		case k.Class == personality.ClassDVD:
			reads |= 0x38 // DVD-ROM, DVD-R, DVD-RAM
			if k.Recording == "sequential" {
				writes |= 0x10
			}
			if k.Preformat {
				writes |= 0x20
			}
		}
	}
	b[2], b[3], b[4], b[5], b[6], b[7] = reads, writes, 0xF1, 0x77, 0x29, 0x20
	if d.RemovalPrevented() {
		b[6] |= 0x02
	}
	put := func(at int, v uint16) { binary.BigEndian.PutUint16(b[at:], v) }
	put(8, speeds[0])
	put(12, d.model.Buffer)
	put(14, speeds[0])
	put(18, speeds[0])
	put(20, speeds[0])
	put(22, 1)
	put(28, speeds[0])
	put(30, uint16(len(speeds)))
	for i, s := range speeds {
		put(34+4*i, s)
	}
}

// speeds are the speeds for the medium in the drive in kB/s, descending.
func (d *Drive) speeds() []uint16 {
	class := d.model.Media[len(d.model.Media)-1].Class
	if d.kind != nil {
		class = d.kind.Class
	}
	return d.model.Speeds[class]
}

// writeType is WRITE TYPE of page 05h.
func (d *Drive) writeType() uint64 { return d.Modes().Get(nil, 0x05, 0, "WRITE TYPE") }

// nextSession reports whether page 05h allows another session behind this one.
func (d *Drive) nextSession() bool { return d.Modes().Get(nil, 0x05, 0, "MULTI-SESSION") == 3 }

// resetWriteParameters gives page 05h its default, as a new medium does.
func (d *Drive) resetWriteParameters() {
	d.Modes().Set(0x05, 0, "WRITE TYPE", writePacket)
	d.Modes().Set(0x05, 0, "MULTI-SESSION", 0)
}
