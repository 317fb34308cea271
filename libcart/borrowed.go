package libcart

import (
	"io"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// borrowed is an index of a cartridge that is open for reading only: what its file
// lacks is in a temporary one, so that a long tape without index takes no memory.
type borrowed struct {
	vfs.File
	from int64 // where the temporary file goes on
	rest vfs.File
}

// borrowIndex gives a partition a borrowed index, if it has none yet. It returns
// false when there is nowhere to put it: then the entries stay in memory.
func (c *Cartridge) borrowIndex(p *partition) bool {
	if _, ok := p.index.(borrowed); ok {
		return true
	}
	f, err := c.fs.Temporary()
	if err != nil {
		c.log.Debug("no temporary file for an index", "cartridge", c.dir, "error", err)
		return false
	}
	p.index = borrowed{File: p.index, from: format.EntryOffset(p.indexed), rest: f}
	return true
}

func (b borrowed) ReadAt(to []byte, off int64) (n int, err error) {
	if off < b.from {
		own := to[:min(int64(len(to)), b.from-off)]
		if n, err = b.File.ReadAt(own, off); err != nil || n == len(to) {
			return n, err
		}
	}
	m, err := b.rest.ReadAt(to[n:], off+int64(n)-b.from)
	return n + m, err
}

// WriteAt writes entries that the file lacks.
func (b borrowed) WriteAt(from []byte, off int64) (int, error) {
	if off < b.from {
		return 0, io.ErrShortWrite
	}
	return b.rest.WriteAt(from, off-b.from)
}

func (b borrowed) Close() error {
	err := b.rest.Close()
	if e := b.File.Close(); err == nil {
		err = e
	}
	return err
}
