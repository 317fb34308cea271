package mhvtl

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"

	"govtl/libcart"
)

// Sizes of the cartridge memory.
const (
	maxMemory      = 64 << 10 // more than any version writes
	memoryStruct   = 1024     // one C structure with its padding
	memoryOld12    = 1096     // release 0.12
	memoryOld15    = 1144     // release 0.15
	firstAttribute = 8        // offset in the file mam
)

// Kinds of media, MAM attribute 0408h as mhVTL uses it.
const (
	kindData  = 0x00
	kindWORM  = 0x01
	kindNull  = 0x02
	kindClean = 0x06
	kindT10   = 0x80 // WORM as T10 has it: a host made it so
)

// Memory is the cartridge memory: what a cartridge says of itself.
type Memory struct {
	Density     uint8  // density code of the medium
	DensityName string // such as "U-832"; empty in old versions
	Description string
	Assigned    string // organisation that assigned the density code
	Kind        uint8  // MAM 0408h as stored
	Capacity    int64  // bytes
	Serial      string
	Maker       string
	Made        time.Time // zero when it is not known

	Loads          uint64
	Written, Read  uint64 // bytes in its life
	Dirty          bool   // loaded, or not properly unloaded
	WriteProtected bool
	Encrypted      bool // formatted for encryption (3592)
	MaxPartitions  int  // 0 when it is not known
	PartitionSizes [4]int64
	Attributes     []libcart.Attribute // stored by hosts, of the volume
	Coherency      [4][]byte           // 080Ch of each partition; nil: none
	volumeLock     byte
	cleaningsLeft  int
}

// hostAttributes are the attributes that hosts store, with their formats, SPC-4
// 7.4.2.4: 1 is ASCII, 2 text, 0 binary.
var hostAttributes = []struct {
	id     uint16
	format uint8
}{{0x0800, 1}, {0x0801, 1}, {0x0802, 1}, {0x0803, 2}, {0x0804, 1}, {0x0805, 0}, {0x0806, 1}, {0x0807, 2}, {0x0808, 2}, {0x080B, 1}}

// decodeAttributes decodes a list of attributes: identifier, length, value. What
// is cut short at its end is left out, and said so.
func decodeAttributes(b []byte, space key, all map[key][]byte) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return fmt.Errorf("%w: %d bytes behind the last attribute", ErrDamaged, len(b))
		}
		id, n := key(le.Uint16(b)), int(le.Uint16(b[2:]))
		if b = b[4:]; n > len(b) {
			return fmt.Errorf("%w: attribute %04Xh of %d bytes is cut short", ErrDamaged, id, n)
		}
		if n > 0 {
			all[space|id] = b[:n]
		}
		b = b[n:]
	}
	return nil
}

// newMemory makes sense of the fields. They are as on the wire, but for the flags
// and the type information.
func newMemory(f map[key][]byte) *Memory {
	m := &Memory{
		Density: octet(f[keyDensity]), DensityName: printable(f[keyDensityName]), Description: printable(f[keyDescription]),
		Assigned: printable(f[keyOrganization]), Kind: octet(f[keyKind]), Capacity: bigEndian(f[keyCapacity]),
		Serial: printable(f[keySerial]), Maker: printable(f[keyManufacturer]), Made: made(f[keyMade]),
		Loads: uint64(bigEndian(f[keyLoads])), Written: uint64(bigEndian(f[keyWritten])), Read: uint64(bigEndian(f[keyRead])),
		Dirty: octet(f[keyDirty]) != 0, MaxPartitions: int(octet(f[keyMaxPartitions])), volumeLock: octet(f[keyLock]),
	}
	if m.Density == 0 {
		m.Density = octet(f[keyFormatted])
	}
	if m.Assigned == "" {
		m.Assigned = printable(f[keyAssigning])
	}
	if b := f[keyFlags]; len(b) >= 2 {
		flags := le.Uint16(b)
		m.Encrypted, m.WriteProtected = flags&1 != 0, flags&2 != 0
	}
	if b := f[keyInformation]; len(b) >= 2 && m.Kind == kindClean {
		m.cleaningsLeft = int(le.Uint16(b))
	}
	for i := range m.PartitionSizes {
		m.PartitionSizes[i] = bigEndian(f[keySize0+key(i)])
	}
	for i := range m.Coherency {
		k := keyCoherency
		if i > 0 {
			k = keyCoherency1 + key(i-1)
		}
		if b := f[k]; !blank(b) {
			m.Coherency[i] = bytes.Clone(b)
		}
	}
	for _, a := range hostAttributes {
		if b := f[key(a.id)]; !blank(b) {
			m.Attributes = append(m.Attributes, libcart.Attribute{ID: a.id, Format: a.format, Value: bytes.Clone(b)})
		}
	}
	return m
}

// blank says that an attribute was never written.
func blank(b []byte) bool { return len(bytes.Trim(b, " \x00")) == 0 }

// printable is a text without the padding, and without what is no text.
func printable(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b)))
}

func octet(b []byte) uint8 {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// bigEndian is a number of 8 bytes; one that no signed number holds counts as 0.
func bigEndian(b []byte) int64 {
	if len(b) < 8 {
		return 0
	}
	return max(int64(binary.BigEndian.Uint64(b)), 0)
}

// made is the date of manufacture: seconds since 1970 as text, or YYYYMMDD as
// the standard has it.
func made(b []byte) time.Time {
	s := printable(b)
	if len(s) == 8 {
		if t, err := time.Parse("20060102", s); err == nil {
			return t
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}
