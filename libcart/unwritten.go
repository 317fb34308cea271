package libcart

import "govtl/libcart/internal/format"

// TakeUnwritten returns the first object that is still in the drive buffer after
// writing has failed for good, and takes it out of the buffer; the objects come in
// the order in which they were written. The block is the caller's. ErrFilemark: it
// was a filemark. ErrEndOfData: nothing is left, or nothing has failed.
// BytesInBuffer tells how much is left. What is not taken is lost when the
// cartridge is closed. The position does not change.
func (c *Cartridge) TakeUnwritten() (Object, error) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.err != nil && q.head != q.tail && (q.busy || !q.at(q.head).settled()) {
		q.space.Wait()
	}
	if q.err == nil || q.head == q.tail {
		return Object{}, ErrEndOfData
	}
	s := q.at(q.head)
	if s.filemarks > 1 {
		s.filemarks--
		return Object{}, ErrFilemark
	}
	taken := *s
	*s = slot{}
	q.head++
	q.bytes -= int64(taken.length)
	q.aux -= int64(taken.room)
	q.claim = max(q.claim, q.head)
	if taken.block == nil {
		return Object{}, ErrFilemark
	}
	defer taken.aux.Release()
	if taken.lost {
		taken.block.Release()
		return Object{}, ErrDamaged
	}
	return taken.unpack()
}

// Failed reports whether writing has failed for good: nothing can be written before
// the cartridge is opened anew.
func (c *Cartridge) Failed() bool { return c.queue.broken() }

// DropUnwritten drops what TakeUnwritten would return.
func (c *Cartridge) DropUnwritten() {
	for {
		o, err := c.TakeUnwritten()
		o.Block.Release()
		if err == ErrEndOfData {
			return
		}
	}
}

// settled says that no compressor works on the slot any more.
func (s *slot) settled() bool { return s.ready || s.lost }

// unpack gives the block back as the initiator wrote it. It takes the block.
func (s *slot) unpack() (Object, error) {
	z := &recordReader{cipher: s.cipher}
	z.record = format.Record{
		Kind: format.Block, Codec: uint8(s.codec), Length: uint32(s.length), Stored: uint32(len(s.block.B)),
		PlainCRC: s.plainCRC, StoredCRC: s.storedCRC,
	}
	if s.aux != nil {
		z.record.Cipher, z.record.Aux, z.record.AuxCRC = format.AES256GCM, uint16(len(s.aux.B)), s.auxCRC
		copy(z.aux[:], s.aux.B)
	}
	b, err := z.unpack(s.block)
	if err != nil {
		return Object{}, err
	}
	return Object{Block: b, Codec: s.codec, Encrypted: z.seal.on, External: z.seal.external}, nil
}
