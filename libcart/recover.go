package libcart

import (
	"errors"
	"fmt"
	"io"

	"govtl/libcart/internal/format"
)

// maxLost is how many objects in a row may be lost from data and index at once;
// with more a cartridge is not loaded.
const maxLost = 1 << 20

// settleEntries is how many entries gather in memory before they are written.
const settleEntries = 4096

// recoverPartition finds the end of data and makes index and data agree. When
// the cartridge had been closed properly the meta file knows the end, and a look
// at the last index entry is enough. Otherwise, and when the index is damaged:
//
//  1. The longest beginning of the index is kept whose entries have valid
//     checksums and follow each other. What it covers was durable when it was
//     written. When it ends with a mark of a cut, records of an earlier epoch
//     behind it do not count.
//  2. From there the records are followed by their headers, and those behind a
//     damaged spot are searched. The highest durable watermark among them, or the
//     meta file's end of data, says how far the file was durable.
//  3. They are followed again: below the watermark what is damaged is lost, and
//     gets index entries that say so; from it on each payload is verified, and
//     the first record that is not whole is the end of data.
//  4. What is from the watermark to the end is written once more, and what lies
//     beyond is cut off; both are made durable. (The page cache may have what a
//     failed disk has not.)
func (c *Cartridge) recoverPartition(p *partition, closed bool) error {
	size, err := p.data.Size()
	if err != nil {
		return err
	}
	m := &c.meta.Partitions[p.number]
	known := int64(0)
	if closed {
		known = m.End
		if p.indexEnds(m) {
			p.objects, p.end, p.filemarks = m.Objects, m.End, m.Filemarks
			p.indexed, p.durable, p.durableObjects = m.Objects, m.End, m.Objects
			return c.cutTail(p, size)
		}
	}
	indexSize, err := p.index.Size()
	if err != nil {
		return err
	}
	most := uint64(1) << 62
	if closed {
		most = m.Objects
	}
	at, err := p.checkIndex(most)
	if err != nil {
		return err
	}
	p.work.passed(indexSize)
	p.indexed, p.objects, p.end, p.filemarks = at.object, at.object, at.offset, at.filemarks
	p.durable, p.durableObjects = at.offset, at.object
	known = max(known, at.offset)
	if !c.opts.ReadOnly {
		if err := c.trimIndex(p, at); err != nil {
			c.unwritable(err)
		}
	}
	if !closed {
		if known, err = p.watermark(at, known, size); err != nil {
			return err
		}
	}
	p.work.passed(size)
	if closed || at.object == 0 && !at.marked && size > format.DataHeaderSize {
		c.recovery.IndexRebuilt = true
		c.note("%s was rebuilt from object %d on", p.index.Name(), at.object)
		c.recovery.Clean = false
	}
	if err := c.follow(p, at, known, size, closed); err != nil {
		return err
	}
	p.work.passed(size)
	return c.cutTail(p, size)
}

// indexEnds says that the index has an entry for each object that the meta file
// knows of, by its size and its last entry.
func (p *partition) indexEnds(m *format.Partition) bool {
	if !p.indexHeaderValid() {
		return false
	}
	size, err := p.index.Size()
	if err != nil || size < format.EntryOffset(m.Objects) {
		return false
	}
	if m.Objects == 0 {
		return m.End == format.DataHeaderSize && m.Filemarks == 0
	}
	var e format.Entry
	if p.readEntry(&e, m.Objects-1) != nil {
		return false
	}
	return e.Kind == format.Lost || e.End() == m.End && e.FilemarksBehind() == m.Filemarks
}

func (p *partition) indexHeaderValid() bool {
	var b [format.IndexHeaderSize]byte
	if _, err := p.index.ReadAt(b[:], 0); err != nil {
		return false
	}
	h, err := format.DecodeIndexHeader(b[:])
	return err == nil && tagOf(h.UUID) == p.tag && h.Partition == p.number && h.FirstEpoch == p.first
}

// readEntry reads one entry of the index file.
func (p *partition) readEntry(e *format.Entry, object uint64) error {
	var b [format.EntrySize]byte
	if _, err := p.index.ReadAt(b[:], format.EntryOffset(object)); err != nil && err != io.EOF {
		return err
	}
	return format.DecodeEntry(e, b[:], object)
}

// checkIndex returns the place behind the last index entry that can be trusted:
// each up to it has a valid checksum and follows the one before, and the last is
// what its record says. It looks at the first most entries.
func (p *partition) checkIndex(most uint64) (place, error) {
	at := p.begin()
	if !p.indexHeaderValid() {
		return at, nil
	}
	size, err := p.index.Size()
	if err != nil {
		return at, err
	}
	b := make([]byte, min(1<<20, max(size, format.EntrySize)/format.EntrySize*format.EntrySize))
	var last format.Entry
	for {
		if err := p.work.to(format.EntryOffset(at.object)); err != nil {
			return at, err
		}
		n, err := p.index.ReadAt(b, format.EntryOffset(at.object))
		if err != nil && err != io.EOF {
			break // an unreadable index is a damaged one
		}
		i := 0
		for ; i+format.EntrySize <= n && at.object < most; i += format.EntrySize {
			var e format.Entry
			if format.DecodeEntry(&e, b[i:], at.object) != nil || !at.entryFollows(&e) {
				break
			}
			if e.Kind == format.Cut {
				at.epoch, at.marked = e.Epoch, true
				break
			}
			last = e
			at = behind(at.object, &e)
		}
		if i+format.EntrySize <= n || n < len(b) {
			break
		}
	}
	if at.object == 0 || last.Kind == format.Lost {
		return at, nil
	}
	var r format.Record
	if p.header(&r, last.Offset) != nil {
		return at, nil // damaged since, or unreadable: the index is the witness
	}
	if r.Object != at.object-1 || format.EntryOf(&r) != last {
		return p.begin(), nil
	}
	return at, nil
}

// entryFollows says that an entry can be the next after the place. The entry of
// a lost object has the offset of the next record that is not lost.
func (at place) entryFollows(e *format.Entry) bool {
	switch {
	case e.Epoch < at.epoch:
		return false
	case e.Kind == format.Lost:
		return e.Offset >= at.offset && uint64(e.Filemarks) == at.filemarks
	}
	return e.Offset == at.offset && (uint64(e.Filemarks) == at.filemarks || at.loose && uint64(e.Filemarks) > at.filemarks)
}

// trimIndex cuts the index behind a place, and behind the mark of a cut that is
// there, and gives it a header.
func (c *Cartridge) trimIndex(p *partition, at place) error {
	h := format.IndexHeader{UUID: c.meta.UUID, Partition: p.number, FirstEpoch: p.first}
	end := format.EntryOffset(at.object)
	if at.marked { // until another entry takes its place: the data are not cut yet
		end += format.EntrySize
	}
	if err := p.index.Truncate(end); err != nil {
		return err
	}
	if _, err := p.index.WriteAt(h.Append(nil), 0); err != nil {
		return err
	}
	return p.index.Sync()
}

// watermark returns how far the data file was durable, as far as any record from
// a place on knows.
func (p *partition) watermark(at place, known, size int64) (int64, error) {
	var r format.Record
	for at.offset < size {
		if err := p.work.to(at.offset); err != nil {
			return known, err
		}
		if p.header(&r, at.offset) != nil || !at.follows(&r) {
			found, err := p.resync(at, size, &r)
			if err != nil || !found {
				return known, err
			}
		}
		known = max(known, r.Durable)
		e := format.EntryOf(&r)
		at = behind(r.Object, &e)
	}
	return known, nil
}

// follow notes the records from a place on, up to the end of data.
func (c *Cartridge) follow(p *partition, at place, known, size int64, closed bool) error {
	m := &c.meta.Partitions[p.number]
	var r format.Record
	for {
		if err := p.work.to(at.offset); err != nil {
			return err
		}
		if closed && at.offset >= known {
			break
		}
		err := p.header(&r, at.offset)
		if err == nil && !at.follows(&r) {
			err = errRecord
		}
		if err == nil && at.offset+r.Size() > max(size, known) {
			err = errRecord // cut short
		}
		if err == nil && at.offset >= known {
			err = p.verify(&r)
		}
		if err == nil {
			p.add(format.EntryOf(&r))
			at = place{object: r.Object + 1, offset: p.end, filemarks: p.filemarks, epoch: r.Epoch}
			c.settle(p, min(known, p.end), at.object)
			continue
		}
		if at.offset >= known {
			if errors.Is(err, errRecord) {
				break
			}
			// The disk cannot be read: better no cartridge than less of it.
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		found, err := p.resync(at, max(size, known), &r)
		if err != nil {
			return err
		}
		if !found {
			if m.Objects > at.object { // only the meta file's word is left for what was there
				err = c.lose(p, at, m.Objects, m.End, m.Filemarks)
			}
			if err != nil {
				return err
			}
			break
		}
		if err := c.lose(p, at, r.Object, r.Offset, r.Filemarks); err != nil {
			return err
		}
		at = place{object: r.Object, offset: r.Offset, filemarks: r.Filemarks, epoch: at.epoch}
	}
	p.epoch = at.epoch
	return nil
}

// settle moves what is known to be durable up and writes index entries as they
// gather.
func (c *Cartridge) settle(p *partition, durable int64, objects uint64) {
	if durable < p.end {
		return
	}
	p.durable, p.durableObjects = durable, objects
	if len(p.pending) >= settleEntries && (!c.opts.ReadOnly || c.borrowIndex(p)) {
		_ = p.writeEntries() // again later; the entries stay
	}
}

// lose gives the objects from a place on up to another, which are damaged, index
// entries that say so.
func (c *Cartridge) lose(p *partition, at place, object uint64, offset int64, filemarks uint64) error {
	if object-at.object > maxLost {
		return fmt.Errorf("%w: %s: index and data are lost, %d objects", ErrDamaged, p.data.Name(), object-at.object)
	}
	c.note("%s: objects %d to %d are damaged", p.data.Name(), at.object, object-1)
	c.recovery.Clean = false
	for o := at.object; o < object; o++ {
		p.add(format.Entry{Kind: format.Lost, Offset: offset, Filemarks: uint32(at.filemarks), Epoch: at.epoch})
		c.settle(p, offset, o+1)
	}
	p.filemarks = filemarks
	c.settle(p, offset, object)
	return nil
}

// cutTail removes what lies beyond the end of data and makes everything before it
// durable, before anything is served. What cannot be made durable leaves the
// cartridge readable.
func (c *Cartridge) cutTail(p *partition, size int64) error {
	if size < p.end {
		c.note("%s lacks its last %d bytes: what was there is lost", p.data.Name(), p.end-size)
		c.recovery.Clean = false
	}
	if size > p.end {
		c.recovery.CutBytes += size - p.end
		c.recovery.Clean = false
		c.note("%s: %d bytes beyond the end of data removed", p.data.Name(), size-p.end)
	}
	if c.opts.ReadOnly {
		return nil
	}
	if err := p.mend(size); err != nil {
		if given := p.work.givenUp(); given != nil {
			return given
		}
		c.unwritable(err)
		return nil
	}
	if err := p.writeEntries(); err != nil && !noRoom(err) {
		c.unwritable(err)
	}
	return nil
}

// mend makes the data file end at the end of data, durably.
func (p *partition) mend(size int64) error {
	again := p.durable < p.end
	if again {
		if err := p.rewrite(p.durable, p.end); err != nil {
			return err
		}
	}
	if size > p.end {
		if err := p.data.Truncate(p.end); err != nil {
			return err
		}
	}
	if again || size > p.end {
		if err := p.data.Sync(); err != nil {
			return err
		}
	}
	p.durable, p.durableObjects = p.end, p.objects
	return nil
}

// rewrite writes a part of the data file over itself.
func (p *partition) rewrite(from, to int64) error {
	b := make([]byte, min(1<<20, to-from))
	for from < to {
		if err := p.work.givenUp(); err != nil {
			return err
		}
		b = b[:min(int64(len(b)), to-from)]
		n, err := p.data.ReadAt(b, from)
		if n == 0 {
			return err
		}
		if _, err := p.data.WriteAt(b[:n], from); err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}
