package libcart

import (
	"fmt"
	"io"

	"govtl/libcart/internal/format"
)

// entry returns the index entry of an object of a partition: from memory, from
// the index file, or, when that is damaged there, from the data file.
func (c *Cartridge) entry(p *partition, object uint64) (e format.Entry, err error) {
	p.mu.Lock()
	objects := p.objects
	p.mu.Unlock()
	if object >= objects {
		return e, fmt.Errorf("%w: object %d", ErrEndOfData, object)
	}
	if p.entry(&e, object) {
		return e, nil
	}
	return c.relocate(p, object)
}

// entry finds the entry of an object that is there, in memory or in the index
// file, and returns false where that is damaged.
func (p *partition) entry(e *format.Entry, object uint64) bool {
	p.mu.Lock()
	indexed := p.indexed
	if object >= indexed {
		*e = p.pending[object-indexed]
		p.mu.Unlock()
		return true
	}
	p.mu.Unlock()
	if len(p.mended) > 0 {
		if m, ok := p.mended[object]; ok {
			*e = m
			return true
		}
	}
	return p.page.entry(p, e, object, indexed) == nil
}

// indexPage is a part of an index file that was read last.
type indexPage struct {
	first uint64
	n     int // entries in buf
	buf   [64 * format.EntrySize]byte
}

// entry decodes an entry of the index file. indexed entries are in the file.
func (g *indexPage) entry(p *partition, e *format.Entry, object, indexed uint64) error {
	const perPage = uint64(len(g.buf) / format.EntrySize)
	if object < g.first || object >= g.first+uint64(g.n) {
		g.n = 0
		g.first = object - object%perPage
		want := int(min(perPage, indexed-g.first))
		n, err := p.index.ReadAt(g.buf[:want*format.EntrySize], format.EntryOffset(g.first))
		if err != nil && err != io.EOF {
			return err
		}
		g.n = n / format.EntrySize
		if object >= g.first+uint64(g.n) {
			return fmt.Errorf("%w: %s is cut short", ErrDamaged, p.index.Name())
		}
	}
	return format.DecodeEntry(e, g.buf[int(object-g.first)*format.EntrySize:], object)
}

// relocate finds an object in the data file by following the records from the
// nearest one before it whose entry is good, and mends the index on the way. What
// cannot be found gets a lost entry.
func (c *Cartridge) relocate(p *partition, object uint64) (format.Entry, error) {
	limit := p.written()
	at := p.begin()
	for o := object; o > 0; o-- {
		var e format.Entry
		if p.entry(&e, o-1) && e.Kind != format.Lost {
			at = behind(o-1, &e)
			break
		}
	}
	var found []format.Entry
	first := at.object
	for at.object <= object {
		if len(found) >= 4096 {
			c.mendIndex(p, first, found)
			first, found = at.object, found[:0]
		}
		var r format.Record
		if p.header(&r, at.offset) == nil && at.follows(&r) {
			e := format.EntryOf(&r)
			found = append(found, e)
			at = behind(r.Object, &e)
			continue
		}
		next := format.Entry{Kind: format.Lost, Offset: limit, Filemarks: uint32(at.filemarks), Epoch: at.epoch}
		stop := object + 1
		p.gap.first, p.gap.end = at.object, p.objects
		if ok, err := p.resync(at, limit, &r); err == nil && ok {
			p.gap.end = r.Object
			next.Offset, stop = r.Offset, min(r.Object, stop)
		}
		if stop-at.object > maxLost {
			return next, nil // not worth so many entries
		}
		for o := at.object; o < stop; o++ {
			found = append(found, next)
		}
		at = place{object: stop, offset: next.Offset, filemarks: at.filemarks, epoch: at.epoch, loose: true}
	}
	c.mendIndex(p, first, found)
	return found[len(found)-1], nil
}

// mendIndex stores entries of objects from first on that were found by other
// means. It may fail: they will be found again. What the index file has no entries
// of yet gets none: they would say that it is durable.
func (c *Cartridge) mendIndex(p *partition, first uint64, list []format.Entry) {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	p.mu.Lock()
	list = list[:min(uint64(len(list)), p.indexed-min(p.indexed, first))]
	p.mu.Unlock()
	if len(list) == 0 {
		return
	}
	if c.opts.ReadOnly || c.queue.broken() {
		if len(p.mended)+len(list) > maxMended {
			clear(p.mended)
		}
		for i, e := range list {
			p.mended[first+uint64(i)] = e
		}
		return
	}
	b := make([]byte, len(list)*format.EntrySize)
	for i := range list {
		list[i].Put(b[i*format.EntrySize:], first+uint64(i))
	}
	if _, err := p.index.WriteAt(b, format.EntryOffset(first)); err != nil {
		c.log.Warn("index not mended", "cartridge", c.dir, "file", p.index.Name(), "error", err)
	}
	p.page.n = 0
}

// offsetOf returns where the record of an object begins, or would begin when it
// is the end of data.
func (c *Cartridge) offsetOf(p *partition, object uint64) (int64, error) {
	if object == 0 {
		return format.DataHeaderSize, nil
	}
	e, err := c.entry(p, object-1)
	return e.End(), err
}

// filemarksBefore counts the filemarks before an object or the end of data.
func (c *Cartridge) filemarksBefore(p *partition, object uint64) (uint64, error) {
	if object >= p.objects {
		return p.filemarks, nil
	}
	e, err := c.entry(p, object)
	return uint64(e.Filemarks), err
}

// behindFilemark returns the first object that has n filemarks before it: the
// place behind the n-th. There are so many.
func (c *Cartridge) behindFilemark(p *partition, n uint64) (uint64, error) {
	low, high := uint64(0), p.objects
	for low < high {
		mid := low + (high-low)/2
		f, err := c.filemarksBefore(p, mid)
		if err != nil {
			return 0, err
		}
		if f >= n {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}
