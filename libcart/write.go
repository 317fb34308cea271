package libcart

import (
	"fmt"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// MaxBlock is the longest block in bytes.
const MaxBlock = format.MaxBlock

// Write appends a block at the position, over whatever lay there and beyond. It
// takes b, also when it fails, and returns when b is in the drive buffer, which
// may mean to wait for room in it. It returns ErrNoRoom (the block is not on the
// tape), ErrWrite or ErrReadOnly.
func (c *Cartridge) Write(b *buffer.Buffer) (Zone, error) {
	n := len(b.B)
	if n > MaxBlock || c.queue.cipher != nil && n > maxSealed {
		b.Release()
		return ZoneFree, fmt.Errorf("%w: a block of %d bytes", ErrNoRoom, n)
	}
	if err := c.beginAppend(); err != nil {
		b.Release()
		return c.Zone(), err
	}
	size := recordRoom(n) + int64(c.queue.cipher.auxLength())
	if c.Kind() == Null {
		size = recordRoom(0)
	}
	if err := c.admit(size, 1, filemarkRoom); err != nil {
		b.Release()
		return c.Zone(), err
	}
	if err := c.queue.put(b, 0); err != nil {
		return c.Zone(), c.refused(err)
	}
	c.pos.Object++
	c.counters.BlocksWritten++
	c.counters.HostBytesWritten += uint64(n)
	c.counters.LifetimeHostWritten += uint64(n)
	return c.Zone(), nil
}

// WriteWouldWait says that the drive buffer has no room for n bytes now.
func (c *Cartridge) WriteWouldWait(n int) bool {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stopped() == nil && !q.fits(n)
}

// WriteFilemarks appends n filemarks at the position, over whatever lay there
// and beyond; all of them or none. They are durable after Sync. With n = 0
// nothing happens.
func (c *Cartridge) WriteFilemarks(n uint32) (Zone, error) {
	if n == 0 {
		return c.Zone(), c.failed()
	}
	if err := c.beginAppend(); err != nil {
		return c.Zone(), err
	}
	if c.pos.Filemarks+uint64(n) > format.MaxFilemarks {
		return c.Zone(), fmt.Errorf("%w: too many filemarks", ErrNoRoom)
	}
	if err := c.admit(int64(n)*recordRoom(0), uint64(n), 0); err != nil {
		return c.Zone(), err
	}
	for n > 0 { // very many go in parts, so that their index entries keep up
		part := min(n, syncRecords)
		if err := c.queue.put(nil, part); err != nil {
			return c.Zone(), c.refused(err)
		}
		n -= part
		c.pos.Object += uint64(part)
		c.pos.Filemarks += uint64(part)
		c.counters.FilemarksWritten += uint64(part)
		if n > 0 {
			if err := c.Sync(noContext); err != nil {
				return c.Zone(), err
			}
		}
	}
	return c.Zone(), nil
}

// Kind is the kind of the cartridge.
func (c *Cartridge) Kind() Kind { return Kind(c.meta.Kind) }

// refused turns what stopped the queue into what a command returns.
func (c *Cartridge) refused(err error) error {
	if c.queue.broken() {
		return c.failed()
	}
	return err
}

// mayWrite refuses where nothing may be written.
func (c *Cartridge) mayWrite() error {
	switch {
	case c.closed:
		return fmt.Errorf("%w: closed", ErrReadOnly)
	case c.opts.ReadOnly:
		return fmt.Errorf("%w: %s", ErrReadOnly, c.dir)
	case c.meta.Flags&format.WriteProtected != 0:
		return fmt.Errorf("%w: %s: write-protected", ErrReadOnly, c.dir)
	}
	return c.failed()
}

// beginAppend makes the position the end of data, durably, unless it is already.
func (c *Cartridge) beginAppend() error {
	if err := c.mayWrite(); err != nil {
		return err
	}
	if c.appending {
		return nil
	}
	c.ahead.stop()
	if err := c.markWritten(); err != nil {
		return err
	}
	p := c.part()
	if err := c.cutHere(p); err != nil {
		return err
	}
	c.start()
	c.keeper.follow(p, p.written())
	c.writing, c.appending = p, true
	return nil
}

// cutHere removes what lies beyond the position and begins a new epoch when
// there was something.
func (c *Cartridge) cutHere(p *partition) error {
	if c.pos.Object == p.objects && p.epoch != 0 {
		return nil // goes on where this session wrote before
	}
	epoch, err := c.nextEpoch()
	if err != nil {
		return err
	}
	if c.pos.Object < p.objects {
		end, err := c.offsetOf(p, c.pos.Object)
		if err != nil {
			return err
		}
		c.keeper.forget()
		changed, err := p.cut(c.pos.Object, end, c.pos.Filemarks, epoch, c.shorten)
		switch {
		case err != nil && noRoom(err) && !changed:
			return fmt.Errorf("%w: %w", ErrNoRoom, err)
		case err != nil:
			return c.fail(fmt.Errorf("%w: %w", ErrWrite, err))
		}
	}
	p.mu.Lock()
	p.epoch = epoch
	p.mu.Unlock()
	return nil
}

// admit makes sure that records that take at most size bytes have room: in the
// partition, on the file system, and for their index entries. keep bytes must
// stay free behind them.
func (c *Cartridge) admit(size int64, records uint64, keep int64) error {
	p := c.writing
	limit := format.DataHeaderSize + p.capacity
	if keep == 0 {
		limit += filemarkRoom
	}
	end, objects, undurable := c.projected(p)
	if end+size > limit && !c.queue.idle() {
		// What compression gains is not known yet. It will be when it is written.
		if err := c.queue.drain(); err != nil {
			return c.refused(err)
		}
		end, objects, undurable = c.projected(p)
	}
	if end+size > limit {
		return fmt.Errorf("%w: end of partition %d", ErrNoRoom, p.number)
	}
	if undurable > 4*syncRecords {
		if err := c.Sync(noContext); err != nil {
			return err
		}
	}
	if c.opts.MinFree > 0 && p.room.short(c.fs, c.dir, end+size, c.opts.MinFree) {
		c.waitDisposed() // so that nobody is warned of an end that is none
	}
	err := p.room.reserve(c.fs, c.dir, p, end+size+keep, format.EntryOffset(objects+records))
	if isNoRoom(err) { // there may be some when what was written over is gone
		c.waitDisposed()
		err = p.room.reserve(c.fs, c.dir, p, end+size+keep, format.EntryOffset(objects+records))
	}
	if err != nil && !isNoRoom(err) {
		return c.fail(err)
	}
	if err == nil && c.queue.stalled() {
		c.queue.retry()
		return c.refused(c.queue.drain())
	}
	return err
}

// projected is where the end of data will be at most when all that is in the
// drive buffer is written, how many objects there will be, and how many are not
// durable.
func (c *Cartridge) projected(p *partition) (end int64, objects, undurable uint64) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	slots, bytes := q.tail-q.head, q.bytes
	p.mu.Lock()
	defer p.mu.Unlock()
	end, objects, undurable = p.end, p.objects, p.objects-p.durableObjects
	if !c.appending || p != c.writing {
		return end, objects, undurable
	}
	if c.Kind() == Null {
		bytes = 0
	}
	marks := int64(c.pos.Object-objects) - int64(slots)
	return end + bytes + q.aux + int64(slots)*(format.RecordSize+format.Align) + max(marks, 0)*format.RecordSize, c.pos.Object, undurable
}
