package ssc

import (
	"encoding/binary"
	"math"
	"slices"

	"govtl/libcart"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// The formats of attributes, SPC-4 table 406.
const (
	formatBinary = 0
	formatASCII  = 1
	formatText   = 2
)

// attribute is a cartridge memory attribute that a drive knows, SPC-4 7.4.
type attribute struct {
	id     uint16
	length int // of the value; 0: any up to most
	most   int
	format uint8

	// host attributes are written by WRITE ATTRIBUTE; they are there only
	// when they were written. minimum is the least length of one of any length.
	host    bool
	minimum int

	// once: what was written stays, over FORMAT MEDIUM too.
	once bool

	// least is the first LTO generation whose media have it; 0: all media.
	least uint8

	// perPartition attributes differ from partition to partition.
	perPartition bool

	// value computes a device or medium attribute; nil: it is stored.
	value func(v *memoryView) []byte
}

// memoryView is what the computed attributes are taken from.
type memoryView struct {
	d    *Drive
	m    *medium
	c    *libcart.Cartridge
	part uint8
}

func u8(v uint64) []byte  { return []byte{byte(v)} }
func u16(v uint64) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func u32(v uint64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func u64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// known is the medium model of the view, an empty one when none describes it.
func (v *memoryView) known() *personality.Medium {
	if v.m.model == nil {
		return &personality.Medium{}
	}
	return v.m.model
}

// attributes are the attributes in order of identifier, SPC-4 table 409 and the
// LTO vendors' own.
var attributes = []attribute{
	{id: 0x0000, length: 8, perPartition: true, value: func(v *memoryView) []byte { return u64(uint64(v.c.Capacity(v.part).Remaining) / mebi) }},
	{id: 0x0001, length: 8, perPartition: true, value: func(v *memoryView) []byte { return u64(uint64(v.c.Capacity(v.part).Max) / mebi) }},
	{id: 0x0002, length: 8, value: func(v *memoryView) []byte { return u64(reversed(v.d.alerts.Active())) }},
	{id: 0x0003, length: 8, value: func(v *memoryView) []byte { return u64(v.c.Counters().Loads) }},
	{id: 0x0004, length: 8, value: func(v *memoryView) []byte { return u64(uint64(v.left())) }},
	{id: 0x0005, length: 8, format: formatASCII, value: func(v *memoryView) []byte { return []byte(page.Padded(v.known().Organization, 8)) }},
	{id: 0x0006, length: 1, value: func(v *memoryView) []byte { return u8(uint64(v.m.info.Density)) }},
	{id: attrInitializations, length: 2, value: func(v *memoryView) []byte { return u16(0) }},
	{id: attrVolumeChangeReference, length: 4, value: func(v *memoryView) []byte { return u32(0) }},
	{id: 0x020A, length: 40, format: formatASCII},
	{id: 0x020B, length: 40, format: formatASCII},
	{id: 0x020C, length: 40, format: formatASCII},
	{id: 0x020D, length: 40, format: formatASCII},
	{id: 0x0220, length: 8, value: func(v *memoryView) []byte { return u64(v.c.Counters().LifetimeHostWritten / mebi) }},
	{id: 0x0221, length: 8, value: func(v *memoryView) []byte { return u64(v.c.Counters().LifetimeHostRead / mebi) }},
	{id: 0x0222, length: 8, value: func(v *memoryView) []byte { return u64(v.c.Counters().HostBytesWritten / mebi) }},
	{id: 0x0223, length: 8, value: func(v *memoryView) []byte { return u64(v.c.Counters().HostBytesRead / mebi) }},
	{id: 0x0224, length: 8, perPartition: true, value: func(*memoryView) []byte { return u64(math.MaxUint64) }},
	{id: 0x0225, length: 8, perPartition: true, value: func(*memoryView) []byte { return u64(math.MaxUint64) }},
	{id: 0x0400, length: 8, format: formatASCII, value: func(v *memoryView) []byte { return []byte(page.Padded("VTL", 8)) }},
	{id: 0x0401, length: 32, format: formatASCII, value: func(v *memoryView) []byte { return []byte(page.Padded(v.m.info.Serial, 32)) }},
	{id: 0x0402, length: 4, value: func(v *memoryView) []byte { return u32(uint64(v.known().Length)) }},
	{id: 0x0403, length: 4, value: func(v *memoryView) []byte { return u32(uint64(v.known().Width)) }},
	{id: 0x0404, length: 8, format: formatASCII, value: func(v *memoryView) []byte { return []byte(page.Padded(v.known().Organization, 8)) }},
	{id: 0x0405, length: 1, value: func(v *memoryView) []byte { return u8(uint64(v.m.info.Density)) }},
	{id: 0x0406, length: 8, format: formatASCII, value: func(v *memoryView) []byte { return []byte(v.m.info.Made.UTC().Format("20060102")) }},
	{id: 0x0407, length: 8, value: func(v *memoryView) []byte { return u64(uint64(v.room())) }},
	{id: 0x0408, length: 1, value: func(v *memoryView) []byte { return u8(mediumKind(v.m.info.Kind)) }},
	{id: 0x0409, length: 2, value: func(v *memoryView) []byte { return u16(v.cleanings()) }},
	{id: 0x0500, most: 9, value: func(v *memoryView) []byte { return v.densities() }},
	{id: 0x0800, length: 8, format: formatASCII, host: true},
	{id: 0x0801, length: 32, format: formatASCII, host: true},
	{id: 0x0802, length: 8, format: formatASCII, host: true},
	{id: 0x0803, length: 160, format: formatText, host: true},
	{id: 0x0804, length: 12, format: formatASCII, host: true},
	{id: 0x0805, length: 1, host: true},
	{id: attrBarcode, length: 32, format: formatASCII, host: true},
	{id: 0x0807, length: 80, format: formatText, host: true},
	{id: 0x0808, length: 160, format: formatText, host: true},
	{id: 0x0809, length: 16, format: formatASCII, host: true},
	{id: 0x080A, length: 1, host: true},
	{id: 0x080B, length: 16, format: formatASCII, host: true},
	{id: 0x080C, minimum: 23, most: 1023, host: true, perPartition: true},
	{id: 0x0820, length: 36, host: true},
	{id: 0x0821, length: 36, host: true},
	{id: 0x1000, length: 28, value: func(v *memoryView) []byte { return v.identity(28) }},
	{id: 0x1001, length: 24, value: func(v *memoryView) []byte { return v.identity(24) }},
	{id: attrUserIdentity, minimum: 1, most: 1024, host: true, once: true},
	{id: attrOptimizationNeeded, length: 1, host: true, least: 9, value: func(*memoryView) []byte { return u8(0) }},
	{id: 0x1011, length: 1, least: 9, value: func(*memoryView) []byte { return u8(1) }},
	{id: 0x1100, length: 8, value: func(v *memoryView) []byte { return u64(v.metres()) }},
}

// Attribute identifiers that the drive itself deals with.
const (
	attrInitializations    = 0x0007
	attrDeviceAtLoad       = 0x020A // and three before, to 020D
	attrBarcode            = 0x0806
	attrUserIdentity       = 0x1002
	attrOptimizationNeeded = 0x1010
	attrVendorFirst        = 0x1400 // host vendor specific
	attrVendorLast         = 0x17FF
)

// reversed has bit 63 for bit 0 and so on: flag 1 is the top bit.
func reversed(v uint64) (r uint64) {
	for range 64 {
		r, v = r<<1|v&1, v>>1
	}
	return r
}

// mediumKind is MEDIUM TYPE, attribute 0408h.
func mediumKind(k libcart.Kind) uint64 {
	if k == libcart.Null {
		return uint64(libcart.Data)
	}
	return uint64(k)
}

// room is the size of the cartridge memory for attributes in bytes, 0407h.
func (v *memoryView) room() int { return int(max(v.known().MAM, 1024)) }

// left is what of it is free: each host attribute takes 4 bytes beside its value.
func (v *memoryView) left() int {
	return max(0, v.room()-hostBytes(v.d.storedHost(v.c)))
}

// hostBytes is what attributes take of the cartridge memory.
func hostBytes(l map[memoryKey]libcart.Attribute) int {
	sum := 0
	for _, a := range l {
		sum += 4 + len(a.Value)
	}
	return sum
}

// cleanings is how many times the cleaning cartridge may still clean, 0409h.
func (v *memoryView) cleanings() uint64 {
	if v.m.info.Kind != libcart.Cleaning {
		return 0
	}
	return uint64(max(0, cleaningUses-int64(v.c.Counters().Loads)))
}

// cleaningUses is how many times a cleaning cartridge cleans.
const cleaningUses = 50

// identity is the unique cartridge identity: medium and serial number, cut or
// padded to n bytes.
func (v *memoryView) identity(n int) []byte {
	return []byte(page.Padded(v.m.info.Medium+" "+v.m.info.Serial, n))
}

// metres is how far the tape has moved: as far as its length for each capacity
// that was written or read.
func (v *memoryView) metres() uint64 {
	c, m := v.c.Counters(), v.known()
	if m.Capacity == 0 {
		return 0
	}
	return (c.LifetimeStoredWritten + c.StoredBytesRead) / mega * uint64(m.Length) / uint64(m.Capacity)
}

// noteDevice puts the drive at the head of the list of drives that had the
// cartridge, 020Ah to 020Dh.
func (d *Drive) noteDevice(c *libcart.Cartridge) {
	list := []libcart.Attribute{{
		ID: attrDeviceAtLoad, Format: formatASCII, ReadOnly: true,
		Value: []byte(page.Padded(d.model.Inquiry.Vendor, 8) + page.Padded(d.opt.Serial, 32)),
	}}
	for i := range uint16(3) {
		if a, err := c.Attribute(0, attrDeviceAtLoad+i); err == nil {
			a.ID++
			list = append(list, a)
		}
	}
	if err := c.SetAttributes(0, list); err != nil {
		d.log.Warn("the drive was not noted in the cartridge memory", "err", err)
	}
}

// findAttribute is the definition of an attribute; host vendor specific ones all
// have the same. ok is false for one that the drive does not know.
func (d *Drive) findAttribute(id uint16) (attribute, bool) {
	if id >= attrVendorFirst && id <= attrVendorLast {
		return attribute{id: id, most: math.MaxUint16, host: true}, true
	}
	for _, a := range attributes {
		if a.id == id {
			return a, d.hasAttribute(&a)
		}
	}
	return attribute{}, false
}

// hasAttribute reports whether the drive and the medium in it have an attribute.
func (d *Drive) hasAttribute(a *attribute) bool {
	return d.model.HasAttribute(a.id) && (a.least == 0 || d.in.model != nil && d.in.model.Generation >= a.least)
}

// densities are the density codes that the medium can have, in order.
func (v *memoryView) densities() []byte {
	b := []byte{1, v.m.info.Density}
	if v.m.becomes != nil {
		b = append(b, v.m.becomes.Density)
		b[0]++
		slices.Sort(b[1:])
	}
	return b
}

// mayOptimize refuses a MEDIUM OPTIMIZATION NEEDED that asks for anything but the
// optimization of an empty medium with one partition.
func (d *Drive) mayOptimize(c *libcart.Cartridge, value []byte) bool {
	return len(value) == 1 && value[0] == 1 && c.Partitions() == 1 && c.Capacity(0).Used == 0
}
