package libcart

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// What a cartridge is, its memory and its counters are in the meta file and, the
// same bytes, in its copy. Both are durable before anything relies on them, so one
// of them is enough; when both are whole, the meta file counts. A copy may be older
// than what the cartridge has become: a program that knows nothing of it leaves it
// as it is. So it is taken for what does not change behind its back only: where
// the data end is to be found in them, and when their header is of a later
// formatting, the partitions are those that it names.

// loadMeta reads the meta file; when it is lost, its copy; and when that is lost
// too, it makes one of a data file's header.
func (c *Cartridge) loadMeta() error {
	own, b, lost := c.readMeta(metaName(c.dir))
	if notLost(lost) {
		return lost
	}
	twin, t, noCopy := c.readMeta(copyName(c.dir))
	if lost == nil {
		c.meta = own
		if !bytes.Equal(b, t) {
			c.renewCopy(b, noCopy)
		}
		return nil
	}
	if notLost(noCopy) {
		return noCopy
	}
	h, unknown := c.anyDataHeader()
	switch {
	case errors.Is(unknown, ErrVersion):
		return unknown
	case noCopy == nil && unknown == nil && h.UUID != twin.UUID:
		noCopy = fmt.Errorf("it belongs to another cartridge, %q", twin.Barcode)
	}
	switch {
	case noCopy == nil:
		c.useCopy(twin, lost)
		if unknown == nil && h.FirstEpoch > twin.FirstEpoch {
			c.useLayout(&h)
		}
	case unknown == nil:
		c.recovery.MetaRebuilt = true
		c.note("the cartridge memory was lost (%v; its copy: %v): its attributes and counters are gone", lost, noCopy)
		c.meta = metaOf(&h)
	case errors.Is(unknown, fs.ErrNotExist) && errors.Is(lost, fs.ErrNotExist) && errors.Is(noCopy, fs.ErrNotExist):
		return fmt.Errorf("%s: no cartridge: %w", c.dir, fs.ErrNotExist)
	default:
		return fmt.Errorf("%w: %s: %w; %w; %w", ErrDamaged, metaName(c.dir), lost, noCopy, unknown)
	}
	c.secondhand = true
	return nil
}

// readMeta reads a meta file or its copy. A format that is too new is ErrVersion.
func (c *Cartridge) readMeta(name string) (m format.Meta, b []byte, err error) {
	if b, err = c.fs.ReadFile(name, format.MaxMeta); err != nil {
		return m, nil, err
	}
	m, err = format.DecodeMeta(b)
	if errors.Is(err, format.ErrVersion) {
		err = fmt.Errorf("%w: %s: %w", ErrVersion, name, err)
	}
	return m, b, err
}

// notLost says that a file that could not be read is there, for another program or
// at another time.
func notLost(err error) bool {
	for _, e := range []error{ErrVersion, fs.ErrPermission, unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// renewCopy makes b the copy of the meta file. The old one must not stay when it
// cannot: nobody knows of what time it is.
func (c *Cartridge) renewCopy(b []byte, damage error) {
	if damage != nil && !errors.Is(damage, fs.ErrNotExist) {
		c.note("the second copy of the cartridge memory was damaged (%v)", damage)
	}
	if c.opts.ReadOnly {
		return
	}
	name := copyName(c.dir)
	err := vfs.ReplaceFile(c.fs, name, b, 0o666)
	if err == nil {
		return
	}
	c.log.Warn("no second copy of the cartridge memory", "cartridge", c.dir, "error", err)
	if err := c.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.log.Warn("an old copy of the cartridge memory stays", "cartridge", c.dir, "error", err)
	}
}

// useCopy makes the copy the meta file, but for the ends of data, which it may not
// know any more.
func (c *Cartridge) useCopy(m format.Meta, lost error) {
	c.note("the cartridge memory was read from its second copy (%v)", lost)
	c.meta = m
	c.meta.NextEpoch = max(m.NextEpoch, m.NextEpoch+epochMargin)
	if m.State == format.Formatting && !c.recorded() {
		return // what has to be erased is complete, or is to be completed
	}
	c.setWritten()
}

// recorded says that formatting was over, because there is more in a data file than
// the header that formatting gave it.
func (c *Cartridge) recorded() bool {
	for i := range c.meta.Partitions {
		name := dataName(c.dir, uint8(i))
		h, err := c.readDataHeader(name)
		if err != nil || h != *dataHeader(&c.meta, uint8(i)) {
			continue
		}
		if st, err := c.fs.Stat(name); err == nil && st.Size() > format.DataHeaderSize {
			return true
		}
	}
	return false
}

// useLayout takes from a data file's header what formatting may have changed since
// the copy was written. Partitions keep their attributes.
func (c *Cartridge) useLayout(h *format.DataHeader) {
	c.note("it had been formatted since")
	old := c.meta
	c.meta = metaOf(h)
	c.meta.Flags, c.meta.Counters = old.Flags, old.Counters
	c.meta.NextEpoch = max(c.meta.NextEpoch, old.NextEpoch)
	for i := range min(len(c.meta.Partitions), len(old.Partitions)) {
		c.meta.Partitions[i].Attributes = old.Partitions[i].Attributes
	}
}

// anyDataHeader returns the header of the first data file that has a valid one;
// all of them tell about all partitions.
func (c *Cartridge) anyDataHeader() (h format.DataHeader, err error) {
	var first error
	for i := range uint8(format.MaxPartitions) {
		h, err = c.readDataHeader(dataName(c.dir, i))
		if err == nil || errors.Is(err, ErrVersion) {
			return h, err
		}
		if first == nil {
			first = err
		}
	}
	return h, first
}

// metaOf makes a meta file of what a data file's header has of it.
func metaOf(h *format.DataHeader) format.Meta {
	m := format.Meta{UUID: h.UUID, State: format.Written, Kind: h.Kind, Density: h.Density, FirstEpoch: h.FirstEpoch,
		NextEpoch: h.FirstEpoch, Created: h.Created, Made: h.Made, Capacity: h.Capacity, MaxPartitions: h.MaxPartitions,
		Barcode: h.Barcode, Medium: h.Medium, Serial: h.Serial}
	for _, s := range h.Sizes[:h.Partitions] {
		m.Partitions = append(m.Partitions, format.Partition{Size: s})
	}
	return m
}
