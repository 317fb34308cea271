package libcart

import (
	"fmt"
	"time"

	"govtl/libcart/internal/format"
)

const (
	// batchBytes and batchRecords bound what one file operation appends.
	batchBytes   = 4 << 20
	batchRecords = 256
)

// writer is the goroutine that appends what is in the queue to a partition.
type writer struct {
	c       *Cartridge
	headers [batchRecords * format.RecordSize]byte
	entries [batchRecords]format.Entry
	bufs    [][]byte
	slots   [batchRecords]slot
}

var padding [format.Align]byte

// run writes until the queue is closed or has failed.
func (w *writer) run() {
	q := w.c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		for !q.closed && (q.err != nil || q.full != nil || q.head == q.tail || !q.at(q.head).ready) {
			q.ready.Wait()
		}
		if q.closed {
			return
		}
		q.busy = true
		if s := q.at(q.head); s.block == nil {
			w.filemarks(q, s)
		} else {
			w.blocks(q)
		}
		q.busy = false
		q.space.Broadcast()
	}
}

// blocks appends the ready blocks at the head. q.mu is held, but not while it
// writes.
func (w *writer) blocks(q *queue) {
	n, bytes := 0, 0
	for q.head+uint64(n) < q.tail && n < batchRecords && bytes < batchBytes {
		s := q.at(q.head + uint64(n))
		if !s.ready || s.block == nil {
			break
		}
		w.slots[n] = *s
		bytes += len(s.block.B)
		n++
	}
	q.mu.Unlock()

	p := w.c.writing
	next := p.next()
	w.bufs = w.bufs[:0]
	start := next.Offset
	for i := range w.slots[:n] {
		s := &w.slots[i]
		next.Kind, next.Codec = format.Block, uint8(s.codec)
		next.Length, next.Stored = uint32(s.length), uint32(len(s.block.B))
		next.PlainCRC, next.StoredCRC = s.plainCRC, s.storedCRC
		next.Cipher, next.Aux, next.AuxCRC = 0, 0, 0
		if s.aux != nil {
			next.Cipher, next.Aux, next.AuxCRC = format.AES256GCM, uint16(len(s.aux.B)), s.auxCRC
		}
		h := w.headers[i*format.RecordSize:][:format.RecordSize]
		next.Put(h)
		w.entries[i] = format.EntryOf(&next)
		w.bufs = append(w.bufs, h)
		if s.aux != nil {
			w.bufs = append(w.bufs, s.aux.B)
		}
		w.bufs = append(w.bufs, s.block.B)
		if pad := format.Pad(int64(next.Aux) + int64(len(s.block.B))); pad > 0 {
			w.bufs = append(w.bufs, padding[:pad])
		}
		next.Offset += next.Size()
		next.Object++
	}
	begun := time.Now()
	_, err := p.data.WritevAt(w.bufs, start)
	took := time.Since(begun)
	clear(w.bufs)
	if err == nil {
		for i := range n {
			w.slots[i].block.Release()
			w.slots[i].aux.Release()
		}
		w.c.keeper.grown(next.Offset, next.Offset-start, took)
	}

	q.mu.Lock()
	if w.settle(q, err) {
		p.addAll(w.entries[:n])
		q.stored += uint64(bytes)
		for i := range n {
			q.bytes -= int64(w.slots[i].length)
			q.aux -= int64(w.slots[i].room)
			*q.at(q.head) = slot{}
			q.head++
		}
		if q.claim < q.head {
			q.claim = q.head
		}
	}
	clear(w.slots[:n])
}

// filemarks appends the filemarks of the head slot. q.mu is held, but not while
// it writes.
func (w *writer) filemarks(q *queue, s *slot) {
	left := s.filemarks
	q.mu.Unlock()
	var err error
	p := w.c.writing
	for left > 0 && err == nil {
		n := int(min(left, batchRecords))
		next := p.next()
		start := next.Offset
		for i := range n {
			next.Kind = format.Filemark
			next.StoredCRC = 0
			next.Put(w.headers[i*format.RecordSize:])
			w.entries[i] = format.EntryOf(&next)
			next.Offset += next.Size()
			next.Object++
			next.Filemarks++
		}
		if _, err = p.data.WriteAt(w.headers[:n*format.RecordSize], start); err == nil {
			left -= uint32(n)
			w.c.keeper.grown(next.Offset, 0, 0)
			q.mu.Lock()
			p.addAll(w.entries[:n])
			s.filemarks = left
			q.mu.Unlock()
		}
	}
	q.mu.Lock()
	if w.settle(q, err) {
		*s = slot{}
		q.head++
		if q.claim < q.head {
			q.claim = q.head
		}
	}
}

// settle notes how an append ended and says whether it did well. A full file
// system loses nothing: the slots stay, and the same is written again at the
// same place when there may be room. q.mu is held.
func (w *writer) settle(q *queue, err error) bool {
	switch {
	case err == nil:
		return true
	case noRoom(err):
		q.full = fmt.Errorf("%w: %w", ErrNoRoom, err)
	default:
		if q.err == nil {
			q.err = fmt.Errorf("%w: %w", ErrWrite, err)
		}
	}
	return false
}

// next is the header of the next record of a partition, with what is the same
// for all kinds.
func (p *partition) next() format.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return format.Record{Partition: p.number, Tag: p.tag, Offset: p.end, Object: p.objects,
		Filemarks: p.filemarks, Epoch: p.epoch, Durable: p.durable}
}
