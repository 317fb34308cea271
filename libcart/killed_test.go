package libcart

import (
	"errors"
	"io/fs"
	"slices"
	"sync/atomic"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

// pageCache is a file system whose page cache keeps what it has when a process dies
// in the middle of a synchronisation, where one that fails loses it.
type pageCache struct{ vfs.FS }

func (p pageCache) OpenFile(name string, flag int, mode fs.FileMode) (vfs.File, error) {
	f, err := p.FS.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return struct{ vfs.File }{f}, nil
}

// TestKilledAnywhere kills a process before each of its file operations; another one
// opens the cartridge and appends a block, and the power fails behind its sync
// point: all that the second process had is there, whether the first one had made
// it durable or not.
func TestKilledAnywhere(t *testing.T) {
	appendOne := func(c *Cartridge) error {
		data := modelBlock(300)
		b := buffer.Default.Get(len(data))
		copy(b.B, data)
		if _, err := c.Write(b); err != nil {
			return err
		}
		return c.Sync(t.Context())
	}
	for _, tc := range []struct {
		name string
		do   func(c *Cartridge) error
	}{
		{"append", func(c *Cartridge) error { return errors.Join(c.LocateEnd(0), appendOne(c)) }},
		{"overwrite the middle", func(c *Cartridge) error { return errors.Join(c.LocateObject(0, 7), appendOne(c)) }},
		{"overwrite all", func(c *Cartridge) error { return errors.Join(c.LocateObject(0, 0), appendOne(c)) }},
		{"erase", func(c *Cartridge) error { return errors.Join(c.LocateObject(0, 3), c.Erase()) }},
		{"format", func(c *Cartridge) error { return c.Format([]int64{4 << 20, 4 << 20}) }},
		{"attribute", func(c *Cartridge) error {
			return c.SetAttributes(0, []Attribute{{ID: 0x0806, Format: 1, Value: []byte("new")}})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for n := int64(1); ; n++ {
				s := newScene(t)
				must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
				c := mustOpen(t, worldDir, Options{FS: &s.mem})
				for i := range 20 {
					put(t, c, modelBlock(i))
				}
				must(t, c.SetAttributes(0, []Attribute{{ID: 0x0806, Format: 1, Value: []byte("old")}}))
				must(t, c.Close())

				var left atomic.Int64
				left.Store(n)
				killed := errors.New("killed")
				first, err := Open(worldDir, Options{FS: vfs.Failing(pageCache{&s.mem}, func(vfs.Op) error {
					if left.Add(-1) < 0 {
						return killed
					}
					return nil
				})})
				if err == nil {
					err = errors.Join(tc.do(first), first.Close())
				}
				s.mem.Kill()

				second := mustOpen(t, worldDir, Options{FS: &s.mem})
				had, oerr := observe(second)
				must(t, oerr)
				must(t, second.LocateEnd(0))
				put(t, second, modelBlock(301))
				must(t, second.Sync(t.Context()))
				had.parts[0] = append(had.parts[0], 301)

				got, oerr := observe(mustOpen(t, worldDir, Options{FS: s.mem.Crash(nil, 0)}))
				must(t, oerr)
				if got.attr != had.attr || len(got.parts) != len(had.parts) || !slices.Equal(got.parts[0], had.parts[0]) {
					t.Fatalf("killed at operation %d: %+v; before the power failed %+v", n, got, had)
				}
				if err == nil {
					if n < 5 {
						t.Errorf("%d operations are too few to be true", n)
					}
					return
				}
			}
		})
	}
}
