package libcart

import (
	"fmt"
	"path/filepath"
	"sync"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// partition is the files of one partition and what is known of them.
//
// Three goroutines meet here: the owner (who calls the Cartridge's methods), the
// writer (write.go), and the keeper (keeper.go). mu guards the numbers; syncMu is
// held while durability or the index file changes, and is taken before mu.
type partition struct {
	number   uint8
	capacity int64 // bytes of records
	tag      uint64
	first    uint32 // epochs below it are of an earlier recording
	data     vfs.File
	index    vfs.File

	syncMu  sync.Mutex
	scratch []byte // guarded by syncMu

	// failed is the first error of synchronising the data file; guarded by
	// syncMu. The kernel tells of pages that it could not write once, to whoever
	// asks first: after that a second synchronisation succeeds and means nothing.
	failed error

	mu             sync.Mutex
	end            int64  // offset behind the last record that is in the file
	objects        uint64 // records in the file
	filemarks      uint64 // of these
	epoch          uint32 // of the records being written
	indexed        uint64 // entries in the index file
	pending        []format.Entry
	durable        int64 // bytes of the data file that are durable
	durableObjects uint64

	// cached is the part of the data file that is kept in the page cache.
	cached struct{ from, to int64 }

	work *work // while it is recovered, else nil

	room room // what is reserved on the file system

	// page is the part of the index that was read last; only the owner uses it.
	page indexPage

	// gap is where objects were searched in vain since the cartridge was opened;
	// only the owner uses it.
	gap struct{ first, end uint64 }

	// mended has entries that the index file lacks and that could not be
	// written to it because it is open for reading only.
	mended map[uint64]format.Entry
}

// maxMended bounds partition.mended; beyond it everything is forgotten and found
// again when asked for.
const maxMended = 1 << 16

func dataName(dir string, p uint8) string  { return partName(dir, "data", p) }
func indexName(dir string, p uint8) string { return partName(dir, "index", p) }

func partName(dir, base string, p uint8) string {
	if p > 0 {
		base = fmt.Sprintf("%s.%d", base, p)
	}
	return filepath.Join(dir, base)
}

// tagOf is what ties a record to its cartridge.
func tagOf(uuid [16]byte) (tag uint64) {
	for _, b := range uuid[:8] {
		tag = tag<<8 | uint64(b)
	}
	return tag
}

// add notes records that were written to the data file behind the others.
func (p *partition) add(e format.Entry) {
	p.pending = append(p.pending, e)
	p.objects++
	p.filemarks = e.FilemarksBehind()
	p.end = e.End()
}

// addAll is add for several, from the writer: queue.mu is held, so that what is
// in the queue and what is in the file are always everything.
func (p *partition) addAll(list []format.Entry) {
	p.mu.Lock()
	for _, e := range list {
		p.add(e)
	}
	p.mu.Unlock()
}

// dirty says that bytes were written that are not known to be durable.
func (p *partition) dirty() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.durable < p.end
}

// sync makes what is in the data file durable, with one file operation, and then
// writes the index entries of it, which need not be durable themselves. The
// second error is that of the index: it does not concern what was promised.
func (p *partition) sync() (err, indexErr error) {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	p.mu.Lock()
	end, objects, durable := p.end, p.objects, p.durable
	p.mu.Unlock()
	if p.failed != nil {
		return p.failed, nil
	}
	if durable < end {
		if err := p.data.Sync(); err != nil {
			return p.fail(err), nil
		}
		p.mu.Lock()
		p.durable, p.durableObjects = end, objects
		p.mu.Unlock()
	}
	return nil, p.writeEntries()
}

// fail keeps the first error of the data file and returns it. syncMu is held.
func (p *partition) fail(err error) error {
	if p.failed == nil {
		p.failed = err
	}
	return p.failed
}

// writeEntries writes the index entries of records that are durable. syncMu is
// held.
func (p *partition) writeEntries() error {
	const most = 2048 // entries in one write
	for {
		p.mu.Lock()
		first := p.indexed
		n := 0
		if p.durableObjects > first {
			n = int(min(p.durableObjects-first, most))
		}
		if cap(p.scratch) < n*format.EntrySize {
			p.scratch = make([]byte, most*format.EntrySize)
		}
		b := p.scratch[:n*format.EntrySize]
		for i := range n {
			p.pending[i].Put(b[i*format.EntrySize:], first+uint64(i))
		}
		p.mu.Unlock()
		if n == 0 {
			return nil
		}
		if _, err := p.index.WriteAt(b, format.EntryOffset(first)); err != nil {
			return err
		}
		p.mu.Lock()
		p.indexed += uint64(n)
		p.pending = p.pending[:copy(p.pending, p.pending[n:])]
		p.mu.Unlock()
	}
}

// cut makes object the end of data, durably; what follows will be of an epoch. It
// returns whether anything had been changed when it failed. The writer is idle.
//
// Truncating is not one step on a disk: the rest of the last page may be cleared
// before the file is shorter. So the index is cut first, and gets a mark that says
// what has to be gone from the data file. It is durable before that is touched,
// by shorten, which makes the data file end at an offset, durably.
func (p *partition) cut(object uint64, end int64, filemarks uint64, epoch uint32, shorten func(*partition, int64) error) (changed bool, err error) {
	p.syncMu.Lock()
	defer p.syncMu.Unlock()
	if p.failed != nil {
		return true, p.failed
	}
	p.page.n = 0
	p.gap.first, p.gap.end = 0, 0
	clear(p.mended)
	p.mu.Lock()
	behind := p.indexed < object
	p.mu.Unlock()
	if behind { // the mark needs its place in the index
		if err := p.data.Sync(); err != nil {
			return true, p.fail(err)
		}
		p.mu.Lock()
		p.durable, p.durableObjects = p.end, p.objects
		p.mu.Unlock()
		if err := p.writeEntries(); err != nil {
			return false, err
		}
	}
	mark := format.Entry{Kind: format.Cut, Offset: end, Filemarks: uint32(filemarks), Epoch: epoch}
	var b [format.EntrySize]byte
	mark.Put(b[:], object)
	if _, err := p.index.WriteAt(b[:], format.EntryOffset(object)); err != nil {
		return false, err
	}
	if err := p.index.Truncate(format.EntryOffset(object + 1)); err != nil {
		return true, err
	}
	if err := p.index.Sync(); err != nil {
		return true, err
	}
	if err := shorten(p, end); err != nil {
		return true, err
	}
	p.mu.Lock()
	p.indexed = min(p.indexed, object)
	p.pending = p.pending[:object-p.indexed]
	p.objects, p.end, p.filemarks = object, end, filemarks
	p.durable, p.durableObjects = end, object
	p.room.forget()
	p.mu.Unlock()
	return true, p.writeEntries()
}

// close closes the files.
func (p *partition) close() error {
	var err error
	for _, f := range []vfs.File{p.data, p.index} {
		if f != nil {
			if e := f.Close(); err == nil {
				err = e
			}
		}
	}
	return err
}
