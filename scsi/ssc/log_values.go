package ssc

import (
	"encoding/binary"
	"math"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// dataSetBytes is the size of a data set, the unit in which an LTO drive writes to
// tape, in bytes.
const dataSetBytes = 2_472_960

const (
	mega = 1_000_000
	mebi = 1 << 20
)

// counters are those of the loaded medium, or of the last one.
func (d *Drive) counters() libcart.Counters {
	if d.in.loaded() {
		return d.in.cart.Counters()
	}
	return d.last
}

// capacity is the room of a partition; zeros without a medium.
func (d *Drive) capacity(part int) libcart.Capacity {
	if d.in.loaded() && part < d.in.cart.Partitions() {
		return d.in.cart.Capacity(uint8(part))
	}
	return libcart.Capacity{}
}

// whole is the room of all partitions together.
func (d *Drive) whole() (c libcart.Capacity) {
	if !d.in.loaded() {
		return c
	}
	for p := range d.in.cart.Partitions() {
		q := d.in.cart.Capacity(uint8(p))
		c.Max, c.Used, c.Remaining = c.Max+q.Max, c.Used+q.Used, c.Remaining+q.Remaining
	}
	return c
}

// ratio is a compression ratio x 100; 0 when nothing was moved.
func ratio(host, stored uint64) uint64 {
	if stored == 0 {
		return uint64(flag(host > 0, 100))
	}
	return host * 100 / stored
}

// roundedUp is a number of bytes in units of 10^6, a part of one counted as one.
func roundedUp(bytes uint64) uint64 { return (bytes + mega - 1) / mega }

// unlessLoaded is v with a medium, else all ones: unknown.
func (d *Drive) unlessLoaded(v func() uint64) func() uint64 {
	return func() uint64 {
		if !d.in.loaded() {
			return math.MaxUint64
		}
		return v()
	}
}

// bindLogs has the log pages supplied with live values. What a model leaves out
// is left out here too.
func (d *Drive) bindLogs(l *page.Logs) {
	l.BindTapeAlerts(&d.alerts)
	l.Reset = d.resetLog
	d.bindErrorCounters(l)
	d.bindSequentialAccess(l)
	d.bindDeviceStatus(l)
	d.bindDeviceStatistics(l)
	d.bindVolumeStatistics(l)
	d.bindCompression(l, 0x1B)
	d.bindCompression(l, 0x32)
	d.bindVendorLogs(l)
}

func (d *Drive) bindErrorCounters(l *page.Logs) {
	bytes := func(code uint8, f func() uint64) {
		l.Bind(code, 0, 0x0005, func(dst []byte, p *page.Param, n *scsi.Nexus) []byte {
			v := f()
			if p.Length == 6 { // in KiB
				v /= 1024
			}
			return page.Counter(func() uint64 { return v })(dst, p, n)
		})
	}
	bytes(0x02, func() uint64 { return d.counters().HostBytesWritten - d.zero[0x02].HostBytesWritten })
	bytes(0x03, func() uint64 { return d.counters().HostBytesRead - d.zero[0x03].HostBytesRead })
	l.BindCounter(0x02, 0, 0x0006, func() uint64 { return d.stats.writeErrors - d.zero[0x02].writeErrors })
	l.BindCounter(0x03, 0, 0x0006, func() uint64 { return d.stats.readErrors - d.zero[0x03].readErrors })
}

func (d *Drive) bindSequentialAccess(l *page.Logs) {
	l.BindCounter(0x0C, 0, 0x0000, func() uint64 { return d.counters().HostBytesWritten })
	l.BindCounter(0x0C, 0, 0x0001, func() uint64 { return d.counters().StoredBytesWritten })
	l.BindCounter(0x0C, 0, 0x0002, func() uint64 { return d.counters().StoredBytesRead })
	l.BindCounter(0x0C, 0, 0x0003, func() uint64 { return d.counters().HostBytesRead })
	here := func() libcart.Capacity { return d.capacity(int(d.in.cart.Position().Partition)) }
	l.BindCounter(0x0C, 0, 0x0004, d.unlessLoaded(func() uint64 { return uint64(here().Used) / mega }))
	l.BindCounter(0x0C, 0, 0x0005, d.unlessLoaded(func() uint64 { c := here(); return uint64(c.Max-c.EarlyWarning) / mega }))
	l.BindCounter(0x0C, 0, 0x0006, d.unlessLoaded(func() uint64 { return uint64(here().EarlyWarning) / mega }))
	l.BindCounter(0x0C, 0, 0x0007, d.unlessLoaded(func() uint64 { return uint64(d.in.cart.Before()) / mega }))
	l.BindCounter(0x0C, 0, 0x0008, d.unlessLoaded(func() uint64 { return d.bufferBound() / mega }))
	l.BindCounter(0x0C, 0, 0x0100, func() uint64 { return uint64(flag(d.alerts.Active()&(3<<(alertCleanNow-1)) != 0, 1)) })
	l.BindCounter(0x0C, 0, 0x8000, func() uint64 { return (d.processed() - d.cleanedAt) / mega })
	l.BindCounter(0x0C, 0, 0x8001, func() uint64 { return d.stats.loads })
	l.BindCounter(0x0C, 0, 0x8002, func() uint64 { return d.stats.cleanings })
	l.BindCounter(0x0C, 0, 0x8003, d.poweredOn)
}

// defaultBufferSize is the size of the drive buffer in bytes unless Options say.
const defaultBufferSize = 64 << 20

// bufferBound is how many bytes the drive buffer may hold.
func (d *Drive) bufferBound() uint64 {
	if d.opt.BufferSize > 0 {
		return uint64(d.opt.BufferSize)
	}
	return defaultBufferSize
}

// processed is how many bytes went to and came from all media since the drive
// started, after compression.
func (d *Drive) processed() uint64 {
	c := d.past
	if d.in.loaded() {
		c = add(c, d.in.cart.Counters())
	}
	return c.StoredBytesWritten + c.StoredBytesRead
}

// deviceStatus is the very high frequency data of log page 11h, ADC-3 6.1.2.2.
func (d *Drive) deviceStatus() [4]byte {
	var b [4]byte
	b[0] = 0x01 // DINIT
	if d.in != nil {
		b[0] |= 0x20 | flag(d.in.loaded() && (d.in.info.WriteProtected || d.in.readOnly), 0x08) // MACC, WRTP
		b[1] = 0x10                                                                             // MPRSNT
		switch moving := d.motion.refuses(d.opt.Now()) != nil; {
		case moving && (d.motion.activity == loading || d.motion.activity == unloading):
			b[1] |= 0x84 // INXTN, MSTD
		case d.in.loaded():
			b[1] |= 0x07 // MSTD, MTHRD, MOUNTED
		}
	}
	b[0] |= flag(d.RemovalPrevented(), 0x80) | flag(d.compress, 0x10)
	b[0] |= flag(d.alerts.Active()&(1<<(alertCleanNow-1)) != 0, 0x02) | flag(d.alerts.Active()&(1<<(alertCleanPeriodic-1)) != 0, 0x04)
	switch {
	case d.in != nil && d.in.info.Kind == libcart.Cleaning:
		b[2] = 0x01
	case d.motion.refuses(d.opt.Now()) != nil:
		b[2] = byte(d.motion.activity)
	}
	b[3] = flag(d.alerts.Active() != 0, 0x01) // TAFC
	return b
}

func (d *Drive) bindDeviceStatus(l *page.Logs) {
	l.Bind(0x11, 0, 0x0000, page.Opaque(func() []byte { b := d.deviceStatus(); return b[:] }))
	l.Bind(0x11, 0, 0x0004, page.Opaque(func() []byte {
		b := d.deviceStatus()
		return append(b[:], 0, flag(len(d.nexuses) > 0, 0x02), 0, 0)
	}))
	l.Bind(0x11, 0, 0x8000, page.Text(func() string { return d.State().Barcode }))
	l.Bind(0x11, 0, 0x8001, page.Opaque(func() []byte {
		if d.in == nil {
			return make([]byte, 4)
		}
		if d.in.info.Kind == libcart.Cleaning {
			return []byte{0x02, 0, 0, 0}
		}
		return []byte{cartridgeTypes[d.in.info.Density], 0x04, 0, 0}
	}))
}

// cartridgeTypes are the types of cartridge in log page 11h, parameter 8001h, by
// density code; 07h is unknown.
var cartridgeTypes = map[uint8]byte{
	0x40: 0x01, 0x42: 0x08, 0x44: 0x0A, 0x46: 0x0C, 0x58: 0x0D, 0x5A: 0x0F, 0x5C: 0x11, 0x5D: 0x11, 0x5E: 0x12, 0x60: 0x14,
}

func (d *Drive) bindDeviceStatistics(l *page.Logs) {
	hours := func() uint64 { return (d.poweredOn() + 3599) / 3600 }
	l.BindCounter(0x14, 0, 0x0000, func() uint64 { return d.stats.loads })
	l.BindCounter(0x14, 0, 0x0001, func() uint64 { return d.stats.cleanings })
	l.BindCounter(0x14, 0, 0x0002, hours)
	l.BindCounter(0x14, 0, 0x000C, func() uint64 { return d.stats.starts })
	l.BindCounter(0x14, 0, 0x000D, func() uint64 { return d.stats.loads - d.zero[0x14].loads })
	l.BindCounter(0x14, 0, 0x000E, func() uint64 { return d.stats.writeErrors - d.zero[0x14].writeErrors })
	l.BindCounter(0x14, 0, 0x000F, func() uint64 { return d.stats.readErrors - d.zero[0x14].readErrors })
	serial := page.Text(func() string { return rightJustified(d.opt.Serial, 12) })
	l.Bind(0x14, 0, 0x0040, serial)
	l.Bind(0x14, 0, 0x0041, serial)
	l.BindCounter(0x14, 0, 0x0080, func() uint64 { return uint64(flag(d.RemovalPrevented(), 1)) })
	l.Bind(0x14, 0, 0x1000, page.Opaque(d.motionHours))
}

// motionHours has a descriptor for each medium that the drive can use, IBM GA32-0928
// 6.4.12.3.2: its codes, and the hours of motion, which are not counted.
func (d *Drive) motionHours() []byte {
	var b []byte
	for _, m := range d.model.MediaByDensity() {
		kinds := []string{personality.KindData}
		if m.WORM && d.model.Has(personality.WORM) {
			kinds = append(kinds, personality.KindWORM)
		}
		for _, kind := range kinds {
			b = append(b, 0, 0, m.Density, d.model.MediumTypeOf(m.Name, kind), 0, 0, 0, 0)
		}
	}
	return b
}

func (d *Drive) bindCompression(l *page.Logs, code uint8) {
	moved := func() libcart.Counters { return less(d.counters(), d.zero[code].Counters) }
	l.BindCounter(code, 0, 0, func() uint64 { c := moved(); return ratio(c.HostBytesRead, c.StoredBytesRead) })
	l.BindCounter(code, 0, 1, func() uint64 { c := moved(); return ratio(c.HostBytesWritten, c.StoredBytesWritten) })
	for i, f := range []func() uint64{
		func() uint64 { return moved().HostBytesRead },
		func() uint64 { return moved().StoredBytesRead },
		func() uint64 { return moved().HostBytesWritten },
		func() uint64 { return moved().StoredBytesWritten },
	} {
		megabytes := func() uint64 { return (f() + mega/2) / mega }
		l.BindCounter(code, 0, uint16(2+2*i), megabytes)
		l.BindCounter(code, 0, uint16(3+2*i), func() uint64 { return uint64(uint32(int64(f()) - int64(megabytes())*mega)) })
	}
	l.BindCounter(code, 0, 0x100, func() uint64 { return uint64(flag(d.compress, 1)) })
}

func (d *Drive) bindVendorLogs(l *page.Logs) {
	sets := func(v uint64) uint64 { return v / dataSetBytes }
	l.BindCounter(0x30, 0, 1, func() uint64 { return d.counters().Loads })
	l.BindCounter(0x30, 0, 2, func() uint64 { return sets(d.counters().LifetimeStoredWritten) })
	l.BindCounter(0x30, 0, 7, func() uint64 { return sets(d.counters().LifetimeHostRead) })
	l.BindCounter(0x31, 0, 1, func() uint64 { return uint64(d.capacity(0).Remaining) / mebi })
	l.BindCounter(0x31, 0, 2, func() uint64 { return uint64(d.capacity(1).Remaining) / mebi })
	l.BindCounter(0x31, 0, 3, func() uint64 { return uint64(d.capacity(0).Max) / mebi })
	l.BindCounter(0x31, 0, 4, func() uint64 { return uint64(d.capacity(1).Max) / mebi })
	moved := func() libcart.Counters { return less(d.counters(), d.zero[0x38].Counters) }
	l.BindCounter(0x38, 0, 0, func() uint64 { return moved().BlocksWritten })
	l.BindCounter(0x38, 0, 1, func() uint64 { return moved().HostBytesWritten / 1024 })
	l.BindCounter(0x38, 0, 2, func() uint64 { return moved().BlocksRead })
	l.BindCounter(0x38, 0, 3, func() uint64 { return moved().HostBytesRead / 1024 })
	for _, first := range []uint16{4, 8} { // without and with retries, of which there are none
		l.BindCounter(0x38, 0, first, func() uint64 { return sets(moved().StoredBytesWritten) })
		l.BindCounter(0x38, 0, first+1, func() uint64 { return moved().StoredBytesWritten / 1024 })
		l.BindCounter(0x38, 0, first+2, func() uint64 { return sets(moved().StoredBytesRead) })
		l.BindCounter(0x38, 0, first+3, func() uint64 { return moved().StoredBytesRead / 1024 })
	}
	here := func() libcart.Capacity {
		if !d.in.loaded() {
			return libcart.Capacity{}
		}
		return d.capacity(int(d.in.cart.Position().Partition))
	}
	fraction := func(of, whole int64) uint64 {
		if whole <= 0 {
			return 0
		}
		return uint64(of * 255 / whole)
	}
	before := func() (here, volume int64) { // the position, within its partition and the volume
		if !d.in.loaded() {
			return 0, 0
		}
		here = d.in.cart.Before()
		for p := range d.in.cart.Position().Partition {
			volume += d.capacity(int(p)).Max
		}
		return here, volume + here
	}
	l.BindCounter(0x38, 0, 0xC, func() uint64 { return uint64(here().Max) / 1024 })
	l.BindCounter(0x38, 0, 0xD, func() uint64 { n, _ := before(); return fraction(n, here().Max) })
	l.BindCounter(0x38, 0, 0xE, func() uint64 { return uint64(d.whole().Max) / 1024 })
	l.BindCounter(0x38, 0, 0xF, func() uint64 { _, n := before(); return fraction(n, d.whole().Max) })
	l.BindCounter(0x38, 0, 0x10, d.unlessLoaded(func() uint64 { return uint64(d.whole().Remaining) / 1024 }))
	l.BindCounter(0x38, 0, 0x11, d.unlessLoaded(func() uint64 { return uint64(here().Remaining) / 1024 }))
	l.BindCounter(0x3D, 0, 0x20, func() uint64 { return d.stats.loads })
}

// perPartition is a parameter with a record for each partition: the bytes that
// follow, a reserved byte, the partition (2) and a value, SSC-4 8.2.6.
func (d *Drive) perPartition(size int, f func(libcart.Capacity) uint64) page.Value {
	return page.Opaque(func() []byte {
		if !d.in.loaded() {
			return nil
		}
		var b []byte
		for p := range d.in.cart.Partitions() {
			b = append(b, byte(3+size), 0, byte(p>>8), byte(p))
			var v [8]byte
			binary.BigEndian.PutUint64(v[:], f(d.in.cart.Capacity(uint8(p))))
			b = append(b, v[8-size:]...)
		}
		return b
	})
}

// tally is what is counted now.
func (d *Drive) tally() tally {
	return tally{Counters: d.counters(), loads: d.stats.loads, writeErrors: d.stats.writeErrors, readErrors: d.stats.readErrors}
}

// resetLog sets the counters of a log page back.
func (d *Drive) resetLog(l *page.Log, n *scsi.Nexus) {
	if l.Code == 0x2E {
		d.alerts.MarkRead(n)
		return
	}
	d.zero[l.Code] = d.tally()
}
