package mhvtl

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"

	"govtl/internal/vfs"
	"govtl/libcart"
)

// ConvertOptions say how a cartridge is converted.
type ConvertOptions struct {
	Barcode string        // empty: the name of the source
	Medium  string        // medium model; empty: by the density of the source
	Models  string        // directory of the operator's own models; empty: none
	Codec   libcart.Codec // how blocks are stored
	Dirty   bool          // take a cartridge that was not unloaded properly
	Partial bool          // take what is before a damaged object, and leave the rest

	FS  vfs.FS       // of the destination; nil: vfs.OS
	Log *slog.Logger // nil: discards

	// Progress, which may be nil, is told from time to time how far it is. It
	// is called on the goroutine of Convert.
	Progress func(Progress)
}

// Progress is how far a conversion is.
type Progress struct {
	Verifying   bool // false: copying
	Done, Total int64
}

// Report is what a conversion did.
type Report struct {
	Source  string
	Version Version
	Barcode string
	Medium  string // medium model
	Kind    libcart.Kind

	Partitions []PartitionReport

	// Notes say what could not be carried, or not as it was.
	Notes []Note
}

// PartitionReport is what a conversion did with one partition.
type PartitionReport struct {
	Blocks, Filemarks uint64
	Bytes             int64  // of blocks, as the host wrote them
	Checked           uint64 // blocks that had a checksum, which was right
	Encrypted         uint64 // blocks that were marked as encrypted; they are in clear

	// Lost is how many objects at the end were there and could not be read, and
	// LostReason why; 0 and empty when everything was carried.
	Lost       uint64
	LostReason string

	sum [sha256.Size]byte // over all objects
}

// converter is one conversion.
type converter struct {
	o      ConvertOptions
	tape   *Tape
	report *Report
	notes  notes
	spec   libcart.Spec
	tmp    string // where the cartridge is made
	total  int64
	done   int64
	told   Progress // last
}

// Convert makes a cartridge in the directory dir of one of mhVTL's, and reads
// everything back before the directory appears. The source is only read.
//
// The error is ErrFormat or ErrDirty when the source cannot be taken,
// ErrDamaged when an object in the middle is (see Partial), ErrMedium when its
// medium is none of the suite's, libcart.ErrExists when there is something at dir
// already. What lies behind the place where a recording breaks off cannot be
// read by mhVTL either; it is left behind and reported as Lost.
func Convert(ctx context.Context, source, dir string, o ConvertOptions) (*Report, error) {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.Barcode == "" {
		o.Barcode = filepath.Base(filepath.Clean(source))
	}
	if _, err := o.FS.Stat(dir); err == nil {
		return nil, fmt.Errorf("%w: %s", libcart.ErrExists, dir)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	tape, err := Open(source)
	if err != nil {
		return nil, err
	}
	defer tape.Close()
	c := &converter{o: o, tape: tape, tmp: filepath.Join(filepath.Dir(dir), ".import-"+filepath.Base(dir))}
	if err := c.run(ctx, dir); err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	return c.report, nil
}

// run converts.
func (c *converter) run(ctx context.Context, dir string) error {
	m := c.tape.Memory
	if m.Dirty && !c.o.Dirty {
		return ErrDirty
	}
	c.notes = append(c.notes, c.tape.notes...)
	var err error
	if c.spec, err = c.tape.spec(c.o.Barcode, c.o.Medium, &c.notes, c.models()...); err != nil {
		return err
	}
	if err := c.clear(); err != nil {
		return err
	}
	err = c.make(ctx, c.sizes())
	if errors.Is(err, libcart.ErrNoRoom) {
		err = c.makeLarger(ctx, err)
	}
	if err == nil {
		c.noteMemory()
		c.report.Notes = c.notes
		if err = c.o.FS.Rename(c.tmp, dir); err == nil {
			err = c.o.FS.SyncDir(filepath.Dir(dir))
		}
	}
	if err != nil {
		_ = c.o.FS.RemoveAll(c.tmp)
	}
	return err
}

func (c *converter) models() []string {
	if c.o.Models == "" {
		return nil
	}
	return []string{c.o.Models}
}

// clear removes what an import that did not end has left. One that still runs
// has the cartridge locked.
func (c *converter) clear() error {
	if _, err := c.o.FS.Stat(c.tmp); err != nil {
		return nil
	}
	old, err := libcart.Open(c.tmp, libcart.Options{FS: c.o.FS})
	switch {
	case errors.Is(err, libcart.ErrInUse):
		return fmt.Errorf("it is being imported already: %w", err)
	case err == nil:
		_ = old.Close()
	}
	return c.o.FS.RemoveAll(c.tmp)
}

// sizes are the sizes of the partitions as recorded; those that are not share
// what is left.
func (c *converter) sizes() []int64 {
	n := len(c.tape.parts)
	if n == 1 {
		return nil
	}
	sizes := make([]int64, n)
	left, unknown := c.spec.Capacity, int64(0)
	for i := range sizes {
		sizes[i] = min(c.tape.Memory.PartitionSizes[i], libcart.MaxCapacity)
		if sizes[i] == 0 {
			unknown++
		}
		left -= sizes[i]
	}
	sum := int64(0)
	for i := range sizes {
		if sizes[i] == 0 {
			sizes[i] = left / unknown
		}
		sizes[i] = max(sizes[i], libcart.MinCapacity)
		sum += sizes[i]
	}
	c.spec.Capacity = max(c.spec.Capacity, sum)
	return sizes
}

// makeLarger converts again with a capacity that has room for everything as it
// is without compression: mhVTL counts only the bytes of blocks, as its own
// compression left them, and records need some as well.
func (c *converter) makeLarger(ctx context.Context, noRoom error) error {
	sizes := c.sizes()
	if sizes == nil {
		sizes = []int64{c.spec.Capacity}
	}
	sum := int64(0)
	larger := false
	for i := range c.tape.parts {
		need, err := c.need(ctx, i)
		if err != nil {
			return err
		}
		if need > sizes[i] {
			c.notes.add(fmt.Sprintf("partition %d", i), "its size grows from %d to %d bytes, so that its content fits", sizes[i], need)
			sizes[i], larger = need, true
		}
		sum += sizes[i]
	}
	if !larger || sum > libcart.MaxCapacity {
		return noRoom // the file system is full
	}
	if err := c.o.FS.RemoveAll(c.tmp); err != nil {
		return err
	}
	c.spec.Capacity = max(c.spec.Capacity, sum)
	if len(sizes) == 1 {
		sizes = nil
	}
	return c.make(ctx, sizes)
}

// recordRoom is more than a record takes beside its block.
const recordRoom = 256

// need is how many bytes a partition takes at most.
func (c *converter) need(ctx context.Context, i int) (int64, error) {
	n := int64(8 << 20) // to stay clear of the early warning
	s := c.tape.parts[i].scan()
	for {
		var o object
		switch err := s.next(&o); {
		case err != nil:
			return n + n/16, ctx.Err()
		case ctx.Err() != nil:
			return 0, ctx.Err()
		}
		n += int64(o.size) + recordRoom
	}
}

// make makes the cartridge and reads it back.
func (c *converter) make(ctx context.Context, sizes []int64) error {
	c.report = &Report{Source: c.tape.Path, Version: c.tape.Version, Barcode: c.spec.Barcode, Medium: c.spec.Medium, Kind: c.spec.Kind}
	c.done, c.total = 0, 0
	for _, p := range c.tape.parts {
		c.total += p.size
	}
	if err := libcart.Create(c.tmp, c.spec, libcart.Options{FS: c.o.FS, Log: c.o.Log}); err != nil {
		return err
	}
	cart, err := libcart.Open(c.tmp, libcart.Options{FS: c.o.FS, Log: c.o.Log, Holder: "import from mhVTL", Codec: c.o.Codec, MinFree: -1})
	if err != nil {
		return err
	}
	if sizes != nil {
		err = cart.Format(sizes)
	}
	for i := range c.tape.parts {
		if err == nil {
			err = c.copyPartition(ctx, cart, i)
		}
	}
	if err == nil {
		err = c.storeMemory(cart)
	}
	if cerr := cart.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return c.verify(ctx)
}
