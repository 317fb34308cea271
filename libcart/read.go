package libcart

import (
	"errors"
	"fmt"
	"io"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// Read reads the object at the position and moves beyond it. max is what the
// caller expects at most; a block that is longer is returned whole all the same.
// ErrFilemark: the object was a filemark, the position is beyond it.
// ErrEndOfData: nothing is there. ErrDamaged: the object cannot be read, the
// position is before it; SpaceBlocks(1) goes beyond.
func (c *Cartridge) Read(_ int) (Object, error) {
	p := c.part()
	if c.appending || c.pos.Object >= p.objects {
		return Object{}, ErrEndOfData
	}
	b, e, ok := c.ahead.take(p, c.pos.Object)
	if !ok {
		var err error
		if b, e, err = c.readObject(p, c.pos.Object); err != nil {
			c.ahead.stop()
			return Object{}, err
		}
	}
	c.pos.Object++
	if e.Kind == format.Filemark {
		c.pos.Filemarks++
		return Object{}, ErrFilemark
	}
	c.counters.BlocksRead++
	c.counters.HostBytesRead += uint64(len(b.B))
	c.counters.LifetimeHostRead += uint64(len(b.B))
	c.counters.StoredBytesRead += uint64(e.Stored)
	return Object{Block: b, Codec: Codec(e.Codec)}, nil
}

// ReadReady says that Read would not wait for the disk.
func (c *Cartridge) ReadReady() bool {
	return !c.appending && c.ahead.has(c.part(), c.pos.Object)
}

// readObject reads one object now, with all that can be done to find it.
func (c *Cartridge) readObject(p *partition, object uint64) (*buffer.Buffer, format.Entry, error) {
	e, err := c.entry(p, object)
	if err != nil {
		return nil, e, err
	}
	lost := func() (*buffer.Buffer, format.Entry, error) {
		return nil, e, fmt.Errorf("%w: %s: object %d is lost", ErrDamaged, p.data.Name(), object)
	}
	if e.Kind == format.Lost && object >= p.gap.first && object < p.gap.end {
		return lost()
	}
	b, err := c.reader.read(p, object, e)
	if errors.Is(err, errRecord) {
		// The index may be what is wrong, or what was unreadable may be readable now.
		if e, err = c.relocate(p, object); err != nil {
			return nil, e, err
		}
		if e.Kind == format.Lost {
			return lost()
		}
		b, err = c.reader.read(p, object, e)
	}
	if err != nil {
		return nil, e, fmt.Errorf("%w: %s: %w", ErrDamaged, p.data.Name(), err)
	}
	return b, e, nil
}

// recordReader reads records for one goroutine.
type recordReader struct {
	dec    decompressor
	record format.Record
	header [format.RecordSize]byte
	bufs   [2][]byte
}

// read reads the record of an object that its index entry describes, and returns
// the block; nil for a filemark. errRecord: no such record is there.
func (z *recordReader) read(p *partition, object uint64, e format.Entry) (*buffer.Buffer, error) {
	if e.Kind == format.Lost {
		return nil, errRecord
	}
	payload := buffer.Default.Get(int(e.Stored) + int(e.Aux))
	z.bufs[0], z.bufs[1] = z.header[:], payload.B
	n, err := p.data.ReadvAt(z.bufs[:], e.Offset)
	z.bufs[1] = nil
	if err == io.EOF {
		clear(z.header[min(n, len(z.header)):])
		err = nil
	}
	if err == nil {
		err = p.decode(&z.record, z.header[:], object, &e)
	}
	if err == nil && n < len(z.header)+len(payload.B) {
		err = fmt.Errorf("object %d: cut short", object)
	}
	if err != nil || e.Kind == format.Filemark {
		payload.Release()
		return nil, err
	}
	return unpack(&z.record, payload, &z.dec)
}

// decode decodes a record header and checks that it is the one that the index
// entry of the object describes.
func (p *partition) decode(r *format.Record, h []byte, object uint64, e *format.Entry) error {
	if err := format.DecodeRecord(r, h); err != nil {
		return fmt.Errorf("%w at offset %d: %w", errRecord, e.Offset, err)
	}
	if !p.belongs(r, e.Offset) || r.Object != object || format.EntryOf(r) != *e {
		return fmt.Errorf("%w at offset %d: it is another one", errRecord, e.Offset)
	}
	return nil
}

// unpack verifies a payload and returns the block as the initiator wrote it. It
// takes payload.
func unpack(r *format.Record, payload *buffer.Buffer, z *decompressor) (*buffer.Buffer, error) {
	if r.Aux > 0 {
		if format.Checksum(payload.B[:r.Aux]) != r.AuxCRC {
			payload.Release()
			return nil, fmt.Errorf("object %d: wrong checksum of its auxiliary data", r.Object)
		}
		payload.B = payload.B[r.Aux:]
	}
	if format.Checksum(payload.B) != r.StoredCRC {
		payload.Release()
		return nil, fmt.Errorf("object %d: wrong checksum", r.Object)
	}
	switch {
	case r.Cipher != 0:
		payload.Release()
		return nil, fmt.Errorf("object %d: encrypted with unknown cipher %d", r.Object, r.Cipher)
	case Codec(r.Codec) == Stored:
		if r.Stored != r.Length || r.StoredCRC != r.PlainCRC {
			payload.Release()
			return nil, fmt.Errorf("object %d: contradicts itself", r.Object)
		}
		return payload, nil
	}
	block := buffer.Default.Get(int(r.Length))
	var err error
	if Codec(r.Codec) == discarded {
		clear(block.B)
	} else if err = z.decompress(Codec(r.Codec), block.B, payload.B); err == nil && format.Checksum(block.B) != r.PlainCRC {
		err = errors.New("wrong checksum of the block")
	}
	payload.Release()
	if err != nil {
		block.Release()
		return nil, fmt.Errorf("object %d: %w", r.Object, err)
	}
	return block, nil
}
