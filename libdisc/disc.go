package libdisc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"govtl/internal/vfs"
)

// Options of Create and Open.
type Options struct {
	FS vfs.FS // nil: vfs.OS

	// Simple says what an image without a description is, by its size in bytes.
	// nil refuses such an image.
	Simple func(size int64) Medium

	// ReadOnly opens a disc to look at it: nothing of it changes, and it may be in
	// a drive.
	ReadOnly bool
}

// Disc is an open disc. It is for one goroutine at a time.
type Disc struct {
	fs    vfs.FS
	path  string
	image vfs.File
	sums  *blockSums
	opt   Options

	description
	described bool // NAME.disc is there
	dirty     bool // the description has changed since it was saved
	unsynced  bool // blocks were written since the image was synced
	locked    bool // the image may not be written

	// failed is why nothing of this disc is written any more until it is opened
	// again: a sync tells of a failure once, and what was written before it may
	// be lost.
	failed error
}

func (o Options) fs() vfs.FS {
	if o.FS == nil {
		return vfs.OS{}
	}
	return o.FS
}

// Create makes a blank disc. The error is fs.ErrExist when the image or its
// description is there already.
func Create(path string, m Medium, o Options) error {
	if err := m.Check(); err != nil {
		return fmt.Errorf("libdisc: %w", err)
	}
	if m.Recording == ROM {
		return fmt.Errorf("%w: a blank ROM is of no use", ErrMedium)
	}
	f := o.fs()
	if _, err := f.Stat(path + Suffix); err == nil {
		return fmt.Errorf("libdisc: %s: %w", path+Suffix, fs.ErrExist)
	}
	if _, err := f.Stat(path); err == nil {
		return fmt.Errorf("libdisc: %s: %w", path, fs.ErrExist)
	}
	if err := f.Remove(path + SumsSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a disc that is gone
		return err
	}
	image, err := f.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return err
	}
	d := &Disc{fs: f, path: path, image: image, opt: o, description: description{Medium: m}}
	err = errors.Join(image.Sync(), d.save(), image.Close())
	if err != nil {
		return errors.Join(err, f.Remove(path))
	}
	return nil
}

// Open opens a disc by the path of its image. A disc that can be written is
// locked against other drives (vfs.ErrLocked).
func Open(path string, o Options) (*Disc, error) {
	d := &Disc{fs: o.fs(), path: path, opt: o}
	file, err := d.fs.ReadFile(path+Suffix, maxDescription)
	switch {
	case err == nil:
		got, err := decode(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path+Suffix, err)
		}
		d.description, d.described = *got, true
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := d.openImage(); err != nil {
		return nil, err
	}
	if d.sums, err = d.openSums(); err != nil {
		return nil, errors.Join(err, d.image.Close())
	}
	if err := errors.Join(d.lasting(), d.settle()); err != nil {
		return nil, errors.Join(err, d.sums.close(), d.image.Close())
	}
	// A drive that was killed may have left blocks that only the page cache has:
	// the next Sync answers for them too.
	d.unsynced = d.described && !d.locked
	return d, nil
}

// openImage opens the image and finds out what a disc of the simple model is.
func (d *Disc) openImage() error {
	st, err := d.fs.Stat(d.path)
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("libdisc: %s is not a file", d.path)
	}
	if !d.described {
		if d.opt.Simple == nil {
			return fmt.Errorf("libdisc: %s has no description", d.path)
		}
		d.Medium = d.opt.Simple(st.Size())
		d.Simple = true
		if d.Medium.Recording == ROM {
			d.Medium.Blocks = (st.Size() + BlockSize - 1) / BlockSize
			d.Simple = false
		}
		if err := d.Medium.Check(); err != nil {
			return fmt.Errorf("libdisc: %s: %w", d.path, err)
		}
	}
	if d.Medium.Recording == ROM || d.opt.ReadOnly {
		d.locked = true
		d.image, err = d.fs.OpenFile(d.path, os.O_RDONLY, 0)
		return err
	}
	d.image, err = d.fs.OpenFile(d.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrPermission) {
		d.locked = true
		d.image, err = d.fs.OpenFile(d.path, os.O_RDONLY, 0)
		return err
	}
	if err != nil {
		return err
	}
	if err := d.image.TryLock(); err != nil {
		return errors.Join(fmt.Errorf("libdisc: %s is in another drive: %w", d.path, err), d.image.Close())
	}
	return nil
}

// openSums opens the checksums of the blocks of a disc that is not an image alone.
func (d *Disc) openSums() (*blockSums, error) {
	if !d.described {
		return &blockSums{fs: d.fs, path: d.path + SumsSuffix, marked: make([]byte, sumsHeader-sumsRegions)}, nil
	}
	return openSums(d.fs, d.path, d.locked)
}

// lasting makes the description that was read the one that a power cut leaves:
// whoever wrote it may have been killed before its name was durable.
func (d *Disc) lasting() error {
	if d.locked || !d.described {
		return nil
	}
	return d.fs.SyncDir(filepath.Dir(d.path))
}

// settle takes away what a power cut left in the image and the description does
// not have, so that it can never be read.
func (d *Disc) settle() error {
	if d.locked || !d.described {
		return nil
	}
	if d.Form.random() || d.Form == Pseudo {
		if err := d.sums.heal(d.image, d.Medium.Blocks); err != nil {
			return err
		}
	}
	if d.Form.random() {
		return nil
	}
	size, err := d.image.Size()
	if err != nil {
		return err
	}
	if end := d.recordedEnd() * BlockSize; size > end {
		if err := errors.Join(d.image.Truncate(end), d.image.Sync()); err != nil {
			return err
		}
	}
	if err := errors.Join(d.sums.cut(d.recordedEnd()), d.sums.sync()); err != nil {
		return err
	}
	if d.isFinishedSimple() {
		return d.becomeROM()
	}
	return nil
}

// recordedEnd is behind everything recorded.
func (d *Disc) recordedEnd() int64 {
	if n := len(d.description.Tracks); n > 0 {
		t := &d.description.Tracks[n-1]
		if t.Closed {
			return t.End()
		}
		return t.Next
	}
	return 0
}

// save writes the description, durably.
func (d *Disc) save() error {
	b, err := d.encode()
	if err != nil {
		return err
	}
	if d.failed != nil {
		return d.failed
	}
	if err := vfs.ReplaceFile(d.fs, d.path+Suffix, b, 0o640); err != nil {
		return d.fail(err)
	}
	d.described, d.dirty = true, false
	return nil
}

// fail notes why the disc takes nothing more.
func (d *Disc) fail(err error) error {
	if d.failed == nil {
		d.failed = fmt.Errorf("%w: %w", ErrFailed, err)
	}
	return d.failed
}

// commit makes a new description durable, or leaves everything as it was.
func (d *Disc) commit(next description) error {
	was := d.description
	d.description = next
	if err := d.save(); err != nil {
		d.description = was
		return err
	}
	return nil
}

// next is a copy of the description to change.
func (d *Disc) next() description {
	n := d.description
	n.Tracks = slices.Clone(n.Tracks)
	return n
}

// Sync makes everything written durable.
func (d *Disc) Sync() error {
	if d.failed != nil {
		return d.failed
	}
	if d.unsynced {
		if err := d.image.Sync(); err != nil {
			return d.fail(err)
		}
		if err := d.sums.sync(); err != nil {
			return d.fail(err)
		}
		if err := d.sums.settled(); err != nil {
			return d.fail(err)
		}
		d.unsynced = false
	}
	if d.dirty {
		return d.save()
	}
	return nil
}

// Close syncs and closes the files. The disc cannot be used any more.
func (d *Disc) Close() error { return errors.Join(d.Sync(), d.sums.close(), d.image.Close()) }

// Path is the path of the image.
func (d *Disc) Path() string { return d.path }
