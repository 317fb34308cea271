package libcart

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"govtl/internal/vfs"
)

// resident is how many bytes the program holds.
func resident() int64 {
	runtime.GC()
	runtime.GC() // what pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// manyFilemarks makes a cartridge of n filemarks whose index is cut at keep
// entries, closed properly or not.
func manyFilemarks(t *testing.T, n, keep int, closed bool) string {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	_, err := c.WriteFilemarks(uint32(n))
	must(t, err)
	must(t, c.Sync(t.Context()))
	written, err := os.ReadFile(metaName(dir))
	must(t, err)
	must(t, c.Close())
	if !closed {
		must(t, os.WriteFile(metaName(dir), written, 0o666))
	}
	must(t, os.Truncate(indexName(dir, 0), 64+32*int64(keep)))
	return dir
}

// TestLongTapeTakesNoMemory: the index of a long tape is nowhere in memory, neither
// when it is made again nor when it is only borrowed for reading, but for what was
// not known to be durable (syncRecords).
func TestLongTapeTakesNoMemory(t *testing.T) {
	const n, entry = 150_000, 32
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	for _, closed := range []bool{true, false} {
		for _, keep := range []int{-2, n - 10_000} {
			for _, readOnly := range []bool{true, false} {
				if !readOnly && keep > 0 {
					continue
				}
				dir := manyFilemarks(t, n, keep, closed)
				before := resident()
				c := mustOpen(t, dir, Options{ReadOnly: readOnly})
				if grown := resident() - before; grown > n*entry/4 {
					t.Errorf("closed %v, %d entries, read-only %v: %d bytes", closed, keep, readOnly, grown)
				}
				if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
					t.Errorf("%v, %v", left, err)
				}
				for i := uint64(0); i < n; i += n/50 - 1 {
					must(t, c.LocateFile(0, i))
					if p := c.Position(); p.Object != i {
						t.Fatalf("file %d is at %+v", i, p)
					}
					_, err := c.Read(0)
					wantErr(t, "Read", err, ErrFilemark)
				}
				must(t, c.LocateEnd(0))
				if p := c.Position(); p.Object != n || p.Filemarks != n {
					t.Fatalf("end at %+v", p)
				}
				must(t, c.Close())
			}
		}
	}
}

// noTemporary is a file system without room for temporary files.
type noTemporary struct{ vfs.FS }

func (noTemporary) Temporary() (vfs.File, error) { return nil, errors.New("no room") }

// TestNothingToBorrow: without a temporary file it works all the same.
func TestNothingToBorrow(t *testing.T) {
	dir := manyFilemarks(t, 20_000, 100, true)
	c := mustOpen(t, dir, Options{ReadOnly: true, FS: noTemporary{vfs.OS{}}})
	must(t, c.LocateFile(0, 15_000))
	_, err := c.Read(0)
	wantErr(t, "Read", err, ErrFilemark)
}
