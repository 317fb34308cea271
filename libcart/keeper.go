package libcart

import (
	"fmt"
	"sync"
	"time"

	"govtl/libcart/internal/format"
)

const (
	// flushStep is how many bytes are handed to the disk at a time, ahead of
	// the synchronisation that will wait for them.
	flushStep = 8 << 20

	// behindBytes is how far behind the end the disk is waited for and the page
	// cache let go, unless it may keep what was written (cache.go).
	behindBytes = 2 * flushStep

	// aheadOfDisk bounds what the disk has not written yet: a synchronisation
	// never waits for more than this and the drive buffer.
	aheadOfDisk = 64 << 20

	// syncBytes and syncRecords bound what is not durable, so that what a
	// crash leaves to be verified, and what waits in memory for its index
	// entry, has a bound too.
	syncBytes   = 1 << 30
	syncRecords = 128 << 10
)

// keeper is the goroutine behind the writer: it starts the disk on what was
// appended, waits for what it was started on before, reserves room ahead, and
// synchronises when much has gathered.
//
//	settled ──(behindBytes at least)── begun ──(under flushStep)── end
//	   └─ on the disk, not cached         └─ handed to the disk
type keeper struct {
	c       *Cartridge
	mu      sync.Mutex
	wake    sync.Cond // end grew, or closed
	idle    sync.Cond // not busy, or settled grew, or nobody is to wait any more
	part    *partition
	end     int64 // of part
	begun   int64
	settled int64
	cache   cache
	busy    bool
	closed  bool
	failed  bool
}

func newKeeper(c *Cartridge) *keeper {
	k := &keeper{c: c}
	k.wake.L, k.idle.L = &k.mu, &k.mu
	return k
}

// follow makes the keeper look after a partition that is about to be appended to.
func (k *keeper) follow(p *partition, end int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rest()
	k.part, k.end = p, end
	k.begun = end - end%flushStep
	k.settled = k.begun
	k.cache.begin(p, k.begun)
}

// forget makes the keeper let go of a partition that is about to be closed. It
// returns when it has.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.rest()
	k.part = nil
}

// rest waits until the keeper is at no file. mu is held.
func (k *keeper) rest() {
	for k.busy {
		k.idle.Wait()
	}
}

// grown tells the keeper where its partition ends now, and how long it took to
// write n bytes there; it waits while the disk is too far behind.
func (k *keeper) grown(end, n int64, took time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.end = end
	k.cache.took(n, took)
	k.wake.Signal()
	for k.part != nil && k.end-k.settled > aheadOfDisk && !k.closed && !k.failed {
		k.idle.Wait()
	}
}

func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.wake.Signal()
	k.idle.Broadcast()
}

func (k *keeper) run() {
	k.mu.Lock()
	defer k.mu.Unlock()
	var seen int64
	for {
		k.busy = false
		k.idle.Broadcast()
		for !k.closed && (k.part == nil || k.end == seen && k.begun-k.settled <= behindBytes) {
			k.wake.Wait()
		}
		if k.closed {
			return
		}
		part, from, to, behind := k.part, k.begun, k.end-k.end%flushStep, k.settled
		seen, k.busy = k.end, true
		k.mu.Unlock()

		var err error
		if to > from {
			err = k.begin(part, from, to-from)
		}
		if err == nil && to-behind > behindBytes {
			if err = k.settle(part, behind); err == nil {
				behind += flushStep
			}
		}
		if err == nil {
			err = k.keep(part)
		}
		if err != nil {
			k.c.queue.fail(err)
		}
		k.mu.Lock()
		k.begun, k.settled = max(to, from), behind
		k.failed = k.failed || err != nil
	}
}

// begin starts the disk on n bytes. An error has to be kept, as that of settle.
func (k *keeper) begin(p *partition, from, n int64) error {
	if err := p.data.Flush(from, n); err != nil {
		p.syncMu.Lock()
		defer p.syncMu.Unlock()
		return fmt.Errorf("%w: %w", ErrWrite, p.fail(err))
	}
	return nil
}

// settle waits for one step and lets go of its memory. An error is the one that
// synchronising would have told, and now will not: it has to be kept.
func (k *keeper) settle(p *partition, from int64) error {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	if p.failed == nil {
		p.failed = p.data.Await(from, flushStep)
	}
	if p.failed != nil {
		return fmt.Errorf("%w: %w", ErrWrite, p.failed)
	}
	k.mu.Lock()
	keep := k.cache.keep(p, from, flushStep)
	k.mu.Unlock()
	if !keep {
		p.data.Drop(from, flushStep)
	}
	return nil
}

// keep reserves room ahead, and synchronises a partition when much of it is not
// durable.
func (k *keeper) keep(p *partition) error {
	p.mu.Lock()
	undurable, records := p.end-p.durable, p.objects-p.durableObjects
	p.mu.Unlock()
	k.reserveAhead(p)
	if undurable > syncBytes || records > syncRecords {
		return k.c.syncPartition(p)
	}
	return nil
}

// reserveAhead reserves what may come next: what the drive buffer can hold, and
// more behind it. A cut excludes it, so that it never goes by an end that was.
func (k *keeper) reserveAhead(p *partition) {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	p.mu.Lock()
	next, entries := p.end+k.c.opts.BufferSize, format.EntryOffset(p.objects)
	p.mu.Unlock()
	if p.room.aheadOf(next, p.capacity) {
		// Without room the owner will be told so when it needs it.
		_ = p.room.reserve(k.c.fs, k.c.dir, p, min(next+dataStep, p.limit()), entries)
	}
}

// syncPartition is partition.sync with the errors that a cartridge reports. What
// fails at the index leaves the promise kept, but ends writing.
func (c *Cartridge) syncPartition(p *partition) error {
	err, indexErr := p.sync()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	if indexErr != nil && !noRoom(indexErr) {
		c.queue.fail(fmt.Errorf("%w: %w", ErrWrite, indexErr))
	}
	return nil
}
