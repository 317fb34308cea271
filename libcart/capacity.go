package libcart

import (
	"errors"

	"govtl/libcart/internal/format"
)

func isNoRoom(err error) bool { return errors.Is(err, ErrNoRoom) }

// Capacity returns the room of a partition; zeros when there is no such one.
func (c *Cartridge) Capacity(part uint8) Capacity {
	if int(part) >= len(c.parts) {
		return Capacity{}
	}
	p := c.parts[part]
	end, _, _ := c.projected(p)
	k := Capacity{Max: p.capacity, Used: end - format.DataHeaderSize, EarlyWarning: c.earlyWarning(p)}
	k.Remaining = max(k.Max-k.Used, 0)
	return k
}

// earlyWarning is the room between the early warning point and the end of a
// partition.
func (c *Cartridge) earlyWarning(p *partition) int64 {
	w := c.opts.EarlyWarning
	if w <= 0 {
		w = min(max(p.capacity/50, 4<<20), 2<<30)
	}
	return min(w, p.capacity/4)
}

// Zone tells how near the position is to the end of its partition, or the file
// system to being full.
func (c *Cartridge) Zone() Zone {
	p := c.part()
	end, objects, _ := c.projected(p)
	atEnd := c.pos.Object >= objects
	if !atEnd {
		off, err := c.offsetOf(p, c.pos.Object)
		if err != nil {
			return ZoneFree
		}
		end = off
	}
	left := format.DataHeaderSize + p.capacity - end
	switch {
	case left <= filemarkRoom:
		return ZoneEnd
	case left <= c.earlyWarning(p):
		return ZoneEarlyWarning
	case atEnd && c.appending && c.opts.MinFree > 0 && p.room.short(c.fs, c.dir, end, c.opts.MinFree):
		return ZoneEarlyWarning
	}
	return ZoneFree
}

// ObjectAt returns the first object of a partition that begins at so many bytes of
// its recording or behind; the end of data when there is none. What is only in the
// drive buffer does not count.
func (c *Cartridge) ObjectAt(part uint8, offset int64) (uint64, error) {
	if int(part) >= len(c.parts) {
		return 0, ErrPartition
	}
	p := c.parts[part]
	low, high := uint64(0), p.objects
	for low < high {
		mid := low + (high-low)/2
		at, err := c.offsetOf(p, mid)
		if err != nil {
			return 0, err
		}
		if at-format.DataHeaderSize >= offset {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

// OffsetOf is the inverse: at which byte of its partition's recording an object begins.
// EOD begins where the recording ends; what is behind it fails with ErrEndOfData, a
// partition that is not there with ErrPartition. What is only in the drive buffer does
// not count.
func (c *Cartridge) OffsetOf(part uint8, object uint64) (int64, error) {
	if int(part) >= len(c.parts) {
		return 0, ErrPartition
	}
	p := c.parts[part]
	if object > p.objects {
		return 0, ErrEndOfData
	}
	at, err := c.offsetOf(p, object)
	return at - format.DataHeaderSize, err
}

// Before returns how many bytes of the partition the recording takes before the
// position, buffered blocks at their full length.
func (c *Cartridge) Before() int64 {
	p := c.part()
	end, objects, _ := c.projected(p)
	if c.pos.Object < objects {
		if off, err := c.offsetOf(p, c.pos.Object); err == nil {
			end = off
		}
	}
	return end - format.DataHeaderSize
}
