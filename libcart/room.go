package libcart

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

const (
	// filemarkRoom is kept free behind blocks for filemarks and the trailers'
	// index, in the file and in the partition.
	filemarkRoom = 64 << 10

	// metaRoom is left on the file system for a new meta file and its copy.
	metaRoom = 512 << 10

	// dataStep and indexStep are how much is reserved at a time.
	dataStep  = 64 << 20
	indexStep = 256 << 10
)

// room keeps track of what is reserved on the file system beyond the ends of a
// partition's files, so that nothing is accepted into the drive buffer that the
// file system then has no room for.
type room struct {
	mu          sync.Mutex
	data, index int64 // reserved up to this offset
	unsupported bool  // the file system cannot reserve
	free        int64 // of the file system when it was last asked; beyond the reserved
}

// forget says that the files were truncated.
func (r *room) forget() {
	r.mu.Lock()
	r.data, r.index = 0, 0
	r.mu.Unlock()
}

// noRoom says that err is the file system's word for being full.
func noRoom(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// has says that so much is reserved already.
func (r *room) has(dataEnd, indexEnd int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return dataEnd <= r.data && indexEnd <= r.index
}

// reserve makes sure that the data file may grow to dataEnd and the index to
// indexEnd. Beyond that it reserves ahead when the file system has plenty.
// ErrNoRoom: it has no room.
func (r *room) reserve(fs vfs.FS, dir string, p *partition, dataEnd, indexEnd int64) error {
	if r.has(dataEnd, indexEnd) {
		return nil
	}
	// Asked for before r.mu is taken: a cut takes p.mu first and then r.mu.
	written := p.written()
	r.mu.Lock()
	defer r.mu.Unlock()
	if dataEnd <= r.data && indexEnd <= r.index {
		return nil
	}
	free, err := fs.Free(dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	r.free = free
	if r.unsupported {
		if free < metaRoom+filemarkRoom+max(dataEnd-written, 0) {
			return fmt.Errorf("%w: %s: %d bytes free on the file system", ErrNoRoom, dir, free)
		}
		return nil
	}
	if indexEnd > r.index {
		to := indexEnd
		if free > 64*indexStep {
			to += indexStep
		}
		if err := r.grow(p.index, r.index, to); err != nil {
			return err
		}
		r.index = to
	}
	if dataEnd > r.data {
		from := max(r.data, written)
		step := min(dataStep, max(p.capacity/8, 1<<20))
		if free < 4*step {
			step = 0
		}
		to := max(dataEnd, min(dataEnd+step, p.limit()))
		if to-from+metaRoom > free {
			return fmt.Errorf("%w: %s: %d bytes free on the file system", ErrNoRoom, dir, free)
		}
		if err := r.grow(p.data, from, to); err != nil {
			return err
		}
		r.free = max(free-(to-from), 0)
		r.data = to
	}
	return nil
}

// grow reserves from..to of a file.
func (r *room) grow(f vfs.File, from, to int64) error {
	if r.unsupported || to <= from {
		return nil
	}
	err := f.Allocate(from, to-from)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errors.ErrUnsupported):
		r.unsupported = true
		return nil
	case noRoom(err):
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return fmt.Errorf("%w: %w", ErrWrite, err)
}

// short says that the file system has less than least for this partition beyond
// dataEnd. Room may have appeared since it was last asked: only a fresh answer
// says so.
func (r *room) short(fs vfs.FS, dir string, dataEnd, least int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	reserved := max(r.data-dataEnd, 0)
	if r.free+reserved >= least {
		return false
	}
	if free, err := fs.Free(dir); err == nil {
		r.free = free
	}
	return r.free+reserved < least
}

// aheadOf says that less than half a step is reserved beyond dataEnd, and that the
// file system has plenty.
func (r *room) aheadOf(dataEnd, capacity int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.data > 0 && !r.unsupported && r.data-dataEnd < min(dataStep, max(capacity/8, 1<<20))/2 && r.free >= 8*dataStep
}

// limit is the offset that the data file never grows beyond.
func (p *partition) limit() int64 { return format.DataHeaderSize + p.capacity + filemarkRoom }

// written is the offset behind the last record in the data file.
func (p *partition) written() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.end
}

// recordRoom is the most that a block of n bytes takes in the data file.
func recordRoom(n int) int64 { return format.Size(0, uint32(n)) }
