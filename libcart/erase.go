package libcart

import (
	"fmt"

	"govtl/libcart/internal/format"
)

// Erase makes the position the end of data, durably.
func (c *Cartridge) Erase() error {
	if err := c.beginAppend(); err != nil {
		return err
	}
	return c.Sync(noContext)
}

// Format erases everything and makes partitions of these sizes in bytes (none:
// one of the whole capacity), durably, and stands at the beginning of partition
// 0. A crash leaves either the old cartridge or the new one.
func (c *Cartridge) Format(sizes []int64) error {
	if err := c.mayWrite(); err != nil {
		return err
	}
	if len(sizes) == 0 {
		sizes = []int64{c.meta.Capacity}
	}
	if len(sizes) > int(c.meta.MaxPartitions) {
		return fmt.Errorf("%w: %d of them, the medium has at most %d", ErrPartition, len(sizes), c.meta.MaxPartitions)
	}
	sum := int64(0)
	for _, s := range sizes {
		if s < MinCapacity || s > c.meta.Capacity || sum > c.meta.Capacity-s {
			return fmt.Errorf("%w: sizes %v do not fit in %d bytes", ErrPartition, sizes, c.meta.Capacity)
		}
		sum += s
	}
	// What is in the drive buffer is to be erased too, and is not worth an error.
	c.ahead.stop()
	if c.started {
		if err := c.queue.drain(); err != nil {
			return c.refused(err)
		}
	}
	c.appending = false
	epoch, err := c.nextEpoch()
	if err != nil {
		return err
	}
	old := c.meta
	m := &c.meta
	m.State, m.FirstEpoch = format.Formatting, epoch
	m.Partitions = nil
	for i, s := range sizes {
		p := format.Partition{Size: s}
		if i < len(old.Partitions) {
			p.Attributes = old.Partitions[i].Attributes
		}
		m.Partitions = append(m.Partitions, p)
	}
	if err := c.storeOpenMeta(); err != nil {
		c.meta = old
		return err
	}
	c.keeper.forget()
	c.syncs.Wait()
	for _, p := range c.parts {
		if err := p.close(); err != nil {
			return c.fail(fmt.Errorf("%w: %w", ErrWrite, err))
		}
	}
	c.parts, c.writing = nil, nil
	c.pos = Position{}
	if err := c.reopenEmpty(); err != nil {
		_ = c.closeParts()
		c.parts = nil
		for i := range c.meta.Partitions {
			// Until it is opened anew it is empty and takes no writes.
			p := c.newPartition(uint8(i))
			p.data, p.index = missing{dataName(c.dir, p.number)}, missing{indexName(c.dir, p.number)}
			p.end, p.durable = format.DataHeaderSize, format.DataHeaderSize
			c.parts = append(c.parts, p)
		}
		return c.fail(fmt.Errorf("%w: %w", ErrWrite, err))
	}
	c.written = false
	return nil
}

// Become makes another medium of one on which nothing is: its density code, name
// and capacity in bytes change, durably, and it has one partition. A crash leaves
// either. It returns ErrReadOnly for a medium that holds something.
func (c *Cartridge) Become(density uint8, medium string, capacity int64) error {
	if err := c.mayWrite(); err != nil {
		return err
	}
	for i := range c.parts {
		if end, _, _ := c.projected(c.parts[i]); end > format.DataHeaderSize {
			return fmt.Errorf("%w: %s is not empty", ErrReadOnly, c.dir)
		}
	}
	old := c.meta
	c.meta.Density, c.meta.Medium, c.meta.Capacity = density, medium, capacity
	err := c.Format(nil)
	if err != nil && !c.queue.broken() {
		c.meta = old
	}
	return err
}

// reopenEmpty completes formatting and opens the new partitions.
func (c *Cartridge) reopenEmpty() error {
	if err := c.completeFormat(); err != nil {
		return err
	}
	for i := range c.meta.Partitions {
		p, err := c.openPartition(uint8(i))
		c.parts = append(c.parts, p)
		if err == nil {
			err = c.recoverPartition(p, true)
		}
		if err != nil {
			return err
		}
		p.epoch = 0
	}
	return nil
}

// completeFormat makes the files what a meta file in state Formatting says, and
// then the meta file one of an empty cartridge.
func (c *Cartridge) completeFormat() error {
	m := &c.meta
	for i := range m.Partitions {
		m.Partitions[i].End = format.DataHeaderSize
	}
	if c.opts.ReadOnly {
		return fmt.Errorf("%w: %s is being formatted", ErrInUse, c.dir)
	}
	for i := range m.Partitions {
		if err := writeEmpty(c.fs, c.dir, m, uint8(i)); err != nil {
			return err
		}
	}
	for i := len(m.Partitions); i < MaxPartitions; i++ {
		for _, name := range []string{dataName(c.dir, uint8(i)), indexName(c.dir, uint8(i))} {
			if _, err := c.fs.Stat(name); err != nil {
				continue
			}
			if err := c.fs.Remove(name); err != nil {
				return err
			}
		}
	}
	if err := c.fs.SyncDir(c.dir); err != nil {
		return err
	}
	m.State = format.Closed
	return c.storeMeta()
}
