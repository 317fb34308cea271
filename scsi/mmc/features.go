package mmc

import (
	"encoding/binary"
	"slices"

	"govtl/libdisc"
	"govtl/scsi"
	"govtl/scsi/personality"
)

// Profiles that behave in ways of their own, MMC-6 5.3.1.
const (
	profileDVDR      = 0x0011
	profileDVDRW     = 0x0014
	profileDVDPlusRW = 0x001A
	profileDVDPlusR  = 0x001B
)

// profile is the current profile: 0 without a medium.
func (d *Drive) profile() uint16 {
	if d.disc == nil {
		return 0
	}
	if form, _ := d.disc.Format(); form == libdisc.Restricted || form == libdisc.Intermediate {
		return d.kind.Restricted
	}
	return d.kind.Profile
}

// profiles are all profiles of the drive, the highest first.
func (d *Drive) profiles() []uint16 {
	var all []uint16
	for _, k := range d.model.Media {
		all = append(all, k.Profile)
		if k.Restricted != 0 {
			all = append(all, k.Restricted)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	slices.Reverse(all)
	return all
}

// feature is one feature descriptor, MMC-6 5.3.
type feature struct {
	code       uint16
	version    uint8
	persistent bool

	// classes are those of which the drive has to take media; empty: any.
	classes []string

	// current says whether the medium in the drive has it; nil: always. The
	// profile is never 0.
	current func(d *Drive, profile uint16) bool

	data func(d *Drive) []byte
}

// is makes a test for profiles.
func is(profiles ...uint16) func(*Drive, uint16) bool {
	return func(_ *Drive, p uint16) bool { return slices.Contains(profiles, p) }
}

func raw(b ...byte) func(*Drive) []byte { return func(*Drive) []byte { return b } }

// randomAccess reports whether blocks are written in any order.
func randomAccess(_ *Drive, p uint16) bool {
	return p == 0x12 || p == 0x13 || p == profileDVDPlusRW || p == 0x43
}

func anyMedium(*Drive, uint16) bool { return true }

// features are what a recorder can, in ascending order. 0028h (MRW) is left out
// on purpose: Linux takes whatever follows it for it.
var features = []feature{
	{code: 0x0000, persistent: true, data: (*Drive).profileList},
	{code: 0x0001, version: 2, persistent: true, data: raw(0, 0, 0, 1, 0x01, 0, 0, 0)},
	{code: 0x0002, version: 1, persistent: true, data: raw(0x02, 0, 0, 0)},
	{code: 0x0003, version: 1, persistent: true, data: raw(0x39, 0, 0, 0)},
	{code: 0x0004, current: randomAccess, data: raw(0, 0, 0, 0)},
	{code: 0x0010, current: func(d *Drive, _ uint16) bool { return d.disc.Readable() > 0 || !d.disc.Blank() }, data: (*Drive).randomReadable},
	{code: 0x001D, persistent: true, classes: []string{personality.ClassCD}},
	{code: 0x001E, version: 2, classes: []string{personality.ClassCD}, current: is(0x08, 0x09, 0x0A), data: raw(3, 0, 0, 0)},
	{code: 0x001F, version: 1, classes: []string{personality.ClassDVD}, current: is(0x10, 0x11, 0x12, 0x13, 0x14, 0x1A, 0x1B, 0x2B), data: raw(0, 0, 0, 0)},
	{code: 0x0020, version: 1, current: randomAccess, data: (*Drive).randomWritable},
	{code: 0x0021, version: 3, current: func(d *Drive, p uint16) bool {
		return is(0x09, 0x0A, 0x11, 0x14, 0x1B, 0x2B, 0x41)(d, p) && !d.disc.Minimal()
	}, data: raw(0x01, 0x00, 0x01, 0x01, 0x10, 0, 0, 0)},
	{code: 0x0023, version: 1, current: func(d *Drive, p uint16) bool { return p == 0x0A || len(d.offers()) > 0 }, data: (*Drive).formattable},
	{code: 0x0024, current: func(d *Drive, p uint16) bool {
		form, _ := d.disc.Format()
		return p == 0x12 || p == 0x43 || form == libdisc.Spare || form == libdisc.Pseudo
	}, data: raw(0, 0, 0, 0)},
	{code: 0x0026, current: is(0x13)},
	{code: 0x002A, version: 1, classes: []string{personality.ClassDVD}, current: is(0x1A), data: raw(1, 0, 0, 0)},
	{code: 0x002B, version: 1, classes: []string{personality.ClassDVD}, current: is(0x1B, 0x2B), data: raw(1, 0, 0, 0)},
	{code: 0x002C, classes: []string{personality.ClassDVD}, current: is(0x13), data: raw(0x0B, 0, 0, 0)},
	{code: 0x002D, version: 2, classes: []string{personality.ClassCD}, current: is(0x09, 0x0A), data: raw(0x46, 0, 0x01, 0x00)},
	{code: 0x002E, version: 1, classes: []string{personality.ClassCD}, current: is(0x09, 0x0A), data: raw(0x66, 0, 0x09, 0x60)},
	{code: 0x002F, version: 1, classes: []string{personality.ClassDVD}, current: is(0x11, 0x13, 0x14), data: raw(0x46, 0, 0, 0)},
	{code: 0x0037, classes: []string{personality.ClassCD}, current: is(0x0A), data: raw(0, 0x07, 0, 0)},
	{code: 0x0038, classes: []string{personality.ClassBD}, current: func(d *Drive, _ uint16) bool {
		form, _ := d.disc.Format()
		return form == libdisc.Pseudo
	}, data: raw(0, 0, 0, 0)},
	{code: 0x0040, classes: []string{personality.ClassBD}, current: is(0x40, 0x41, 0x43), data: raw(make([]byte, 28)...)},
	{code: 0x0041, classes: []string{personality.ClassBD}, current: is(0x41, 0x43), data: raw(make([]byte, 28)...)},
	{code: 0x0100, persistent: true},
	{code: 0x0105, persistent: true, data: raw(0, 0, 0, 0)},
	{code: 0x0107, version: 4, current: anyMedium, data: raw(0x1F, 0, 0, 0)},
	{code: 0x0108, persistent: true, data: (*Drive).serial},
	{code: 0x010A, classes: []string{personality.ClassDVD}, current: is(0x1A, 0x1B, 0x2B), data: raw('F', 'D', 'C', 0, 'S', 'D', 'C', 0)},
}

func (d *Drive) profileList() []byte {
	var b []byte
	now := d.profile()
	for _, p := range d.profiles() {
		current := byte(0)
		if p == now {
			current = 1
		}
		b = append(b, byte(p>>8), byte(p), current, 0)
	}
	return b
}

// blocking is the ECC block of the medium, or of the drive's best one.
func (d *Drive) blocking() byte {
	if d.kind != nil {
		return byte(d.kind.Align)
	}
	return 16
}

func (d *Drive) randomReadable() []byte {
	return []byte{0, 0, libdisc.BlockSize >> 8, 0, 0, d.blocking(), 1, 0}
}

func (d *Drive) randomWritable() []byte {
	last := int64(0)
	if d.disc != nil {
		last = max(d.disc.Readable()-1, 0)
	}
	b := binary.BigEndian.AppendUint32(nil, uint32(last))
	return append(b, 0, 0, libdisc.BlockSize>>8, 0, 0, d.blocking(), 1, 0)
}

// formattable tells what FORMAT UNIT can with BD-RE: expand, no reassignment,
// quick and full certification.
func (d *Drive) formattable() []byte {
	b := make([]byte, 8)
	if d.kind != nil && d.kind.Class == personality.ClassBD && d.kind.Recording == "overwrite" {
		b[0] = 0x0F
	}
	return b
}

func (d *Drive) serial() []byte {
	b := []byte(d.opt.Serial)
	for len(b)%4 != 0 {
		b = append(b, ' ')
	}
	return b
}

// getConfiguration is GET CONFIGURATION, MMC-6 6.6.
func (d *Drive) getConfiguration(t *scsi.Task) error {
	kind, from := t.CDB[1]&3, uint16(be16(t.CDB[2:]))
	if kind == 3 {
		return scsi.InvalidFieldInCDBAt(1, 1)
	}
	profile := d.profile()
	b := make([]byte, 8, 512)
	binary.BigEndian.PutUint16(b[6:], profile)
	for i := range features {
		f := &features[i]
		if f.code < from || kind == 2 && f.code != from || !d.takes(f) {
			continue
		}
		current := f.persistent || profile != 0 && f.current != nil && f.current(d, profile)
		if kind == 1 && !current {
			continue
		}
		flags := f.version << 2
		if f.persistent {
			flags |= 0x02
		}
		if current {
			flags |= 0x01
		}
		var data []byte
		if f.data != nil {
			data = f.data(d)
		}
		b = append(b, byte(f.code>>8), byte(f.code), flags, byte(len(data)))
		b = append(b, data...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	t.Reply(b, be16(t.CDB[7:]))
	return nil
}

// takes reports whether the drive takes media that the feature is about.
func (d *Drive) takes(f *feature) bool {
	return len(f.classes) == 0 || slices.ContainsFunc(f.classes, d.model.Has)
}
