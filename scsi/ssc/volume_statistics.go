package ssc

import (
	"strings"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// bindVolumeStatistics supplies log page 17h and its subpages: the loaded volume, or
// the one that was loaded last, and the two before that.
func (d *Drive) bindVolumeStatistics(l *page.Logs) {
	d.volume = d.volumeValues()
	for subpage := range mountsKept {
		for code := range d.volume {
			l.Bind(0x17, uint8(subpage), code, d.volumeValue(subpage, code))
		}
	}
}

// mountsKept is of how many mounts log page 17h tells, the last included.
const mountsKept = 3

// volumeValue is the value of a parameter for a mount: of the loaded volume while it
// is loaded, else as it was when it was unloaded. Mounts that were not are all zeros.
func (d *Drive) volumeValue(mount int, code uint16) page.Value {
	return func(dst []byte, p *page.Param, n *scsi.Nexus) []byte {
		if d.in.loaded() {
			if mount == 0 {
				return d.volume[code](dst, p, n)
			}
			return append(dst, d.pastVolume(mount-1, code, p)...)
		}
		return append(dst, d.pastVolume(mount, code, p)...)
	}
}

func (d *Drive) pastVolume(mount int, code uint16, p *page.Param) []byte {
	if v := d.volumes[mount]; v != nil {
		return v[code]
	}
	return make([]byte, p.Length)
}

// noteVolume keeps what log page 17h says of the volume that is about to be unloaded.
func (d *Drive) noteVolume() {
	l := page.FindLog(d.Logs().Pages(), 0x17, 0)
	if l == nil {
		return
	}
	values := map[uint16][]byte{}
	for i := range l.Params {
		p := &l.Params[i]
		if f := d.volume[p.Code]; f != nil {
			values[p.Code] = f(nil, p, nil)
		}
	}
	copy(d.volumes[1:], d.volumes[:])
	d.volumes[0] = values
}

// volumeValues are the values of log page 17h for the loaded volume.
func (d *Drive) volumeValues() map[uint16]page.Value {
	all := map[uint16]page.Value{}
	c := func(code uint16, f func() uint64) { all[code] = page.Counter(f) }
	text := func(code uint16, f func() string) { all[code] = page.Text(f) }
	since := func() uint64 { return uint64(max(0, d.opt.Now().Sub(d.mountedAt).Milliseconds())) }
	c(0x0000, func() uint64 { return 1 })
	c(0x0001, func() uint64 { return d.counters().Loads })
	c(0x0002, func() uint64 { return d.counters().LifetimeStoredWritten / dataSetBytes })
	c(0x0007, func() uint64 { return d.counters().LifetimeHostRead / dataSetBytes })
	c(0x0004, func() uint64 { return d.stats.writeErrors - d.mounted.writeErrors })
	c(0x0009, func() uint64 { return d.stats.readErrors - d.mounted.readErrors })
	c(0x000C, func() uint64 { return d.stats.writeErrors - d.mounted.writeErrors })
	c(0x000D, func() uint64 { return d.stats.readErrors - d.mounted.readErrors })
	// After compression; what was read in the volume's life is counted before.
	c(0x000E, func() uint64 { return roundedUp(d.counters().StoredBytesWritten) })
	c(0x000F, func() uint64 { return roundedUp(d.counters().StoredBytesRead) })
	c(0x0010, func() uint64 { return roundedUp(d.counters().LifetimeStoredWritten) })
	c(0x0011, func() uint64 { return roundedUp(d.counters().LifetimeHostRead) })
	c(0x0012, func() uint64 { n := d.counters(); return ratio(n.HostBytesWritten, n.StoredBytesWritten) })
	c(0x0013, func() uint64 { n := d.counters(); return ratio(n.HostBytesRead, n.StoredBytesRead) })
	c(0x0014, since)
	c(0x0015, since)
	c(0x0016, func() uint64 { return uint64(d.whole().Max) / mega })
	c(0x0017, func() uint64 { return uint64(d.whole().Used) / mega })
	c(0x0018, func() uint64 { return uint64(d.whole().Max) / mega })
	c(0x0019, func() uint64 { return 100 })
	text(0x0040, func() string { return d.in.info.Serial })
	text(0x0042, func() string { return d.in.barcode })
	text(0x0043, func() string { return d.model.Inquiry.Vendor })
	text(0x0045, func() string {
		if d.in.model == nil {
			return ""
		}
		if l := d.in.model.Suffixes[d.in.kind]; d.in.kind == personality.KindWORM && len(l) > 0 {
			// LTOL9G9 is a data cartridge, LTOLZG9 a WORM one.
			return strings.Replace(d.in.model.Personality, "LTO"+d.in.model.Suffixes[personality.KindData][0], "LTO"+l[0], 1)
		}
		return d.in.model.Personality
	})
	c(0x0080, func() uint64 { return uint64(flag(d.in.info.WriteProtected || d.in.readOnly, 1)) })
	c(0x0081, func() uint64 { return uint64(flag(d.in.kind == personality.KindWORM, 1)) })
	all[0x0200] = d.firstObjects(attrFirstEncrypted)
	all[0x0201] = d.firstObjects(attrFirstUnencrypted)
	all[0x0202] = d.perPartition(4, func(c libcart.Capacity) uint64 { return uint64(c.Max) / mega })
	all[0x0203] = d.perPartition(4, func(c libcart.Capacity) uint64 { return uint64(c.Used) / mega })
	all[0x0204] = d.perPartition(4, func(c libcart.Capacity) uint64 {
		return uint64(max(0, c.Remaining-c.EarlyWarning)) / mega
	})
	return all
}
