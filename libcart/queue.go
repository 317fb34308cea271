package libcart

import (
	"fmt"
	"sync"
	"time"

	"govtl/internal/buffer"
	"govtl/libcart/internal/format"
)

// The drive buffer is a ring of slots, in the order of the tape:
//
//	put (owner) ── claimed by a compressor, any core ── ready ── written (writer) ── free
//
// Compressors take slots in order and finish in any; the writer takes ready ones
// from the head in order, many at a time, and appends them with one file
// operation. A slot with filemarks is ready at once.
type queue struct {
	mu    sync.Mutex // guards everything below
	work  sync.Cond  // a slot waits for a compressor, or closed
	ready sync.Cond  // the head slot is ready, or closed, or full was cleared
	space sync.Cond  // slots were freed, or err, or full

	slots             []slot
	head, claim, tail uint64 // next to be written; next to be claimed; next to be filled
	bytes             int64  // of blocks in the queue, as the initiator wrote them
	waiting           int64  // bytes that no compressor has finished
	limit             int64  // bound of bytes
	stored            uint64 // bytes of blocks in the file since the cartridge was opened

	codec    Codec
	adaptive bool
	cipher   *Cipher // nil: blocks are stored in clear
	aux      int64   // auxiliary data of blocks in the queue, in bytes
	governor governor
	null     bool // a Null cartridge: payloads are dropped

	full   error // the file system is full; the head waits for room
	err    error // nothing more is written
	told   bool  // err was reported
	busy   bool  // the writer is at the file
	closed bool
}

// slot is one block, or a number of filemarks.
type slot struct {
	block     *buffer.Buffer // what is to be stored; nil for filemarks
	length    int            // of the block as the initiator wrote it
	filemarks uint32
	codec     Codec // that it shall have, and then the one it has
	ready     bool
	plainCRC  uint32
	storedCRC uint32

	cipher *Cipher        // that it shall be encrypted with
	aux    *buffer.Buffer // auxiliary data of an encrypted block
	room   int            // that the auxiliary data take
	auxCRC uint32

	lost bool // it could not be encrypted
}

// maxSlots bounds the number of blocks in the drive buffer.
const maxSlots = 4096

func newQueue(limit int64) *queue {
	q := &queue{limit: limit}
	q.work.L, q.ready.L, q.space.L = &q.mu, &q.mu, &q.mu
	return q
}

func (q *queue) at(i uint64) *slot { return &q.slots[i%maxSlots] }

// fits says that n more bytes may enter. One block always may, however long.
func (q *queue) fits(n int) bool {
	return q.tail-q.head < maxSlots && (q.bytes == 0 || q.bytes+int64(n) <= q.limit)
}

// stopped is the reason why nothing more can be put.
func (q *queue) stopped() error {
	if q.err != nil {
		return q.err
	}
	return q.full
}

// put waits for room and adds a block or filemarks; it takes b. It returns why
// it could not.
func (q *queue) put(b *buffer.Buffer, filemarks uint32) error {
	return q.add(b, slot{filemarks: filemarks})
}

// add is put of a block that is ready, or of one that compressors make so.
func (q *queue) add(b *buffer.Buffer, s slot) error {
	if b != nil && !s.ready {
		s.length = len(b.B)
	}
	n := s.length
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if err := q.stopped(); err != nil {
			b.Release()
			s.aux.Release()
			return err
		}
		if q.fits(n) {
			break
		}
		q.space.Wait()
	}
	s.block = b
	switch {
	case b == nil:
		s.ready = true
	case !s.ready:
		s.codec, s.cipher = q.choose(b), q.cipher
		s.room = s.cipher.auxLength()
		q.waiting += int64(n)
	}
	*q.at(q.tail) = s
	q.tail++
	q.bytes += int64(n)
	q.aux += int64(s.room)
	if s.ready {
		q.ready.Signal()
	}
	q.work.Signal()
	return nil
}

// drain waits until everything is in the file. It returns why it cannot be.
func (q *queue) drain() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.busy || q.head != q.tail && q.stopped() == nil {
		q.space.Wait()
	}
	return q.stopped()
}

// retry lets the writer try again after the file system was full.
func (q *queue) retry() {
	q.mu.Lock()
	q.full = nil
	q.ready.Signal()
	q.mu.Unlock()
}

// fail stops writing for good and drops what was not written.
func (q *queue) fail(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broke(err)
}

// broke is fail. mu is held.
func (q *queue) broke(err error) {
	if q.err == nil {
		q.err = err
	}
	q.space.Broadcast()
	q.ready.Broadcast()
}

// empty releases all blocks that were not written. The writer and the
// compressors are gone.
func (q *queue) empty() {
	for ; q.head < q.tail; q.head++ {
		s := q.at(q.head)
		s.block.Release()
		s.aux.Release()
		*s = slot{}
	}
	q.bytes, q.waiting, q.aux, q.claim = 0, 0, 0, q.tail
}

// compressor is the body of one compressing goroutine.
func (q *queue) compressor() {
	var z compressor
	var seal sealer
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for q.claim == q.tail && !q.closed {
			q.work.Wait()
		}
		if q.closed {
			return
		}
		i := q.claim
		q.claim++
		s := q.at(i)
		if s.ready {
			continue
		}
		codec, block, key, length, null := s.codec, s.block, s.cipher, s.length, q.null
		q.mu.Unlock()

		plain := uint32(0)
		if key == nil || null {
			plain = format.Checksum(block.B)
		}
		stored := plain
		switch {
		case null:
			codec, stored, block.B = discarded, format.Checksum(nil), block.B[:0]
		default:
			if out := z.compress(codec, block.B); out != nil {
				block.Release()
				block, stored = out, format.Checksum(out.B)
			} else {
				codec = Stored
			}
		}
		var aux *buffer.Buffer
		var err error
		if key != nil && !null {
			if block, aux, err = seal.encrypt(key, codec, length, block); err == nil {
				stored = format.Checksum(block.B)
			}
		}

		q.mu.Lock()
		if err != nil {
			s.block, s.lost = block, true
			q.broke(fmt.Errorf("%w: %w", ErrWrite, err)) // and nothing of it is ever stored
			continue
		}
		if aux != nil {
			s.auxCRC = format.Checksum(aux.B)
		}
		s.block, s.codec, s.plainCRC, s.storedCRC, s.aux, s.ready = block, codec, plain, stored, aux, true
		q.waiting -= int64(s.length)
		if i == q.head {
			q.ready.Signal()
			if q.err != nil {
				q.space.Broadcast() // for TakeUnwritten
			}
		}
	}
}

// choose is the codec that a block shall have. mu is held.
func (q *queue) choose(b *buffer.Buffer) Codec {
	if q.adaptive && q.codec != Stored && b != nil && !q.governor.compress(len(b.B), q.waiting, q.limit, time.Now()) {
		return Stored
	}
	return q.codec
}

// broken says that nothing more is written for good.
func (q *queue) broken() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err != nil
}

// idle says that everything is in the file.
func (q *queue) idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.head == q.tail
}

// stalled says that the head waits for room on the file system.
func (q *queue) stalled() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.full != nil
}
