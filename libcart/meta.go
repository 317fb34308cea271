package libcart

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

func metaName(dir string) string { return filepath.Join(dir, "meta") }

// copyName is the second copy of the meta file.
func copyName(dir string) string { return filepath.Join(dir, "meta.copy") }

// Places of the lifetime counters in the meta file; part of the format.
const (
	counterLoads = iota
	counterHostWritten
	counterHostRead
	counterStoredWritten
	counterRewinds
	counters
)

// epochStep is how many epochs are taken from the meta file at a time, so that
// one overwriting costs no new meta file.
const epochStep = 256

// epochMargin is how many epochs are left out when nobody knows which were used.
const epochMargin = 16 * epochStep

// infoOf makes an Info of a meta file.
func infoOf(dir string, m *format.Meta) Info {
	return Info{
		Spec: Spec{Barcode: m.Barcode, Density: m.Density, Medium: m.Medium, Kind: Kind(m.Kind), Capacity: m.Capacity,
			Serial: m.Serial, Made: time.Unix(m.Made, 0).UTC(), MaxPartitions: int(m.MaxPartitions)},
		Dir: dir, UUID: m.UUID, Partitions: len(m.Partitions), Created: time.Unix(m.Created, 0).UTC(),
		WriteProtected: m.Flags&format.WriteProtected != 0, Format: format.Version,
	}
}

// loadCounters takes the lifetime counters from the meta file.
func (c *Cartridge) loadCounters() {
	if n := len(c.meta.Counters); n < counters {
		c.meta.Counters = append(c.meta.Counters, make([]uint64, counters-n)...)
	}
	k := &c.counters
	k.Loads = c.meta.Counters[counterLoads]
	k.LifetimeHostWritten = c.meta.Counters[counterHostWritten]
	k.LifetimeHostRead = c.meta.Counters[counterHostRead]
	k.LifetimeStoredWritten = c.meta.Counters[counterStoredWritten]
	k.LifetimeRewinds = c.meta.Counters[counterRewinds]
}

// storeMeta replaces the meta file and its copy, durably. After an error the old
// ones may be there still, or the new ones.
func (c *Cartridge) storeMeta() error {
	k := c.Counters()
	m := &c.meta
	m.Counters[counterLoads] = k.Loads
	m.Counters[counterHostWritten] = k.LifetimeHostWritten
	m.Counters[counterHostRead] = k.LifetimeHostRead
	m.Counters[counterStoredWritten] = k.LifetimeStoredWritten
	m.Counters[counterRewinds] = k.LifetimeRewinds
	b := m.Append(nil)
	if len(b) > format.MaxMeta {
		return fmt.Errorf("%w: more than a cartridge memory holds", ErrAttribute)
	}
	err := vfs.ReplaceFiles(c.fs, b, 0o666, metaName(c.dir), copyName(c.dir))
	if noRoom(err) && c.overwriteMeta(b) {
		return nil
	}
	return err
}

// overwriteMeta writes the meta file's copy and then the meta file in place, where
// a full file system has no room for another one: so a tape can be written over on
// it, which makes room. One of them is whole at any time. It returns false when
// they do not hold it.
func (c *Cartridge) overwriteMeta(b []byte) bool {
	if _, whole, err := c.readMeta(metaName(c.dir)); err != nil || len(whole) < len(b) {
		return false
	}
	for _, name := range []string{copyName(c.dir), metaName(c.dir)} {
		f, err := c.fs.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			return false
		}
		if _, err = f.WriteAt(b, 0); err == nil {
			err = f.Truncate(int64(len(b)))
		}
		if err == nil {
			err = f.Sync()
		}
		if e := f.Close(); err == nil {
			err = e
		}
		if err != nil {
			return false
		}
	}
	return true
}

// storeOpenMeta is storeMeta while the cartridge is in use; a full file system is
// ErrNoRoom, any other error ends writing.
func (c *Cartridge) storeOpenMeta() error {
	err := c.storeMeta()
	switch {
	case err == nil || errors.Is(err, ErrAttribute):
		return err
	case noRoom(err):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return c.fail(fmt.Errorf("%w: %w", ErrWrite, err))
}

// markWritten makes the meta file say, durably, that the end of data is to be
// found in the data files. It is the first thing that a writer does.
func (c *Cartridge) markWritten() error {
	if c.written {
		return nil
	}
	old := c.meta
	c.meta.Partitions = append([]format.Partition(nil), old.Partitions...)
	c.setWritten()
	c.meta.NextEpoch += epochStep
	if err := c.storeOpenMeta(); err != nil {
		c.meta = old
		return err
	}
	c.epochs = epochStep
	c.written = true
	return nil
}

func (c *Cartridge) setWritten() {
	c.meta.State = format.Written
	for i := range c.meta.Partitions {
		p := &c.meta.Partitions[i]
		p.End, p.Objects, p.Filemarks = 0, 0, 0
	}
}

// nextEpoch returns an epoch that was never used.
func (c *Cartridge) nextEpoch() (uint32, error) {
	if c.epochs == 0 {
		c.meta.NextEpoch += epochStep
		if err := c.storeOpenMeta(); err != nil {
			c.meta.NextEpoch -= epochStep
			return 0, err
		}
		c.epochs = epochStep
	}
	e := c.meta.NextEpoch - c.epochs
	c.epochs--
	return e, nil
}

// SetWriteProtect sets the write-protect tab, durably. A protected cartridge
// returns ErrReadOnly to whatever would change its recording.
func (c *Cartridge) SetWriteProtect(on bool) error {
	if c.opts.ReadOnly || c.closed {
		return fmt.Errorf("%w: %s", ErrReadOnly, c.dir)
	}
	if err := c.failed(); err != nil {
		return err
	}
	if on == (c.meta.Flags&format.WriteProtected != 0) {
		return nil
	}
	if on && c.written {
		if err := c.Sync(noContext); err != nil {
			return err
		}
	}
	c.meta.Flags ^= format.WriteProtected
	err := c.storeOpenMeta()
	if err != nil {
		c.meta.Flags ^= format.WriteProtected
	}
	return err
}
