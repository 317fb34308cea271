package ssc

import (
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"govtl/libcart"
	"govtl/scsi"
)

// Recommended access order, IBM GA32-0928 4.6: the host lists segments of the
// recording that it wants to read, and the drive says in which order that takes the
// least time.

// The names of the two commands.
const (
	generateOrder = "GENERATE RECOMMENDED ACCESS ORDER"
	receiveOrder  = "RECEIVE RECOMMENDED ACCESS ORDER"
)

// PROCESS of GENERATE RECOMMENDED ACCESS ORDER.
const (
	processKeep = 1 // the order stays; only times are estimated
	processSort = 2
)

// UDS_TYPE: descriptors with or without where on the tape a segment is.
const (
	segmentsPlain    = 0
	segmentsGeometry = 1
)

// STATUS of the list, GA32-0928 5.2.24.1.2.
const orderValid = 1

// Lengths in bytes, and how many segments a list may have.
const (
	orderHeader    = 8
	segmentLength  = 32
	geometryLength = 10
	maxSegments    = 2730
)

// segment is a user data segment, GA32-0928 5.2.4.1.1.
type segment struct {
	name       [10]byte
	partition  uint8
	begin, end uint64 // logical objects, end included
}

// single reports whether it is a single object, as binding points are.
func (s segment) single() bool { return s.begin == s.end }

// unloaded reports whether it stands for the unloaded position at the end of a list.
func (s segment) unloaded() bool { return s.partition == 0 && s.begin == 0 && s.end == 0 }

// accessOrder is the list that RECEIVE RECOMMENDED ACCESS ORDER hands out.
type accessOrder struct {
	process byte
	valid   bool
	list    []byte // descriptors
}

// decodeSegments decodes the descriptors of a parameter list, which begin at its
// byte 8.
func decodeSegments(list []byte) ([]segment, error) {
	if len(list)/segmentLength > maxSegments {
		return nil, scsi.InvalidParameterAt(4, -1).Because("%d user data segments, at most %d", len(list)/segmentLength, maxSegments)
	}
	var all []segment
	for at := 0; at < len(list); at += segmentLength {
		b := list[at:]
		if len(b) < segmentLength || binary.BigEndian.Uint16(b) != segmentLength-2 {
			return nil, invalidSegment(at)
		}
		s := segment{partition: b[15], begin: binary.BigEndian.Uint64(b[16:]), end: binary.BigEndian.Uint64(b[24:])}
		copy(s.name[:], b[5:15])
		if s.end < s.begin {
			return nil, invalidSegment(at + 24)
		}
		all = append(all, s)
	}
	return all, nil
}

// invalidSegment is the refusal of a byte of the descriptors. What a field pointer
// cannot hold is told of the descriptors' length.
func invalidSegment(at int) *scsi.Sense {
	if at += orderHeader; at > math.MaxUint16 {
		at = 4
	}
	return scsi.InvalidParameterAt(at, -1)
}

// generateAccessOrder is GENERATE RECOMMENDED ACCESS ORDER, GA32-0928 5.2.4. What an
// earlier one made is gone as soon as the fields of this one are looked at.
func (d *Drive) generateAccessOrder(t *scsi.Task) error {
	d.order = accessOrder{}
	process, kind, length := t.CDB[2]&0x07, t.CDB[3]&0x07, binary.BigEndian.Uint32(t.CDB[6:])
	switch {
	case process != processKeep && process != processSort:
		return scsi.InvalidFieldInCDBAt(2, 2)
	case kind > segmentsGeometry:
		return scsi.InvalidFieldInCDBAt(3, 2)
	case length == 0:
		return nil
	case length < orderHeader:
		return scsi.InvalidFieldInCDBAt(6, -1)
	case length > orderHeader+(maxSegments+1)*segmentLength:
		return scsi.InvalidFieldInCDBAt(6, -1).Because("the parameter list is longer than that of %d user data segments", maxSegments)
	}
	list, err := t.DataOut(int(length))
	if err != nil || length == orderHeader {
		return err
	}
	additional := uint64(binary.BigEndian.Uint32(list[4:]))
	if additional > uint64(length-orderHeader) {
		return scsi.InvalidFieldInCDBAt(6, -1).Because("the parameter list length cuts user data segments off")
	}
	segments, err := decodeSegments(list[orderHeader:][:additional])
	if err != nil {
		return err
	}
	if err := d.flush(t); err != nil {
		return err
	}
	plan, err := d.plan(segments)
	if err != nil {
		return err
	}
	if process == processSort {
		plan.sort()
	}
	d.order = accessOrder{process: process, valid: true, list: plan.encode(kind == segmentsGeometry)}
	return nil
}

// receiveAccessOrder is RECEIVE RECOMMENDED ACCESS ORDER, GA32-0928 5.2.24.
func (d *Drive) receiveAccessOrder(t *scsi.Task) error {
	offset, allocation := binary.BigEndian.Uint32(t.CDB[2:]), int(min(binary.BigEndian.Uint32(t.CDB[6:]), 1<<20))
	if t.CDB[1]&0x80 != 0 { // UDS_LIMITS
		size := uint16(segmentLength)
		switch t.CDB[10] & 0x07 {
		case segmentsPlain:
		case segmentsGeometry:
			size += 2 * geometryLength
		default:
			return scsi.InvalidFieldInCDBAt(10, 2)
		}
		if offset != 0 {
			return scsi.InvalidFieldInCDBAt(2, -1)
		}
		t.Reply(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, maxSegments), size), allocation)
		return nil
	}
	if offset != 0 && (offset < orderHeader || offset%4 != 0) {
		return scsi.InvalidFieldInCDBAt(2, -1)
	}
	o := &d.order
	b := []byte{o.process, flag(o.valid, orderValid), 0, 0}
	b = binary.BigEndian.AppendUint32(b, uint32(len(o.list)))
	b = append(b, o.list...)
	t.Reply(b[min(int(offset), len(b)):], allocation)
	return nil
}

// stop is a segment with its places on the tape.
type stop struct {
	segment
	begins, ends place // ends: behind the last object
	unloads      bool
}

// plan is a list of segments on its way to a recommended order.
type plan struct {
	layout layout
	start  place // where the medium stands
	stops  []stop
}

// plan finds the segments on the tape. One that does not exist is refused.
func (d *Drive) plan(segments []segment) (*plan, error) {
	c := d.in.cart
	p := &plan{layout: d.layout()}
	here := c.Position()
	at, err := c.OffsetOf(here.Partition, here.Object)
	if err != nil {
		return nil, senseFor(err)
	}
	p.start = p.layout.at(here.Partition, at)
	for i, s := range segments {
		x := stop{segment: s, unloads: i == len(segments)-1 && s.unloaded()}
		if !x.unloads {
			if int(s.partition) >= c.Partitions() {
				return nil, invalidSegment(i*segmentLength + 15)
			}
			begin, err := c.OffsetOf(s.partition, s.begin)
			end := begin
			if err == nil && s.end < math.MaxUint64 {
				end, err = c.OffsetOf(s.partition, s.end+1)
			}
			if errors.Is(err, libcart.ErrEndOfData) || s.end == math.MaxUint64 {
				return nil, invalidSegment(i*segmentLength+24).Because("logical object %d of partition %d is not there", s.end, s.partition)
			}
			if err != nil {
				return nil, senseFor(err)
			}
			x.begins, x.ends = p.layout.at(s.partition, begin), p.layout.at(s.partition, end)
		}
		p.stops = append(p.stops, x)
	}
	return p, nil
}

// cost estimates the seconds from a place to a segment.
func (p *plan) cost(from place, to *stop) float64 {
	if to.unloads {
		return p.layout.unloadTime(from)
	}
	return p.layout.locateTime(from, to.begins)
}

// total estimates the seconds that all locates take.
func (p *plan) total(stops []stop) (seconds float64) {
	from := p.start
	for i := range stops {
		seconds += p.cost(from, &stops[i])
		from = stops[i].ends
	}
	return seconds
}

// sort takes the best of what is known: the order as it came, that of the logical
// objects, and always the nearest segment next. Binding points stay: a single object
// at the front; the unloaded position at the end, and a single object before it.
func (p *plan) sort() {
	first, last := 0, len(p.stops)
	if first < last && p.stops[first].single() && !p.stops[first].unloads {
		first++
	}
	if first < last && p.stops[last-1].unloads {
		last--
	}
	if first < last && p.stops[last-1].single() {
		last--
	}
	byObject := slices.Clone(p.stops)
	slices.SortStableFunc(byObject[first:last], func(a, b stop) int {
		if a.partition != b.partition {
			return cmp.Compare(a.partition, b.partition)
		}
		return cmp.Compare(a.begin, b.begin)
	})
	nearest := slices.Clone(p.stops)
	from := p.start
	if first > 0 {
		from = nearest[0].ends
	}
	for i := first; i < last; i++ {
		best, least := i, math.Inf(1)
		for k := i; k < last; k++ {
			if c := p.layout.locateTime(from, nearest[k].begins); c < least {
				best, least = k, c
			}
		}
		nearest[i], nearest[best] = nearest[best], nearest[i]
		from = nearest[i].ends
	}
	for _, other := range [][]stop{byObject, nearest} {
		if p.total(other) < p.total(p.stops) {
			p.stops = other
		}
	}
}

// encode makes the descriptors of the list, GA32-0928 5.2.24.1.3.
func (p *plan) encode(geometry bool) []byte {
	size := segmentLength
	if geometry {
		size += 2 * geometryLength
	}
	b := make([]byte, 0, size*len(p.stops))
	from := p.start
	for i := range p.stops {
		s := &p.stops[i]
		b = binary.BigEndian.AppendUint16(b, uint16(size-2))
		b = append(b, 0, 0, byte(min(math.Ceil(p.cost(from, s)), 0xFF)))
		b = append(append(b, s.name[:]...), s.partition)
		b = binary.BigEndian.AppendUint64(b, s.begin)
		b = binary.BigEndian.AppendUint64(b, s.end)
		if geometry {
			b = appendGeometry(b, 0x00, s.begins)
			b = appendGeometry(b, 0x01, s.ends)
		}
		from = s.ends
	}
	return b
}

// appendGeometry appends an additional information descriptor, GA32-0928
// 5.2.24.1.3.1.
func appendGeometry(b []byte, kind byte, p place) []byte {
	b = append(b, 0, geometryLength-2, kind, flag(p.backward, 0x80)|p.band)
	b = binary.BigEndian.AppendUint32(b, uint32(p.rpos))
	return binary.BigEndian.AppendUint16(b, p.wrap)
}
