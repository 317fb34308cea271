package mhvtl

import "slices"

// key names a field of the cartridge memory: the identifier of a MAM attribute,
// or with the bit private that of a field of mhVTL's own.
type key uint32

const private key = 1 << 16

// Fields of the cartridge memory. Those without a name are MAM attributes whose
// identifiers SPC-4 7.4 lists.
const (
	keyRemaining    key = 0x0000
	keyCapacity     key = 0x0001
	keyLoads        key = 0x0003
	keyOrganization key = 0x0005
	keyFormatted    key = 0x0006 // formatted density code
	keyWritten      key = 0x0220 // bytes in the cartridge's life
	keyRead         key = 0x0221
	keyManufacturer key = 0x0400
	keySerial       key = 0x0401
	keyAssigning    key = 0x0404 // second organisation
	keyDensity      key = 0x0405
	keyMade         key = 0x0406
	keyKind         key = 0x0408
	keyInformation  key = 0x0409
	keyCoherency    key = 0x080C
	keyLock         key = 0x1623

	keyDirty         = private | 0x01
	keyFlags         = private | 0x02
	keyMaxPartitions = private | 0x03
	keyBits          = private | 0x06 // per mm
	keyTracks        = private | 0x07
	keyDensityName   = private | 0x08
	keyDescription   = private | 0x09
	keyCoherency1    = private | 0x0A // of partition 1; those of 2 and 3 behind it
	keySize0         = private | 0x0D // of partition 0; those of 1 to 3 behind it

	// keyNothing is room that has no meaning.
	keyNothing = private << 1
)

// member is a field of a memory that is one C structure: how long it is, and
// how many bytes its parts have (1 for text), which decides its alignment.
type member struct {
	key         key
	size, width int
}

func text(k key, size int) member   { return member{k, size, 1} }
func number(k key, size int) member { return member{k, size, size} }
func skip(size, width int) member   { return member{keyNothing, size, width} }

// layout is a structure: its members in order, and how far they are aligned: 1
// when it is packed, 8 as 64-bit compilers do, 4 as those of 32 bits.
type layout struct {
	members []member
	align   int
}

// fields cuts a structure into its fields. Fields beyond its end are left out.
func (l layout) fields(b []byte) map[key][]byte {
	all := map[key][]byte{}
	at := 0
	for _, m := range l.members {
		if a := min(m.width, l.align); a > 1 {
			at = (at + a - 1) / a * a
		}
		if m.key != keyNothing && at+m.size <= len(b) {
			all[m.key] = b[at : at+m.size]
		}
		at += m.size
	}
	return all
}

// head begins all structures.
func head() []member {
	return []member{skip(4, 4), skip(4, 4), // versions of the tape's and of the memory's format
		number(keyRemaining, 8), number(keyCapacity, 8), number(0x0002, 8), number(keyLoads, 8), number(0x0004, 8), text(keyOrganization, 8)}
}

// usage follows: which drives had it, and how much they wrote and read.
func usage() []member {
	return []member{number(0x0007, 2), text(0x020A, 40), text(0x020B, 40), text(0x020C, 40), text(0x020D, 40),
		number(keyWritten, 8), number(keyRead, 8), number(0x0222, 8), number(0x0223, 8),
		text(keyManufacturer, 8), text(keySerial, 32), number(0x0402, 4), number(0x0403, 4), text(keyAssigning, 8)}
}

// host is what backup software stores.
func host() []member {
	return []member{text(0x0800, 8), text(0x0801, 32), text(0x0802, 8), text(0x0803, 160), text(0x0804, 12), text(0x0805, 1),
		text(0x0806, 32), text(0x0807, 80), text(0x0808, 160)}
}

// medium is what REPORT DENSITY SUPPORT shows.
func medium() []member {
	return []member{number(keyBits, 4), number(keyTracks, 2), text(keyDensityName, 8), text(keyDescription, 32)}
}

// threeFiles is the structure of the last single files and of the three files,
// up to release 1.7. It was packed from 0.18-2 on.
func threeFiles(align int) layout {
	return layout{slices.Concat(head(), usage(),
		[]member{text(keyMade, 12), text(keyFormatted, 1), text(keyDensity, 1), text(keyKind, 1), skip(1, 1), number(0x0407, 8), number(keyInformation, 2)},
		host(), []member{text(keyDirty, 1), number(keyFlags, 2)}, medium(), []member{skip(2, 1), text(keyMaxPartitions, 1), skip(1, 1)}), align}
}

// oldSingleFile is the structure of releases 0.12 to 0.15: with the description
// of the medium since 0.15.
func oldSingleFile(described bool, align int) layout {
	l := layout{slices.Concat(head(), []member{text(keyFormatted, 1)}, usage(), []member{text(keyDensity, 1)}), align}
	if described {
		l.members = append(l.members, text(keyMade, 12))
	} else {
		l.members = append(l.members, text(keyMade, 8))
	}
	l.members = append(l.members, number(0x0407, 8), text(keyKind, 1), number(keyInformation, 2))
	l.members = append(l.members, host()...)
	if described {
		l.members = append(l.members, medium()...)
	}
	l.members = append(l.members, skip(256, 1), text(keyDirty, 1), number(keyFlags, 2))
	return l
}
