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
	b, e, seal, ok := c.ahead.take(p, c.pos.Object)
	if !ok {
		var err error
		if b, e, err = c.readObject(p, c.pos.Object); err != nil {
			c.ahead.stop()
			return Object{}, err
		}
		seal = c.reader.seal
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
	return Object{Block: b, Codec: Codec(e.Codec), Encrypted: seal.on, External: seal.external}, nil
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
	if err != nil && sealed(err) {
		return nil, e, err
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
	aux    [format.MaxAux]byte
	bufs   [3][]byte
	cipher *Cipher // nil: encrypted blocks cannot be read
	sealer sealer
	seal   sealState // of the block that was read last
}

// sealState says how a block was encrypted.
type sealState struct{ on, external bool }

// read reads the record of an object that its index entry describes, and returns
// the block; nil for a filemark. errRecord: no such record is there.
func (z *recordReader) read(p *partition, object uint64, e format.Entry) (*buffer.Buffer, error) {
	payload, err := z.load(p, object, e)
	if err != nil || payload == nil {
		return nil, err
	}
	return z.unpack(payload)
}

// load reads a record as it is stored, and returns its payload; nil for a filemark.
func (z *recordReader) load(p *partition, object uint64, e format.Entry) (*buffer.Buffer, error) {
	if e.Kind == format.Lost {
		return nil, errRecord
	}
	payload, err := payloadFor(&e)
	if err != nil {
		return nil, fmt.Errorf("object %d: %w", object, err)
	}
	z.bufs[0], z.bufs[1], z.bufs[2] = z.header[:], z.aux[:e.Aux], payload.B
	bufs := z.bufs[:]
	if e.Aux == 0 {
		z.bufs[1] = payload.B
		bufs = z.bufs[:2]
	}
	n, err := p.data.ReadvAt(bufs, e.Offset)
	z.bufs[1], z.bufs[2] = nil, nil
	if err == io.EOF {
		clear(z.header[min(n, len(z.header)):])
		err = nil
	}
	if err == nil {
		err = p.decode(&z.record, z.header[:], object, &e)
	}
	if err == nil && n < len(z.header)+int(e.Aux)+len(payload.B) {
		err = fmt.Errorf("object %d: cut short", object)
	}
	if err != nil || e.Kind == format.Filemark {
		payload.Release()
		return nil, err
	}
	return payload, nil
}

// payloadFor returns a buffer as long as the payload of a record.
func payloadFor(e *format.Entry) (*buffer.Buffer, error) {
	room := int(e.Stored)
	if e.Aux > 0 {
		room += format.TagSize
	}
	if room > buffer.MaxSize {
		return nil, errors.New("longer than any block")
	}
	b := buffer.Default.Get(room)
	b.B = b.B[:e.Stored]
	return b, nil
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

// unpack verifies the payload of the record that was read and returns the block
// as the initiator wrote it. It takes payload.
func (z *recordReader) unpack(payload *buffer.Buffer) (*buffer.Buffer, error) {
	r := &z.record
	block, err := z.open(payload)
	if block == payload {
		return block, nil
	}
	payload.Release()
	if err == nil && r.Cipher == 0 && Codec(r.Codec) != discarded && format.Checksum(block.B) != r.PlainCRC {
		err = fmt.Errorf("object %d: wrong checksum of the block", r.Object)
	}
	if err != nil {
		block.Release()
		return nil, err
	}
	return block, nil
}

// check verifies the checksums of what was read.
func (z *recordReader) check(payload *buffer.Buffer) error {
	r := &z.record
	switch {
	case r.Aux > 0 && format.Checksum(z.aux[:r.Aux]) != r.AuxCRC:
		return fmt.Errorf("object %d: wrong checksum of its auxiliary data", r.Object)
	case format.Checksum(payload.B) != r.StoredCRC:
		return fmt.Errorf("object %d: wrong checksum", r.Object)
	}
	return nil
}

// open verifies, decrypts and decompresses a payload. It returns the payload
// itself when nothing was compressed.
func (z *recordReader) open(payload *buffer.Buffer) (*buffer.Buffer, error) {
	r := &z.record
	if err := z.check(payload); err != nil {
		return nil, err
	}
	z.seal = sealState{}
	switch r.Cipher {
	case 0:
	case format.AES256GCM:
		if err := z.sealer.decrypt(z.cipher, r, z.aux[:r.Aux], payload); err != nil {
			return nil, err
		}
		z.seal = sealState{on: true, external: z.sealer.seal.Mark&markExternal != 0}
	default:
		return nil, fmt.Errorf("object %d: encrypted with unknown cipher %d", r.Object, r.Cipher)
	}
	if Codec(r.Codec) == Stored {
		if r.Stored != r.Length || r.Cipher == 0 && r.StoredCRC != r.PlainCRC {
			return nil, fmt.Errorf("object %d: contradicts itself", r.Object)
		}
		return payload, nil
	}
	block := buffer.Default.Get(int(r.Length))
	if Codec(r.Codec) == discarded {
		clear(block.B)
		return block, nil
	}
	if err := z.dec.decompress(Codec(r.Codec), block.B, payload.B); err != nil {
		return block, fmt.Errorf("object %d: %w", r.Object, err)
	}
	return block, nil
}
