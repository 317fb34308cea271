package libcart

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

var noContext = context.Background()

func lockName(dir string) string { return filepath.Join(dir, "lock") }

// Open opens the cartridge in dir, recovers what a crash has left, and stands at
// the beginning of partition 0. It returns ErrInUse, ErrVersion or ErrDamaged;
// an error that is fs.ErrNotExist when there is none. On a long recording whose
// index is lost it takes long; Begin and Finish are for whoever cannot wait.
func Open(dir string, o Options) (*Cartridge, error) {
	g, err := Begin(dir, o)
	if err != nil {
		return nil, err
	}
	return g.Finish(noContext)
}

// Opening is a cartridge that is held, of which is known what it is, and whose
// recording has not been looked at. It ends with Finish, or with Close.
type Opening struct {
	c    *Cartridge
	work work
}

// Begin begins to open the cartridge in dir: what of Open is over at once. On a file
// system that is mounted read-only it is opened for reading, as one with the
// write-protect tab set.
func Begin(dir string, o Options) (_ *Opening, err error) {
	c := newCartridge(dir, o)
	defer func() {
		if err != nil {
			_ = c.closeFiles()
		}
	}()
	if !o.ReadOnly {
		err := c.takeLock()
		if errors.Is(err, unix.EROFS) {
			c.opts.ReadOnly, c.frozen = true, true
			c.note("the file system is mounted read-only: the cartridge is write-protected")
		} else if err != nil {
			return nil, err
		}
	}
	if err := c.loadMeta(); err != nil {
		return nil, err
	}
	if !c.opts.ReadOnly {
		c.tidy()
	}
	return &Opening{c: c}, nil
}

// Info returns what the cartridge is, by the cartridge memory alone.
func (g *Opening) Info() Info { return g.c.Info() }

// Progress returns how much of the work of Finish is done. It may be called by
// any goroutine; the work is 0 when there is little of it, or nothing is known yet.
func (g *Opening) Progress() (done, work int64) { return g.work.done.Load(), g.work.total.Load() }

// Close releases the cartridge of an Opening that is not to be finished.
func (g *Opening) Close() error { return g.c.closeFiles() }

// Finish does the rest of Open. When ctx ends first it stops, with an error that
// is its cause, and has released the cartridge, as after any other error.
func (g *Opening) Finish(ctx context.Context) (_ *Cartridge, err error) {
	c := g.c
	defer func() {
		if err != nil {
			_ = c.closeFiles()
		}
	}()
	g.work.ctx = ctx
	c.loadCounters()
	c.queue.null = c.Kind() == Null
	c.recovery.Clean = c.meta.State == format.Closed
	if c.meta.State == format.Formatting {
		c.note("formatting had begun and was completed")
		if err := c.completeFormat(); err != nil {
			return nil, err
		}
	}
	closed := c.meta.State == format.Closed
	for i := range c.meta.Partitions {
		p, err := c.openPartition(uint8(i))
		if p != nil {
			c.parts = append(c.parts, p)
		}
		if err != nil {
			return nil, err
		}
	}
	ends := make([]int64, len(c.parts)) // of the work for each
	var bulk int64
	for i, p := range c.parts {
		bulk += p.bulk()
		ends[i] = bulk
	}
	g.work.total.Store(bulk)
	for i, p := range c.parts {
		p.work = &g.work
		err := c.recoverPartition(p, closed)
		p.work = nil
		if err != nil {
			return nil, err
		}
		g.work.passed(ends[i] - g.work.base)
	}
	c.written = c.meta.State == format.Written
	if c.secondhand {
		for _, p := range c.parts {
			c.meta.NextEpoch = max(c.meta.NextEpoch, p.epoch+epochMargin)
		}
		if !c.opts.ReadOnly {
			if err := c.storeMeta(); err != nil {
				c.unwritable(err)
			}
		}
	}
	for _, p := range c.parts {
		p.epoch = 0 // each session has epochs of its own
	}
	c.counters.Loads++
	if c.recovery.Note != "" {
		c.log.Warn("cartridge recovered", "cartridge", c.dir, "what", c.recovery.Note)
	}
	return c, nil
}

// note adds a sentence to Recovery.Note.
func (c *Cartridge) note(format string, args ...any) {
	if c.recovery.Note != "" {
		c.recovery.Note += "; "
	}
	c.recovery.Note += fmt.Sprintf(format, args...)
}

// unwritable says that what Open repaired could not be made durable: the
// cartridge can be read, and takes no writes.
func (c *Cartridge) unwritable(err error) {
	c.note("it takes no writes: %v", err)
	c.queue.fail(fmt.Errorf("%w: %w", ErrWrite, err))
}

// takeLock makes this the only opening for writing and stores who it is.
func (c *Cartridge) takeLock() error {
	if _, err := c.fs.Stat(c.dir); err != nil {
		return err
	}
	f, err := c.fs.OpenFile(lockName(c.dir), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	if err := f.TryLock(); err != nil {
		defer f.Close()
		if !errors.Is(err, vfs.ErrLocked) {
			return err
		}
		var b [256]byte
		n, _ := f.ReadAt(b[:], 0)
		who := strings.TrimSpace(strings.Map(printable, strings.ToValidUTF8(string(b[:n]), "?")))
		if who == "" {
			who = "somebody who left no name"
		}
		return fmt.Errorf("%w: %s is open by %s", ErrInUse, c.dir, who)
	}
	c.lock = f
	// Only for people: that it cannot be stored changes nothing.
	if f.Truncate(0) == nil {
		holder := c.opts.Holder
		if holder == "" {
			holder = filepath.Base(os.Args[0])
		}
		_, _ = f.WriteAt(fmt.Appendf(nil, "%.200s (pid %d)\n", holder, os.Getpid()), 0)
	}
	return nil
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7F {
		return ' '
	}
	return r
}

func (c *Cartridge) readDataHeader(name string) (format.DataHeader, error) {
	f, err := c.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return format.DataHeader{}, err
	}
	defer f.Close()
	return decodeDataHeader(f)
}

func decodeDataHeader(f vfs.File) (format.DataHeader, error) {
	b := make([]byte, format.DataHeaderSize)
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return format.DataHeader{}, err
	}
	h, err := format.DecodeDataHeader(b)
	if errors.Is(err, format.ErrVersion) {
		err = fmt.Errorf("%w: %s: %w", ErrVersion, f.Name(), err)
	}
	return h, err
}

func (c *Cartridge) newPartition(n uint8) *partition {
	return &partition{number: n, capacity: c.meta.Partitions[n].Size, tag: tagOf(c.meta.UUID), first: c.meta.FirstEpoch,
		mended: make(map[uint64]format.Entry)}
}

// openPartition opens the files of a partition and checks or mends their
// headers. The partition may be returned with an error; it has to be closed.
func (c *Cartridge) openPartition(n uint8) (*partition, error) {
	p := c.newPartition(n)
	flag := os.O_RDWR | os.O_CREATE
	if c.opts.ReadOnly {
		flag = os.O_RDONLY
	}
	var err error
	if p.data, err = c.openFile(dataName(c.dir, n), flag); err != nil {
		return p, err
	}
	if err := c.lockData(p.data); err != nil {
		return p, err
	}
	if p.index, err = c.openFile(indexName(c.dir, n), flag); err != nil {
		return p, err
	}
	want := dataHeader(&c.meta, n)
	h, err := decodeDataHeader(p.data)
	switch {
	case err == nil && h.UUID != want.UUID:
		return p, fmt.Errorf("%w: %s belongs to another cartridge, %q", ErrDamaged, p.data.Name(), h.Barcode)
	case err == nil && h == *want:
		return p, nil
	case err == nil:
		err = errors.New("header differs from the cartridge memory")
	case errors.Is(err, ErrVersion):
		return p, err
	}
	c.note("%s: %v", p.data.Name(), err)
	c.recovery.Clean = false
	if c.opts.ReadOnly {
		return p, nil
	}
	if _, err = p.data.WriteAt(want.Append(nil), 0); err == nil {
		err = p.data.Sync()
	}
	if err != nil {
		c.unwritable(err)
	}
	return p, nil
}

// lockData locks a data file of a cartridge that is open for writing: should
// somebody remove the lock file, a second writer still finds this one.
func (c *Cartridge) lockData(f vfs.File) error {
	if c.opts.ReadOnly {
		return nil
	}
	err := f.TryLock()
	if errors.Is(err, vfs.ErrLocked) {
		err = fmt.Errorf("%w: %s is open by somebody else", ErrInUse, f.Name())
	}
	return err
}

// openFile opens a file; one that is missing is empty.
func (c *Cartridge) openFile(name string, flag int) (vfs.File, error) {
	f, err := c.fs.OpenFile(name, flag, 0o666)
	if errors.Is(err, fs.ErrNotExist) && c.opts.ReadOnly {
		return missing{name}, nil
	}
	return f, err
}

// missing is a file that is not there, opened for reading only.
type missing struct{ name string }

func (m missing) ReadAt([]byte, int64) (int, error)     { return 0, io.EOF }
func (m missing) ReadvAt([][]byte, int64) (int, error)  { return 0, io.EOF }
func (m missing) WriteAt([]byte, int64) (int, error)    { return 0, fs.ErrPermission }
func (m missing) WritevAt([][]byte, int64) (int, error) { return 0, fs.ErrPermission }
func (m missing) Close() error                          { return nil }
func (m missing) Name() string                          { return m.name }
func (m missing) Size() (int64, error)                  { return 0, nil }
func (m missing) Truncate(int64) error                  { return fs.ErrPermission }
func (m missing) Sync() error                           { return nil }
func (m missing) Flush(int64, int64) error              { return nil }
func (m missing) Await(int64, int64) error              { return nil }
func (m missing) Drop(int64, int64)                     {}
func (m missing) Prefetch(int64, int64)                 {}
func (m missing) Allocate(int64, int64) error           { return fs.ErrPermission }
func (m missing) TryLock() error                        { return nil }

// Hold keeps everybody else from opening the cartridge in dir for writing, as an
// open one does, until release is called. It looks at nothing but the lock.
func Hold(dir string, o Options) (release func() error, err error) {
	c := newCartridge(dir, o)
	if err := c.takeLock(); err != nil {
		return nil, err
	}
	return c.closeFiles, nil
}

// Files lists the files of the cartridge in dir, the one that tells its state
// first; the lock is none of them.
func Files(dir string, o Options) ([]string, error) {
	c := newCartridge(dir, o)
	names := []string{metaName(dir)}
	for p := range uint8(MaxPartitions) {
		names = append(names, dataName(dir, p), indexName(dir, p))
	}
	var out []string
	for _, name := range names {
		switch _, err := c.fs.Stat(name); {
		case err == nil:
			out = append(out, name)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no cartridge: %w", dir, fs.ErrNotExist)
	}
	return out, nil
}
