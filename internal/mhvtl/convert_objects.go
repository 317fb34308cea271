package mhvtl

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"govtl/internal/buffer"
	"govtl/libcart"
)

// copyPartition copies the objects of a partition.
func (c *converter) copyPartition(ctx context.Context, cart *libcart.Cartridge, i int) error {
	if err := cart.LocateObject(uint8(i), 0); err != nil {
		return err
	}
	from := c.tape.parts[i]
	null := c.tape.Memory.Kind == kindNull
	scan := from.scan()
	var r PartitionReport
	var u unpacker
	sum := newObjectSum()
	base := c.done
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		var o object
		err := scan.next(&o)
		if err == io.EOF {
			break
		}
		var b *buffer.Buffer
		if err == nil && !o.filemark {
			b = buffer.Default.Get(o.size)
			if null {
				clear(b.B)
			} else if err = u.read(b.B, from.data, &o); err != nil {
				b.Release()
				err = fmt.Errorf("object %d: %w", r.Blocks+r.Filemarks, err)
			}
		}
		if err != nil {
			r.LostReason = err.Error()
			if r.Lost, err = c.lost(err, scan); err != nil {
				return fmt.Errorf("partition %d: %w", i, err)
			}
			break
		}
		if o.filemark {
			r.Filemarks++
			sum.filemark()
			_, err = cart.WriteFilemarks(1)
		} else {
			r.note(&o)
			sum.block(b.B)
			_, err = cart.Write(b)
		}
		if err != nil {
			return err
		}
		c.done = base + min(o.offset+int64(o.stored), from.size)
		c.tell(Progress{Done: c.done, Total: c.total})
	}
	c.done = base + from.size
	c.o.Progress(Progress{Done: c.done, Total: c.total})
	sum.Sum(r.sum[:0])
	c.report.Partitions = append(c.report.Partitions, r)
	return cart.Sync(ctx)
}

// note counts a block.
func (r *PartitionReport) note(o *object) {
	r.Blocks++
	r.Bytes += int64(o.size)
	if o.flags&flagCRC != 0 {
		r.Checked++
	}
	if o.flags&flagEncrypted != 0 {
		r.Encrypted++
	}
}

// objectSum is a digest of what a host can read.
type objectSum struct {
	hash.Hash
	head [5]byte
}

func newObjectSum() *objectSum { return &objectSum{Hash: sha256.New()} }

func (s *objectSum) filemark() {
	s.head[0] = 1
	s.Write(s.head[:1])
}

func (s *objectSum) block(b []byte) {
	s.head[0] = 0
	binary.BigEndian.PutUint32(s.head[1:], uint32(len(b)))
	s.Write(s.head[:])
	s.Write(b)
}

// lost decides about an error of reading the source: nil when what is before it
// is taken, and how many objects that leaves behind.
func (c *converter) lost(err error, scan scanner) (uint64, error) {
	if err := c.mayLeave(err); err != nil {
		return 0, err
	}
	var end *endError
	if errors.As(err, &end) {
		return end.lost, nil
	}
	for n := uint64(1); ; n++ {
		var o object
		if err := scan.next(&o); errors.As(err, &end) {
			return n + end.lost, nil
		} else if err != nil {
			return n, nil
		}
	}
}

// mayLeave returns nil when what is behind an error may be left behind: the
// recording breaks off there, or Partial allows it.
func (c *converter) mayLeave(err error) error {
	var end *endError
	if errors.As(err, &end) && !end.damaged || c.o.Partial && errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

// tell tells the progress when it is worth it.
func (c *converter) tell(p Progress) {
	if p.Verifying != c.told.Verifying {
		c.told = Progress{Verifying: p.Verifying}
	}
	if p.Done-c.told.Done >= max(p.Total/1000, 1<<20) {
		c.told = p
		c.o.Progress(p)
	}
}

// verify reads the new cartridge and compares it with what was read of the old.
func (c *converter) verify(ctx context.Context) error {
	cart, err := libcart.Open(c.tmp, libcart.Options{FS: c.o.FS, Log: c.o.Log, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("reading back: %w", err)
	}
	defer cart.Close()
	if cart.Partitions() != len(c.report.Partitions) {
		return fmt.Errorf("reading back: %d partitions, %d were written", cart.Partitions(), len(c.report.Partitions))
	}
	total, done := int64(0), int64(0)
	for _, p := range c.report.Partitions {
		total += p.Bytes
	}
	for i, p := range c.report.Partitions {
		if err := cart.LocateObject(uint8(i), 0); err != nil {
			return fmt.Errorf("reading back: %w", err)
		}
		sum := newObjectSum()
		for {
			if err := ctx.Err(); err != nil {
				return err
			}
			o, err := cart.Read(libcart.MaxBlock)
			if errors.Is(err, libcart.ErrEndOfData) {
				break
			}
			switch {
			case errors.Is(err, libcart.ErrFilemark):
				sum.filemark()
				continue
			case err != nil:
				return fmt.Errorf("reading back: partition %d: %w", i, err)
			}
			sum.block(o.Block.B)
			done += int64(len(o.Block.B))
			o.Block.Release()
			c.tell(Progress{Verifying: true, Done: done, Total: total})
		}
		if [sha256.Size]byte(sum.Sum(nil)) != p.sum {
			return fmt.Errorf("reading back: partition %d: not what was written", i)
		}
	}
	return nil
}
