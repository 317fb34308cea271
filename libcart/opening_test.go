package libcart

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"

	"govtl/internal/vfs"
)

// watched tells each read of a cartridge's files to a function.
type watched struct {
	vfs.FS
	read func()
}

type watchedFile struct {
	vfs.File
	read func()
}

func (w watched) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := w.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return watchedFile{f, w.read}, nil
}

func (f watchedFile) ReadAt(b []byte, off int64) (int, error) {
	f.read()
	return f.File.ReadAt(b, off)
}

// longTape makes a cartridge of two partitions with n objects each and no index.
func longTape(t *testing.T, n int, closed bool) *vfs.Memory {
	var mem vfs.Memory
	must(t, mem.MkdirAll("/lib", 0o700))
	s := testSpec()
	s.Kind = Null
	must(t, Create(worldDir, s, Options{FS: &mem}))
	c := mustOpen(t, worldDir, Options{FS: &mem})
	must(t, c.Format([]int64{32 << 20, 32 << 20}))
	for p := range uint8(2) {
		must(t, c.LocateObject(p, 0))
		_, err := c.WriteFilemarks(uint32(n))
		must(t, err)
		must(t, c.Sync(t.Context()))
	}
	if closed {
		must(t, c.Close())
	} else {
		mem.Kill()
		_ = c.Close()
	}
	for p := range uint8(2) {
		must(t, mem.Remove(indexName(worldDir, p)))
	}
	return &mem
}

// TestProgressOfOpening: what is to be rebuilt is known before it is, how much of
// it is done only grows, and in the end all is.
func TestProgressOfOpening(t *testing.T) {
	for _, closed := range []bool{true, false} {
		mem := longTape(t, 500, closed)
		var g *Opening
		var seen []int64
		var total int64
		g, err := Begin(worldDir, Options{FS: watched{mem, func() {
			if g != nil {
				done, all := g.Progress()
				seen, total = append(seen, done), max(total, all)
				if done > all {
					t.Errorf("%d of %d", done, all)
				}
			}
		}}})
		must(t, err)
		if i := g.Info(); i.Barcode != testSpec().Barcode || i.Partitions != 2 {
			t.Errorf("%+v", i)
		}
		c, err := g.Finish(t.Context())
		must(t, err)
		if done, all := g.Progress(); done != all || all != total || all < 2*2*500*96 {
			t.Errorf("%d of %d in the end, %d before", done, all, total)
		}
		if !slices.IsSorted(seen) || len(slices.Compact(seen)) < 1000 {
			t.Errorf("closed=%v: %d steps, not in order", closed, len(slices.Compact(seen)))
		}
		for p := range uint8(2) {
			if c.parts[p].objects != 500 {
				t.Errorf("partition %d has %d objects", p, c.parts[p].objects)
			}
		}
		must(t, c.Close())
	}
}

// TestOpeningIsGivenUp: whoever gives up waiting for a cartridge gets it out of the
// way at once, wherever it was, and can open it again.
func TestOpeningIsGivenUp(t *testing.T) {
	enough := errors.New("enough")
	for _, closed := range []bool{true, false} {
		mem := longTape(t, 300, closed)
		for n := int64(1); ; n += 97 {
			ctx, cancel := context.WithCancelCause(t.Context())
			var reads atomic.Int64
			g, err := Begin(worldDir, Options{FS: watched{mem.Clone(), func() {
				if reads.Add(1) == n {
					cancel(enough)
				}
			}}})
			must(t, err)
			c, err := g.Finish(ctx)
			if err == nil {
				must(t, c.Close())
				if n < 600 {
					t.Errorf("only %d reads", n)
				}
				break
			}
			wantErr(t, "Finish", err, enough)
			if r := reads.Load(); r > n+8 {
				t.Errorf("%d reads after it was given up", r-n)
			}
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(enough)
		g, err := Begin(worldDir, Options{FS: mem})
		must(t, err)
		_, err = g.Finish(ctx)
		wantErr(t, "Finish", err, enough)
		g, err = Begin(worldDir, Options{FS: mem}) // the lock is free
		must(t, err)
		_, err = Begin(worldDir, Options{FS: mem})
		wantErr(t, "the second", err, ErrInUse)
		must(t, g.Close())
		c := mustOpen(t, worldDir, Options{FS: mem})
		must(t, c.LocateEnd(1))
		if o := c.Position().Object; o != 300 {
			t.Errorf("%d objects", o)
		}
	}
}
