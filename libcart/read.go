package libcart

import (
	"errors"
	"fmt"
	"io"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// reader reads objects.
type reader struct {
	dec decompressor
}

func (r *reader) stop() {}

// Read reads the object at the position and moves beyond it. A block longer than
// max is returned whole all the same; max only bounds what is read ahead.
// ErrFilemark: the object was a filemark, the position is beyond it.
// ErrEndOfData: nothing is there. ErrDamaged: the object cannot be read, the
// position is before it; SpaceBlocks(1) goes beyond.
func (c *Cartridge) Read(max int) (Object, error) {
	p := c.part()
	if c.appending || c.pos.Object >= p.objects {
		return Object{}, ErrEndOfData
	}
	e, err := c.entry(p, c.pos.Object)
	if err != nil {
		return Object{}, err
	}
	if e.Kind == format.Lost && c.pos.Object >= p.gap.first && c.pos.Object < p.gap.end {
		return Object{}, fmt.Errorf("%w: %s: object %d is lost", ErrDamaged, p.data.Name(), c.pos.Object)
	}
	b, err := c.readRecord(p, c.pos.Object, e, &c.reader.dec)
	if errors.Is(err, errRecord) || e.Kind == format.Lost {
		// The index may be what is wrong, or what was unreadable may be readable now.
		var again format.Entry
		if again, err = c.relocate(p, c.pos.Object); err != nil {
			return Object{}, err
		}
		if again.Kind == format.Lost {
			return Object{}, fmt.Errorf("%w: %s: object %d is lost", ErrDamaged, p.data.Name(), c.pos.Object)
		}
		e = again
		b, err = c.readRecord(p, c.pos.Object, e, &c.reader.dec)
	}
	if err != nil {
		return Object{}, fmt.Errorf("%w: %s: %w", ErrDamaged, p.data.Name(), err)
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
func (c *Cartridge) ReadReady() bool { return false }

// readRecord reads the record of an object that its index entry describes, and
// returns the block; nil for a filemark. errRecord: no such record is there.
func (c *Cartridge) readRecord(p *partition, object uint64, e format.Entry, z *decompressor) (*buffer.Buffer, error) {
	if e.Kind == format.Lost {
		return nil, errRecord
	}
	var h [format.RecordSize]byte
	var r format.Record
	payload := buffer.Default.Get(int(e.Stored) + int(e.Aux))
	n, err := p.data.ReadvAt([][]byte{h[:], payload.B}, e.Offset)
	if err == io.EOF {
		clear(h[min(n, len(h)):])
		err = nil
	}
	if err != nil {
		payload.Release()
		return nil, err
	}
	if err := p.decode(&r, h[:], object, &e); err != nil {
		payload.Release()
		return nil, err
	}
	if n < len(h)+len(payload.B) {
		payload.Release()
		return nil, fmt.Errorf("object %d: cut short", object)
	}
	if e.Kind == format.Filemark {
		payload.Release()
		return nil, nil
	}
	return unpack(&r, payload, z)
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
