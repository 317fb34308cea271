package libcart

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
)

// spots is a file system where reading a data file fails at some places.
type spots struct {
	vfs.FS
	bad *[]int64
}

type spotFile struct {
	vfs.File
	bad *[]int64
}

func (s spots) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	f, err := s.FS.OpenFile(name, flag, perm)
	if err != nil || name != dataName(worldDir, 0) {
		return f, err
	}
	return spotFile{f, s.bad}, nil
}

func (f spotFile) hit(off, n int64) error {
	for _, b := range *f.bad {
		if b >= off && b < off+n {
			return unix.EIO
		}
	}
	return nil
}

func (f spotFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.hit(off, int64(len(b))); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f spotFile) ReadvAt(bufs [][]byte, off int64) (int, error) {
	n := int64(0)
	for _, b := range bufs {
		n += int64(len(b))
	}
	if err := f.hit(off, n); err != nil {
		return 0, err
	}
	return f.File.ReadvAt(bufs, off)
}

// outcome is what reading an object gave, in words.
func outcome(c *Cartridge) string {
	object := c.Position().Object
	o, err := c.Read(1 << 20)
	switch {
	case err == nil:
		defer o.Block.Release()
		return fmt.Sprintf("block %d %08X %v %v", len(o.Block.B), format.Checksum(o.Block.B), o.Codec, o.Encrypted)
	case errors.Is(err, ErrFilemark):
		return "filemark"
	}
	for _, e := range []error{ErrDamaged, ErrEncrypted, ErrWrongKey, ErrTampered, ErrEndOfData} {
		if errors.Is(err, e) {
			if c.Position().Object != object {
				return fmt.Sprintf("%v, and the position moved", e)
			}
			return e.Error()
		}
	}
	return err.Error()
}

// TestReadAheadSeesWhatReadingSees: reading a tape with damage in order, much of it
// by several records at a time, gives for each object what reading it alone gives:
// small and large blocks, each codec, encrypted ones of two keys, filemarks.
func TestReadAheadSeesWhatReadingSees(t *testing.T) {
	for seed := range rounds(8) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			readAheadOver(t, uint64(seed))
		})
	}
}

func readAheadOver(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 9))
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	keys := []*Cipher{nil, mustCipher(t, 1, "one"), mustCipher(t, 2, "two"), mustCipher(t, 1, "one")}
	c := mustOpen(t, worldDir, Options{FS: &s.mem})
	const n = 300
	for i := range n {
		if r.IntN(20) == 0 {
			must(t, c.SetCipher(keys[r.IntN(len(keys))]))
		}
		c.SetCodec([]Codec{Stored, LZ4, S2, Zstd}[r.IntN(4)], false)
		switch k := r.IntN(100); {
		case k < 10:
			_, err := c.WriteFilemarks(1)
			must(t, err)
		case k < 95:
			put(t, c, block(uint64(i), 1+r.IntN(3000)))
		default:
			put(t, c, block(uint64(i), 200_000))
		}
	}
	must(t, c.Close())

	entries := make([]format.Entry, n)
	index := s.mem.Content(indexName(worldDir, 0))
	for i := range entries {
		must(t, format.DecodeEntry(&entries[i], index[format.EntryOffset(uint64(i)):], uint64(i)))
	}
	data := slices.Clone(s.mem.Content(dataName(worldDir, 0)))
	var bad []int64
	for range r.IntN(12) {
		e := entries[r.IntN(n)]
		at := e.Offset + r.Int64N(e.Size())
		switch r.IntN(3) {
		case 0:
			data[at] ^= 1 << r.IntN(8)
		case 1:
			bad = append(bad, at)
		default:
			index[format.EntryOffset(uint64(r.IntN(n)))+int64(r.IntN(format.EntrySize))] ^= 0x40
		}
	}
	must(t, s.mem.SetContent(dataName(worldDir, 0), data))
	must(t, s.mem.SetContent(indexName(worldDir, 0), index))

	open := func() *Cartridge {
		c := mustOpen(t, worldDir, Options{FS: spots{s.mem.Clone(), &bad}})
		c.SetDecipher(keys[1])
		return c
	}
	alone := make([]string, n)
	for c, i := open(), n-1; i >= 0; i-- {
		must(t, c.LocateObject(0, uint64(i)))
		alone[i] = outcome(c)
	}
	c = open()
	for i := range n {
		if at := c.Position().Object; at != uint64(i) {
			t.Fatalf("at object %d instead of %d", at, i)
		}
		got := outcome(c)
		if got != alone[i] {
			t.Errorf("object %d: %q in order, %q alone", i, got, alone[i])
		}
		if c.Position().Object == uint64(i) { // nothing was read
			if done, err := c.SpaceBlocks(1); done != 1 && !errors.Is(err, ErrFilemark) {
				t.Fatalf("cannot go beyond object %d: %v", i, err)
			}
		}
	}
	if got := outcome(c); got != ErrEndOfData.Error() {
		t.Errorf("behind the last: %q", got)
	}
}
