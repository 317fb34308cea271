package libcart

import (
	"fmt"
	"sync"

	"govtl/libcart/internal/format"
)

const (
	// flushStep is how many bytes are handed to the disk at a time, ahead of
	// the synchronisation that will wait for them.
	flushStep = 8 << 20

	// syncBytes and syncRecords bound what is not durable, so that what a
	// crash leaves to be verified, and what waits in memory for its index
	// entry, has a bound too.
	syncBytes   = 1 << 30
	syncRecords = 128 << 10
)

// keeper is the goroutine behind the writer: it starts the disk on what was
// appended, reserves room ahead, and synchronises when much has gathered.
type keeper struct {
	c      *Cartridge
	mu     sync.Mutex
	wake   sync.Cond
	part   *partition
	end    int64 // of part
	busy   bool
	idle   sync.Cond // not busy
	closed bool
}

func newKeeper(c *Cartridge) *keeper {
	k := &keeper{c: c}
	k.wake.L, k.idle.L = &k.mu, &k.mu
	return k
}

// grown tells the keeper where a partition ends now.
func (k *keeper) grown(p *partition, end int64) {
	k.mu.Lock()
	k.part, k.end = p, end
	k.mu.Unlock()
	k.wake.Signal()
}

func (k *keeper) close() {
	k.mu.Lock()
	k.closed = true
	k.mu.Unlock()
	k.wake.Signal()
}

func (k *keeper) run() {
	var part *partition
	var flushed, seen int64
	for {
		k.mu.Lock()
		k.busy = false
		k.idle.Broadcast()
		for !k.closed && (k.part == nil || k.part == part && k.end == seen) {
			k.wake.Wait()
		}
		if k.closed {
			k.mu.Unlock()
			return
		}
		if k.part != part || k.end < flushed {
			flushed = k.end - k.end%flushStep
		}
		part, seen = k.part, k.end
		k.busy = true
		k.mu.Unlock()

		if to := seen - seen%flushStep; to > flushed {
			// It is a hint: an error shows again at the synchronisation.
			_ = part.data.Flush(flushed, to-flushed)
			flushed = to
		}
		part.mu.Lock()
		undurable, records := part.end-part.durable, part.objects-part.durableObjects
		part.mu.Unlock()
		k.reserveAhead(part)
		if undurable > syncBytes || records > syncRecords {
			if err := k.c.syncPartition(part); err != nil {
				k.c.queue.fail(err)
			}
		}
	}
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

// forget makes the keeper let go of a partition that is about to be closed. It
// returns when it has.
func (k *keeper) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.part, k.end = nil, 0
	for k.busy {
		k.idle.Wait()
	}
}
