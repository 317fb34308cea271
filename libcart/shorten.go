package libcart

import (
	"fmt"
	"os"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// replaceFrom is how long a data file must be, in bytes, to be replaced by a new
// one when all of it is to go.
var replaceFrom int64 = 64 << 20

// newSuffix is behind the name of a file that is to replace the one of that name.
const newSuffix = ".new"

// disposeStep is how much of the old one goes at a time.
const disposeStep = 32 << 20

// shorten makes the data file of a partition end at an offset, durably. To give a
// long recording back to the file system takes long (seconds for a terabyte, and
// minutes where each freed block is discarded at once), which nobody is to wait
// for who writes over a tape from its beginning: the file is replaced, and the old
// one goes away behind.
func (c *Cartridge) shorten(p *partition, end int64) error {
	if end == format.DataHeaderSize && c.worthReplacing(p) {
		if replaced, err := c.replaceData(p); replaced || err != nil {
			return err
		}
	}
	if err := p.data.Truncate(end); err != nil {
		return err
	}
	return p.data.Sync()
}

// worthReplacing says that the data file is long, and that what follows has room
// beside it, without an early warning.
func (c *Cartridge) worthReplacing(p *partition) bool {
	if p.written() < replaceFrom {
		return false
	}
	free, err := c.fs.Free(c.dir)
	return err == nil && free >= 4*replaceFrom+2*max(c.opts.MinFree, 0)
}

// replaceData puts a data file without records in the place of that of a
// partition, durably. It returns false when there is no other file and the old one
// will have to do, and an error when nobody knows which of the two a crash leaves.
func (c *Cartridge) replaceData(p *partition) (bool, error) {
	name := dataName(c.dir, p.number)
	err := writeOnly(c.fs, name+newSuffix, dataHeader(&c.meta, p.number).Append(nil))
	if err == nil {
		err = c.fs.Rename(name+newSuffix, name)
	}
	if err != nil {
		_ = c.fs.Remove(name + newSuffix)
		return false, nil
	}
	f, err := c.fs.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	if err := c.lockData(f); err != nil {
		_ = f.Close()
		return false, err
	}
	old, size := p.data, p.written()
	p.data = f
	c.disposals.Go(func() {
		if err := c.dispose(old, size); err != nil {
			c.log.Warn("closing a recording that was written over", "file", name, "error", err)
		}
	})
	if err := c.fs.SyncDir(c.dir); err != nil {
		return false, fmt.Errorf("%s: %w", c.dir, err)
	}
	return true, nil
}

// dispose gives a file without a name back to the file system, piece by piece and
// with pauses: the disk has better to do, unless somebody waits for the room.
func (c *Cartridge) dispose(f vfs.File, size int64) error {
	for size -= disposeStep; size > 0 && !c.hurry.Load(); size -= disposeStep {
		begun := time.Now()
		if f.Truncate(size) != nil {
			break // closing does it too
		}
		time.Sleep(min(3*time.Since(begun), 100*time.Millisecond))
	}
	return f.Close()
}

// waitDisposed waits until what was written over is given back.
func (c *Cartridge) waitDisposed() {
	c.hurry.Store(true)
	c.disposals.Wait()
	c.hurry.Store(false)
}

// tidy removes what a crash has left of files that were to be replaced.
func (c *Cartridge) tidy() {
	names := []string{metaName(c.dir), copyName(c.dir)}
	for i := range c.meta.Partitions {
		names = append(names, dataName(c.dir, uint8(i)))
	}
	for _, name := range names {
		if _, err := c.fs.Stat(name + newSuffix); err == nil {
			_ = c.fs.Remove(name + newSuffix) // it is in nobody's way
		}
	}
}
