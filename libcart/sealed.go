package libcart

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// markExternal in the mark of an encrypted block: WriteSealed stored it.
const markExternal = 0x01

// maxSealed is the longest block that can be encrypted, in bytes.
const maxSealed = buffer.MaxSize - format.TagSize

// sealed says that an error is of a block that is whole and cannot be decrypted.
func sealed(err error) bool {
	return errors.Is(err, ErrEncrypted) || errors.Is(err, ErrWrongKey) || errors.Is(err, ErrTampered)
}

// SetCipher has blocks written from now on encrypted; nil: stored in clear. What
// was written before is in the file when it returns, so that the cipher before
// may be wiped. The error is one of Write.
func (c *Cartridge) SetCipher(k *Cipher) error {
	q := c.queue
	if q.cipher == k {
		return nil
	}
	err := c.leave()
	q.mu.Lock()
	q.cipher = k
	q.mu.Unlock()
	return err
}

// SetDecipher has encrypted blocks read with the key of a cipher; nil: not at
// all. The cipher before may be wiped.
func (c *Cartridge) SetDecipher(k *Cipher) {
	if c.reader.cipher == k {
		return
	}
	c.ahead.stop()
	c.reader.cipher = k
	c.ahead.mu.Lock()
	c.ahead.cipher = k
	c.ahead.mu.Unlock()
}

// Seal is what can be known of the object at the position without reading it.
type Seal struct {
	Filemark   bool
	Compressed bool
	Encrypted  bool

	// What follows is of an encrypted block. External: WriteSealed stored it.
	// Readable: it was encrypted with the key that SetDecipher set. Label is
	// what its cipher stored in clear, and Meta what is needed beside the key.
	External, Readable bool
	Label, Meta        []byte
}

// Seal looks at the object at the position and does not move. It returns
// ErrEndOfData or ErrDamaged.
func (c *Cartridge) Seal() (Seal, error) {
	p := c.part()
	if c.appending || c.pos.Object >= p.objects {
		return Seal{}, ErrEndOfData
	}
	e, err := c.entry(p, c.pos.Object)
	if err != nil {
		return Seal{}, err
	}
	var r format.Record
	if e.Kind == format.Lost {
		return Seal{}, fmt.Errorf("%w: %s: object %d is lost", ErrDamaged, p.data.Name(), c.pos.Object)
	}
	if err := p.header(&r, e.Offset); err != nil {
		return Seal{}, fmt.Errorf("%w: %s: %w", ErrDamaged, p.data.Name(), err)
	}
	s := Seal{Filemark: r.Kind == format.Filemark, Compressed: r.Codec != uint8(Stored), Encrypted: r.Cipher != 0}
	if r.Cipher != format.AES256GCM {
		return s, nil
	}
	aux := make([]byte, r.Aux)
	if n, err := p.data.ReadAt(aux, r.Offset+format.RecordSize); n < len(aux) && err != nil && err != io.EOF {
		return Seal{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	var h format.Seal
	if format.Checksum(aux) != r.AuxCRC || format.DecodeSeal(&h, aux) != nil {
		return Seal{}, fmt.Errorf("%w: %s: object %d: wrong checksum of its auxiliary data", ErrDamaged, p.data.Name(), r.Object)
	}
	s.External = h.Mark&markExternal != 0
	s.Label, s.Meta = aux[format.SealSize:], aux[:format.SealSize]
	if k := c.reader.cipher; k != nil {
		_, err := k.opening(&h)
		s.Readable = err == nil
	}
	return s, nil
}

// The envelope of an encrypted block outside a cartridge, before its auxiliary
// data and payload; see FORMAT.md.
const envelopeSize = 20

var envelopeMagic = [4]byte{'V', 'S', 'E', 'A'}

// ReadSealed reads the block at the position as WriteSealed takes it, without any
// key, and moves beyond it. ErrSealed: it is not encrypted. Otherwise it is as Read.
func (c *Cartridge) ReadSealed() (Object, error) {
	p := c.part()
	if c.appending || c.pos.Object >= p.objects {
		return Object{}, ErrEndOfData
	}
	e, err := c.entry(p, c.pos.Object)
	if err != nil {
		return Object{}, err
	}
	if e.Kind != format.Block || e.Aux == 0 {
		return Object{}, fmt.Errorf("%w: object %d", ErrSealed, c.pos.Object)
	}
	n := envelopeSize + int(e.Aux) + int(e.Stored)
	if n > buffer.MaxSize {
		return Object{}, fmt.Errorf("%w: object %d: too long", ErrSealed, c.pos.Object)
	}
	c.ahead.stop()
	z := &c.reader
	payload, err := z.load(p, c.pos.Object, e)
	if err == nil {
		err = z.check(payload)
	}
	if err != nil {
		payload.Release()
		return Object{}, fmt.Errorf("%w: %s: %w", ErrDamaged, p.data.Name(), err)
	}
	r := &z.record
	b := buffer.Default.Get(n)
	clear(b.B[:envelopeSize])
	copy(b.B, envelopeMagic[:])
	b.B[4], b.B[5] = r.Cipher, r.Codec
	binary.BigEndian.PutUint16(b.B[6:], r.Aux)
	binary.BigEndian.PutUint32(b.B[8:], r.Length)
	binary.BigEndian.PutUint32(b.B[12:], r.Stored)
	copy(b.B[envelopeSize:], z.aux[:r.Aux])
	copy(b.B[envelopeSize+int(r.Aux):], payload.B)
	binary.BigEndian.PutUint32(b.B[16:], format.UpdateChecksum(format.Checksum(b.B[:16]), b.B[envelopeSize:]))
	payload.Release()
	c.pos.Object++
	c.counters.BlocksRead++
	c.counters.HostBytesRead += uint64(n)
	c.counters.LifetimeHostRead += uint64(n)
	c.counters.StoredBytesRead += uint64(e.Stored)
	return Object{Block: b, Codec: Codec(e.Codec), Encrypted: true}, nil
}

// WriteSealed appends a block that ReadSealed gave, as it is. ErrSealed: it is
// something else. Otherwise it is as Write, and takes b like that.
func (c *Cartridge) WriteSealed(b *buffer.Buffer) (Zone, error) {
	defer b.Release()
	s, payload, err := openEnvelope(b.B)
	if err != nil {
		return c.Zone(), err
	}
	release := func() {
		s.aux.Release()
		payload.Release()
	}
	if err := c.beginAppend(); err != nil {
		release()
		return c.Zone(), err
	}
	if err := c.admit(recordRoom(s.length)+int64(s.room), 1, filemarkRoom); err != nil {
		release()
		return c.Zone(), err
	}
	if c.Kind() == Null {
		s = slot{length: s.length, codec: discarded, ready: true, storedCRC: format.Checksum(nil),
			plainCRC: format.Checksum(make([]byte, s.length))}
		payload.B = payload.B[:0]
	}
	if err := c.queue.add(payload, s); err != nil {
		return c.Zone(), c.refused(err)
	}
	c.pos.Object++
	c.counters.BlocksWritten++
	c.counters.HostBytesWritten += uint64(len(b.B))
	c.counters.LifetimeHostWritten += uint64(len(b.B))
	return c.Zone(), nil
}

// openEnvelope makes a slot of an envelope, with the auxiliary data and payload
// in buffers of their own.
func openEnvelope(b []byte) (slot, *buffer.Buffer, error) {
	refuse := func(why string) (slot, *buffer.Buffer, error) {
		return slot{}, nil, fmt.Errorf("%w: %s", ErrSealed, why)
	}
	if len(b) < envelopeSize+format.SealSize || !bytes.Equal(b[:4], envelopeMagic[:]) {
		return refuse("it does not begin as one")
	}
	if binary.BigEndian.Uint32(b[16:]) != format.UpdateChecksum(format.Checksum(b[:16]), b[envelopeSize:]) {
		return refuse("wrong checksum")
	}
	aux, length, stored := int(binary.BigEndian.Uint16(b[6:])), binary.BigEndian.Uint32(b[8:]), binary.BigEndian.Uint32(b[12:])
	rest := b[envelopeSize:]
	var h format.Seal
	switch {
	case b[4] != format.AES256GCM:
		return refuse("unknown cipher")
	case Codec(b[5]) > Zstd || Codec(b[5]) == Stored && stored != length:
		return refuse("unknown codec")
	case aux < format.SealSize || aux > format.MaxAux || length > maxSealed || stored > length || len(rest) != aux+int(stored):
		return refuse("wrong length")
	case format.DecodeSeal(&h, rest) != nil:
		return refuse("wrong encryption data")
	}
	s := slot{length: int(length), codec: Codec(b[5]), ready: true, room: aux, aux: buffer.Default.Get(aux)}
	copy(s.aux.B, rest)
	s.aux.B[format.SealMark] |= markExternal
	payload := buffer.Default.Get(int(stored))
	copy(payload.B, rest[aux:])
	s.auxCRC, s.storedCRC = format.Checksum(s.aux.B), format.Checksum(payload.B)
	return s, payload, nil
}
