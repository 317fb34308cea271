package ssc

import (
	"fmt"

	"govtl/libcart"
	"govtl/scsi"
	"govtl/scsi/page"
	"govtl/scsi/personality"
)

// partitioning is what mode page 11h asks FORMAT MEDIUM to do.
type partitioning struct {
	fdp, sdp, idp bool
	count         int      // partitions
	unit          int64    // bytes of one unit of sizes
	exponent      byte     // PARTITION UNITS
	psum          byte     // PSUM
	sizes         []uint64 // in units; 0xFFFF is the rest
	bytes         []int64  // what FORMAT MEDIUM makes, rounded to steps
}

// step is the granularity of partition sizes on the loaded medium in bytes: the
// model's at native capacity, in proportion on a smaller cartridge.
func (m *medium) step() int64 {
	if m.model == nil || m.model.Step == 0 || m.model.Capacity == 0 {
		return 0
	}
	native := m.model.CapacityBytes()
	s := int64(float64(m.model.Step) * 1e6 * float64(m.info.Capacity) / float64(native))
	return max(s, 1<<20)
}

// maxPartitions is how many partitions the loaded medium may have in this drive.
func (d *Drive) maxPartitions() int {
	m := d.in
	if !m.loaded() || m.info.Kind != libcart.Data && m.info.Kind != libcart.Null || m.model == nil || !d.model.Has(personality.Partitions) {
		return 1
	}
	n := m.model.MaxPartitions()
	if p := page.FindMode(d.model.ModePageList(), 0x11, 0); p != nil {
		n = min(n, (p.Length-6)/2)
	}
	if m.info.MaxPartitions > 0 {
		n = min(n, m.info.MaxPartitions)
	}
	return n
}

// liveMediumPartition fills in mode page 11h: the partitions that are, or those
// that a MODE SELECT has asked for.
func (d *Drive) liveMediumPartition(put func(string, uint64)) {
	size := func(i int) string { return fmt.Sprintf("PARTITION SIZE %d", i) }
	for i := range 4 {
		put(size(i), 0)
	}
	if !d.in.loaded() {
		put("ADDITIONAL PARTITIONS DEFINED", 0)
		return
	}
	put("MAXIMUM ADDITIONAL PARTITIONS", uint64(d.maxPartitions()-1))
	if p := d.in.pending; p != nil {
		put("ADDITIONAL PARTITIONS DEFINED", uint64(p.count-1))
		put("FDP", uint64(flag(p.fdp, 1)))
		put("SDP", uint64(flag(p.sdp, 1)))
		put("IDP", uint64(flag(p.idp, 1)))
		put("PSUM", uint64(p.psum))
		put("PARTITION UNITS", uint64(p.exponent))
		put("PARTITIONING TYPE", 1)
		for i, b := range p.bytes {
			put(size(i), min(uint64((b+p.unit-1)/p.unit), 0xFFFE))
		}
		return
	}
	n := d.in.cart.Partitions()
	put("ADDITIONAL PARTITIONS DEFINED", uint64(n-1))
	put("FDP", 0)
	put("SDP", 0)
	put("IDP", 1)
	put("PSUM", 3)
	put("PARTITIONING TYPE", uint64(flag(n > 1, 1)))
	unit, exponent := int64(1_000_000_000), byte(9)
	for i := range n {
		for c := d.in.cart.Capacity(uint8(i)).Max; exponent > 0 && c < unit; {
			unit, exponent = unit/10, exponent-1 // a small cartridge shows its sizes in smaller units
		}
	}
	for i := range n {
		for c := d.in.cart.Capacity(uint8(i)).Max; c/unit > 0xFFFE; {
			unit, exponent = unit*10, exponent+1
		}
	}
	put("PARTITION UNITS", uint64(exponent))
	for i := range n {
		put(size(i), uint64(d.in.cart.Capacity(uint8(i)).Max/unit))
	}
}

// checkMediumPartition checks mode page 11h and works out the sizes.
func (d *Drive) checkMediumPartition(c *page.Change) error {
	if !d.in.loaded() {
		return nil // nothing to partition: the page says so
	}
	p, rounded, err := d.decodePartitioning(c)
	if err != nil {
		return err
	}
	d.proposed = p
	if rounded {
		return scsi.NewSense(scsi.RecoveredError, scsi.RoundedParameter)
	}
	return nil
}

// selectMediumPartition makes what was checked pending.
func (d *Drive) selectMediumPartition(*page.Change) {
	if d.in.loaded() {
		d.in.pending = d.proposed
	}
	d.proposed = nil
}

// decodePartitioning works out what the page asks for on the loaded medium.
func (d *Drive) decodePartitioning(c *page.Change) (p *partitioning, rounded bool, err error) {
	p = &partitioning{
		fdp: c.Get("FDP") == 1, sdp: c.Get("SDP") == 1, idp: c.Get("IDP") == 1,
		count: int(c.Get("ADDITIONAL PARTITIONS DEFINED")) + 1,
		psum:  byte(c.Get("PSUM")), exponent: byte(c.Get("PARTITION UNITS")),
	}
	if p.count > d.maxPartitions() {
		return nil, false, c.Refuse("ADDITIONAL PARTITIONS DEFINED")
	}
	switch p.psum {
	case 0:
		p.unit = 1
	case 1:
		p.unit = 1_000
	case 2:
		p.unit = 1_000_000
	case 3:
		p.unit = 1
		for range p.exponent {
			p.unit *= 10
		}
	}
	total, step := d.in.info.Capacity, d.in.step()
	switch {
	case p.fdp:
		p.count = min(2, d.maxPartitions())
		p.bytes = []int64{total}
		if p.count == 2 {
			p.bytes = []int64{step, total - step}
		}
	case p.sdp || !p.idp:
		for range p.count {
			p.bytes = append(p.bytes, total/int64(p.count))
		}
	default:
		if err := p.initiatorSizes(c, total, step, &rounded); err != nil {
			return nil, false, err
		}
	}
	return p, rounded, nil
}

// initiatorSizes works out the sizes that IDP gives: rounded down to a step, but
// at least one; FFFFh once is the rest.
func (p *partitioning) initiatorSizes(c *page.Change, total, step int64, rounded *bool) error {
	rest, sum := -1, int64(0)
	for i := range p.count {
		field := fmt.Sprintf("PARTITION SIZE %d", i)
		v := c.Get(field)
		switch {
		case p.count == 1:
			p.bytes = []int64{total}
			return nil
		case v == 0 || v == 0xFFFF && rest >= 0:
			return c.Refuse(field)
		case v == 0xFFFF:
			rest = i
			p.bytes = append(p.bytes, 0)
			continue
		}
		if p.unit > 1<<62/0x10000 {
			return c.Refuse(field)
		}
		want := int64(v) * p.unit
		size := want
		if last := p.count - 1; want > total-step && c.Get(fmt.Sprintf("PARTITION SIZE %d", last)) == 0xFFFF && i != last {
			// Programs ask for a gigabyte and the rest. A cartridge that is smaller
			// than real ones gets a share as small: one step, as they would get.
			size = step
		} else if want > total {
			return c.Refuse(field)
		}
		if step > 0 {
			size = max(size/step*step, step)
		}
		*rounded = *rounded || size != want
		p.bytes = append(p.bytes, size)
		sum += size
	}
	switch {
	case rest >= 0 && sum+step > total, sum > total:
		return c.Refuse("PARTITION SIZE 0")
	case rest >= 0:
		p.bytes[rest] = total - sum
	}
	return nil
}
