package libcart

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

// writeMuch writes stored blocks of 1 MiB up to n, or to the first error.
func writeMuch(c *Cartridge, n int) error {
	for range n {
		b := buffer.Default.Get(1 << 20)
		clear(b.B)
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
	return nil
}

// TestWritebackFailureIsNeverForgotten: what the keeper is told about the disk,
// nobody else is. It ends writing and every promise, and is a deferred error.
func TestWritebackFailureIsNeverForgotten(t *testing.T) {
	for _, kind := range []string{"flush", "await"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
			told := make(chan struct{})
			var once sync.Once
			c := mustOpen(t, worldDir, Options{FS: vfs.Failing(&s.mem, func(o vfs.Op) (err error) {
				if o.Kind == kind && o.Off > 0 {
					once.Do(func() { err = unix.EIO; close(told) })
				}
				return err
			})})
			put(t, c, block(1, 5000))
			_, err := c.WriteFilemarks(1)
			must(t, err)
			must(t, c.Sync(t.Context()))
			if err := writeMuch(c, 36); err != nil {
				wantErr(t, "Write", err, ErrWrite)
			}
			<-told
			wantErr(t, "Sync", c.Sync(t.Context()), ErrWrite)
			wantErr(t, "Sync again", c.Sync(t.Context()), ErrWrite)
			_, err = c.WriteFilemarks(1)
			wantErr(t, "filemark", err, ErrWrite)
			wantErr(t, "over it", errors.Join(c.LocateObject(0, 0), c.Erase()), ErrWrite)
			wantErr(t, "Close", c.Close(), ErrWrite)

			c = mustOpen(t, worldDir, Options{FS: s.mem.Crash(nil, 0)})
			wantBlock(t, c, block(1, 5000))
			_, err = c.Read(0)
			wantErr(t, "the filemark that was promised", err, ErrFilemark)
			_, err = c.Read(0)
			wantErr(t, "what was lost", err, ErrEndOfData)
		})
	}
}

// TestDeferredWritebackFailure: nobody asks before the failure is told.
func TestDeferredWritebackFailure(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	c := mustOpen(t, worldDir, Options{FS: vfs.Failing(&s.mem, func(o vfs.Op) error {
		if o.Kind == "await" {
			return unix.EIO
		}
		return nil
	})})
	must(t, writeMuch(c, 26))
	must(t, c.queue.drain())
	c.keeper.mu.Lock()
	for !c.keeper.failed {
		c.keeper.idle.Wait()
	}
	c.keeper.mu.Unlock()
	wantErr(t, "Deferred", c.Deferred(), ErrWrite)
	must(t, c.Deferred()) // is told once
	wantErr(t, "Sync", c.Sync(t.Context()), ErrWrite)
}

// TestPaceWithTheDisk: a disk that stands still stops the writer; that it goes on,
// or fails, sets it free.
func TestPaceWithTheDisk(t *testing.T) {
	for name, outcome := range map[string]error{"goes on": nil, "fails": unix.EIO} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { paceWithTheDisk(t, outcome) })
		})
	}
}

func paceWithTheDisk(t *testing.T, outcome error) {
	dir := filepath.Join(t.TempDir(), "A")
	spec := testSpec()
	spec.Capacity = 1 << 30
	must(t, Create(dir, spec, Options{}))
	var written atomic.Int64
	disk := make(chan struct{})
	c, err := Open(dir, Options{BufferSize: 8 << 20, FS: vfs.Failing(vfs.OS{}, func(o vfs.Op) error {
		switch {
		case o.Kind == "write" && strings.HasSuffix(o.Name, "data"):
			written.Store(o.Off + o.N)
		case o.Kind == "await":
			<-disk
			return outcome
		}
		return nil
	})})
	must(t, err)
	const blocks = 100
	done := make(chan error)
	go func() { done <- writeMuch(c, blocks) }()
	synctest.Wait() // until nobody can do anything more
	if n := written.Load(); n <= aheadOfDisk || n > aheadOfDisk+2*batchBytes {
		t.Errorf("%d bytes are ahead of the disk", n)
	}
	close(disk)
	err = <-done
	if err == nil {
		err = c.Sync(t.Context())
	}
	switch {
	case outcome == nil:
		must(t, err)
		must(t, c.Close())
		if written.Load() < blocks<<20 {
			t.Errorf("%d bytes are written", written.Load())
		}
	default:
		wantErr(t, "writing", err, ErrWrite)
		wantErr(t, "Close", c.Close(), ErrWrite)
	}
}

// TestReplacedWhileFailing writes over a recording from its beginning; each file
// operation fails in turn. The old recording is there then, or a beginning of the
// new one, and never parts of both.
func TestReplacedWhileFailing(t *testing.T) {
	for _, once := range []bool{true, false} {
		for _, fail := range []error{unix.EIO, unix.ENOSPC} {
			for n := 0; ; n++ {
				mem, done := replaceFailing(t, n, fail, once)
				for _, keep := range []float64{0, 1} {
					c := mustOpen(t, worldDir, Options{FS: mem.Crash(nil, keep)})
					seen, err := observe(c)
					must(t, err)
					old := model{parts: [][]int{{1, 2, 3, 4, 5, mark}}, durable: []int{6}}
					young := model{parts: [][]int{{10, 11, mark}}, durable: []int{0}}
					if done {
						old.durable, young.durable = []int{99}, []int{3}
					}
					if !old.allows(seen) && !young.allows(seen) {
						t.Fatalf("operation %d, %v, once %v: done %v, %+v; %+v", n, fail, once, done, seen, c.Recovery())
					}
					must(t, c.Close())
				}
				if done && n > 60 {
					break
				}
			}
		}
	}
}

// replaceFailing writes a recording and then over it with operation n failing. It
// says whether the second one was promised.
func replaceFailing(t *testing.T, n int, fail error, once bool) (*vfs.Memory, bool) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	c := mustOpen(t, worldDir, Options{FS: &s.mem})
	record := func(c *Cartridge, seeds ...int) error {
		for _, seed := range seeds {
			b := buffer.Default.Get(len(modelBlock(seed)))
			copy(b.B, modelBlock(seed))
			if _, err := c.Write(b); err != nil {
				return err
			}
		}
		_, err := c.WriteFilemarks(1)
		return errors.Join(err, c.Sync(t.Context()))
	}
	must(t, record(c, 1, 2, 3, 4, 5))
	must(t, c.Close())
	var mu sync.Mutex
	count := 0
	c, err := Open(worldDir, Options{FS: vfs.Failing(&s.mem, func(vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if count++; count == n+1 || count > n && !once {
			return fail
		}
		return nil
	})})
	if err != nil {
		return &s.mem, false
	}
	done := record(c, 10, 11) == nil
	_ = c.Close()
	return &s.mem, done
}

// TestGivenBackInPieces: an overwritten recording is made shorter piece by piece
// behind the writer, and what a crash has left of a replacement is removed.
func TestGivenBackInPieces(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	var mu sync.Mutex
	var sizes []int64
	fsys := vfs.Failing(&s.mem, func(o vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if o.Kind == "truncate" && o.Name == dataName(worldDir, 0) {
			sizes = append(sizes, o.Off)
		}
		return nil
	})
	c := mustOpen(t, worldDir, Options{FS: fsys})
	must(t, writeMuch(c, disposeStep>>20+4))
	must(t, c.LocateObject(0, 0))
	end := c.parts[0].written()
	put(t, c, block(1, 1000))
	must(t, c.Sync(t.Context()))
	c.disposals.Wait()
	mu.Lock()
	if !slices.Equal(sizes, []int64{end - disposeStep}) {
		t.Errorf("truncated to %d; the recording ended at %d", sizes, end)
	}
	mu.Unlock()
	must(t, c.Close())

	left := []string{metaName(worldDir) + newSuffix, dataName(worldDir, 0) + newSuffix}
	for _, name := range left {
		must(t, writeOnly(&s.mem, name, []byte("half of it")))
	}
	c = mustOpen(t, worldDir, Options{FS: &s.mem})
	for _, name := range left {
		if _, err := s.mem.Stat(name); err == nil {
			t.Errorf("%s is still there", name)
		}
	}
	wantBlock(t, c, block(1, 1000))
}
