package libcart

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// Cartridge is an open cartridge with a position, as in a drive. Its methods are
// for one goroutine at a time.
type Cartridge struct {
	dir  string
	fs   vfs.FS
	log  *slog.Logger
	opts Options
	lock vfs.File // held while open for writing

	meta     format.Meta
	recovery Recovery

	frozen bool // the file system is mounted read-only

	// secondhand: meta was not read from its own file.
	secondhand bool

	counters Counters
	parts    []*partition
	pos      Position

	// appending: the position is the end of data of the partition writing, and
	// the queue leads there.
	appending bool
	writing   *partition
	written   bool   // the meta file says so
	epochs    uint32 // taken from the meta file and not used yet

	queue   *queue
	keeper  *keeper
	behind  sync.WaitGroup // the goroutines behind the queue
	syncs   sync.WaitGroup // synchronisations that go on after their caller left
	started bool

	disposals sync.WaitGroup // recordings that are being given back to the file system
	hurry     atomic.Bool    // somebody waits for that

	reader recordReader // of the owner
	ahead  ahead
	closed bool
}

const (
	defaultBuffer  = 64 << 20
	defaultMinFree = 64 << 20
)

// newCartridge makes one without files, ready for either Open.
func newCartridge(dir string, o Options) *Cartridge {
	if o.FS == nil {
		o.FS = vfs.OS{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.BufferSize <= 0 {
		o.BufferSize = defaultBuffer
	}
	if o.MinFree == 0 {
		o.MinFree = defaultMinFree
	}
	c := &Cartridge{dir: dir, fs: o.FS, log: o.Log, opts: o, queue: newQueue(o.BufferSize)}
	c.keeper = newKeeper(c)
	c.ahead.limit = max(min(o.BufferSize/2, maxAheadBytes), 1)
	c.queue.codec, c.queue.adaptive = o.Codec, o.Adaptive
	return c
}

// start starts the goroutines behind the queue, at the first write.
func (c *Cartridge) start() {
	if c.started {
		return
	}
	c.started = true
	c.queue.slots = make([]slot, maxSlots)
	for range min(runtime.GOMAXPROCS(0), 8) {
		c.behind.Go(c.queue.compressor)
	}
	w := &writer{c: c}
	c.behind.Go(w.run)
	c.behind.Go(c.keeper.run)
}

// stop ends them; what was not written is lost.
func (c *Cartridge) stop() {
	q := c.queue
	q.mu.Lock()
	q.closed = true
	q.work.Broadcast()
	q.ready.Broadcast()
	q.mu.Unlock()
	c.keeper.close()
	c.behind.Wait()
	q.empty()
}

// Info returns what does not change while the cartridge is open, but by Format
// and SetWriteProtect.
func (c *Cartridge) Info() Info {
	i := infoOf(c.dir, &c.meta)
	i.WriteProtected = i.WriteProtected || c.frozen
	return i
}

// Recovery returns what Open found and did.
func (c *Cartridge) Recovery() Recovery { return c.recovery }

// Counters returns the lifetime and per-load counters.
func (c *Cartridge) Counters() Counters {
	k := c.counters
	if c.queue != nil {
		c.queue.mu.Lock()
		k.StoredBytesWritten += c.queue.stored
		k.LifetimeStoredWritten += c.queue.stored
		c.queue.mu.Unlock()
	}
	return k
}

// Position returns the position.
func (c *Cartridge) Position() Position { return c.pos }

// Partitions returns how many partitions there are.
func (c *Cartridge) Partitions() int { return len(c.parts) }

// part returns the partition of the position.
func (c *Cartridge) part() *partition { return c.parts[c.pos.Partition] }

// SetCodec chooses how blocks written from now on are compressed.
func (c *Cartridge) SetCodec(codec Codec, adaptive bool) {
	c.queue.mu.Lock()
	if q := c.queue; q.codec != codec || q.adaptive != adaptive {
		q.codec, q.adaptive, q.governor = codec, adaptive, governor{}
	}
	c.queue.mu.Unlock()
}

// BytesInBuffer returns how many objects, and bytes of them, are in the drive
// buffer and not yet in the file.
func (c *Cartridge) BytesInBuffer() (objects, bytes uint64) {
	q := c.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := q.head; i < q.tail; i++ {
		objects += uint64(max(q.at(i).filemarks, 1))
	}
	return objects, uint64(q.bytes)
}

// Deferred returns a failure behind the buffer that no command has reported yet,
// once.
func (c *Cartridge) Deferred() error {
	q := c.queue
	q.mu.Lock()
	err := q.err
	if q.told {
		err = nil
	}
	q.told = q.err != nil
	q.mu.Unlock()
	if err != nil {
		c.afterFailure()
	}
	return err
}

// failed returns why nothing can be written any more, and notes that it was
// reported.
func (c *Cartridge) failed() error {
	q := c.queue
	q.mu.Lock()
	err := q.err
	q.told = err != nil
	q.mu.Unlock()
	if err != nil {
		c.afterFailure()
	}
	return err
}

// afterFailure puts the position back to what is in the file, when it is beyond:
// what the buffer held is gone.
func (c *Cartridge) afterFailure() {
	if !c.appending {
		return
	}
	c.appending = false
	_ = c.queue.drain()
	p := c.writing
	p.mu.Lock()
	c.pos.Object, c.pos.Filemarks = p.objects, p.filemarks
	p.mu.Unlock()
}

// fail ends writing until the cartridge is opened anew, and returns err, which
// is thereby reported.
func (c *Cartridge) fail(err error) error {
	c.queue.fail(err)
	c.log.Error("cartridge takes no more writes", "cartridge", c.dir, "error", err)
	return c.failed()
}

// leave is called before anything that looks at the files or moves: what is in
// the buffer goes to the files first. When the file system has no room for it,
// it is lost, and the cartridge has failed.
func (c *Cartridge) leave() error {
	if !c.appending {
		return nil
	}
	err := c.queue.drain()
	if noRoom(err) {
		c.queue.retry()
		if err = c.queue.drain(); noRoom(err) {
			return c.fail(fmt.Errorf("%w: %w", ErrWrite, err))
		}
	}
	if err != nil {
		return c.failed()
	}
	c.appending = false
	return nil
}

// Sync returns nil when everything that was written before is durable. It costs
// one data synchronisation, or none when nothing was written since the last.
// ErrNoRoom: the file system is full, nothing is lost yet, and another Sync may
// do better. After any other error nothing will be durable before the cartridge
// is opened anew. When ctx ends first the outcome is unknown and the
// synchronisation goes on.
func (c *Cartridge) Sync(ctx context.Context) error {
	if err := c.failed(); err != nil {
		return err
	}
	if !c.started {
		return nil
	}
	c.queue.retry()
	if err := c.queue.drain(); err != nil {
		if c.queue.broken() {
			return c.failed()
		}
		return err
	}
	var dirty []*partition
	for _, p := range c.parts {
		if p.dirty() {
			dirty = append(dirty, p)
		}
	}
	if len(dirty) == 0 {
		return nil
	}
	c.counters.SyncPoints++
	begun := time.Now()
	defer func() { c.counters.SyncTime += time.Since(begun) }()
	done := make(chan error, 1)
	c.syncs.Go(func() {
		for _, p := range dirty {
			if err := c.syncPartition(p); err != nil {
				c.queue.fail(err)
				done <- err
				return
			}
		}
		done <- nil
	})
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-done:
		if err != nil {
			return c.fail(err)
		}
		return nil
	}
}

// Close makes everything durable, marks the cartridge as properly closed, and
// releases it. After an error it has released it too, but the next Open will
// have to recover.
func (c *Cartridge) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	c.ahead.close()
	if c.opts.ReadOnly {
		return c.closeFiles()
	}
	var err error
	if c.started {
		err = c.Sync(context.Background())
	} else {
		err = c.failed()
	}
	c.stop()
	c.syncs.Wait()
	if err == nil {
		err = c.storeClosed()
	}
	if e := c.closeFiles(); err == nil {
		err = e
	}
	return err
}

// storeClosed writes what makes the next Open quick.
func (c *Cartridge) storeClosed() error {
	for i, p := range c.parts {
		if c.written {
			p.syncMu.Lock()
			err := p.writeEntries()
			if err == nil {
				err = p.index.Truncate(format.EntryOffset(p.objects))
			}
			if err == nil {
				err = p.index.Sync()
			}
			if err == nil {
				// Gives back what was reserved beyond the end.
				err = p.data.Truncate(p.end)
			}
			p.syncMu.Unlock()
			if err != nil {
				if noRoom(err) {
					c.log.Warn("no room to close the cartridge properly; it will be recovered when loaded",
						"cartridge", c.dir, "error", err)
					return nil
				}
				return fmt.Errorf("%w: %w", ErrWrite, err)
			}
		}
		m := &c.meta.Partitions[i]
		m.End, m.Objects, m.Filemarks = p.end, p.objects, p.filemarks
	}
	c.meta.State = format.Closed
	if err := c.storeMeta(); err != nil {
		if noRoom(err) {
			c.log.Warn("no room for the cartridge memory", "cartridge", c.dir, "error", err)
			return nil
		}
		return err
	}
	return nil
}

func (c *Cartridge) closeParts() error {
	var err error
	for _, p := range c.parts {
		if e := p.close(); err == nil {
			err = e
		}
	}
	return err
}

func (c *Cartridge) closeFiles() error {
	err := c.closeParts()
	if c.lock != nil {
		_ = c.lock.Truncate(0)
		if e := c.lock.Close(); err == nil {
			err = e
		}
	}
	return err
}
