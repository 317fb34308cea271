package libcart

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"govtl/internal/buffer"
)

func testSpec() Spec {
	return Spec{Barcode: "VTL001L9", Density: 0x60, Medium: "LTO9", Kind: Data, Capacity: 64 << 20, Serial: "S123", MaxPartitions: 4,
		Attributes: []Attribute{{ID: 0x0400, Format: 1, ReadOnly: true, Value: []byte("GOVTL   ")}}}
}

// block returns a block of n bytes that is different for each seed and
// compresses about two to one.
func block(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 77))
	b := make([]byte, n)
	for i := 0; i < n; i += 16 {
		var x [8]byte
		v := r.Uint64()
		for j := range x {
			x[j] = byte(v >> (8 * j))
		}
		copy(b[i:], x[:])
	}
	return b
}

func put(t testing.TB, c *Cartridge, data []byte) {
	t.Helper()
	b := buffer.Default.Get(len(data))
	copy(b.B, data)
	if _, err := c.Write(b); err != nil {
		t.Fatalf("Write: %v", err)
	}
}

func wantBlock(t testing.TB, c *Cartridge, data []byte) {
	t.Helper()
	pos := c.Position()
	o, err := c.Read(1 << 20)
	if err != nil {
		t.Fatalf("Read at %+v: %v", pos, err)
	}
	if !bytes.Equal(o.Block.B, data) {
		t.Fatalf("Read at %+v: wrong block", pos)
	}
	o.Block.Release()
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}

func mustOpen(t testing.TB, dir string, o Options) *Cartridge {
	t.Helper()
	c, err := Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWriteReadEachCodec(t *testing.T) {
	for _, codec := range []Codec{Stored, LZ4, S2, Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "lib", "VTL001L9")
			must(t, Create(dir, testSpec(), Options{}))
			wantErr(t, "second Create", Create(dir, testSpec(), Options{}), ErrExists)
			c := mustOpen(t, dir, Options{Codec: codec})
			if r := c.Recovery(); !r.Clean || r.Note != "" {
				t.Fatalf("fresh: %+v", r)
			}
			sizes := []int{1, 7, 63, 512, 4096, 65536, 262144, 300001, 1 << 20}
			for i, n := range sizes {
				put(t, c, block(uint64(i), n))
				if i%3 == 2 {
					_, err := c.WriteFilemarks(1)
					must(t, err)
					must(t, c.Sync(t.Context()))
				}
			}
			for round := range 2 {
				must(t, c.LocateObject(0, 0))
				for i, n := range sizes {
					wantBlock(t, c, block(uint64(i), n))
					if i%3 == 2 {
						_, err := c.Read(1 << 20)
						wantErr(t, "filemark", err, ErrFilemark)
					}
				}
				_, err := c.Read(1 << 20)
				wantErr(t, "end", err, ErrEndOfData)
				if p := c.Position(); p != (Position{0, 12, 3}) {
					t.Fatalf("position %+v", p)
				}
				if round == 0 {
					must(t, c.Close())
					c = mustOpen(t, dir, Options{})
					if r := c.Recovery(); !r.Clean || r.Note != "" {
						t.Fatalf("reopened: %+v", r)
					}
				}
			}
		})
	}
}

func TestSpace(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{})
	// B B F B F F B : objects 0..6
	for _, k := range "BBFBFFB" {
		if k == 'B' {
			put(t, c, block(1, 100))
		} else if _, err := c.WriteFilemarks(1); err != nil {
			t.Fatal(err)
		}
	}
	for _, x := range []struct {
		from   uint64
		blocks bool
		n      int64
		done   int64
		object uint64
		marks  uint64
		err    error
	}{
		{0, true, 2, 2, 2, 0, nil},
		{0, true, 3, 2, 3, 1, ErrFilemark},
		{3, true, 1, 1, 4, 1, nil},
		{6, true, 5, 1, 7, 3, ErrEndOfData},
		{4, true, 1, 0, 5, 2, ErrFilemark},
		{2, true, -2, 2, 0, 0, nil},
		{2, true, -3, 2, 0, 0, ErrBeginning},
		{4, true, -2, 1, 2, 0, ErrFilemark},
		{6, true, -1, 0, 5, 2, ErrFilemark},
		{7, true, -1, 1, 6, 3, nil},
		{0, false, 1, 1, 3, 1, nil},
		{0, false, 3, 3, 6, 3, nil},
		{1, false, 4, 3, 7, 3, ErrEndOfData},
		{7, false, -1, 1, 5, 2, nil},
		{7, false, -3, 3, 2, 0, nil},
		{7, false, -4, 3, 0, 0, ErrBeginning},
		{3, false, -1, 1, 2, 0, nil},
	} {
		name := fmt.Sprintf("%+v", x)
		must(t, c.LocateObject(0, x.from))
		f := c.SpaceFilemarks
		if x.blocks {
			f = c.SpaceBlocks
		}
		done, err := f(x.n)
		if done != x.done || !errors.Is(err, x.err) || err != nil && x.err == nil {
			t.Errorf("%s: done %d, %v", name, done, err)
		}
		if p := c.Position(); p != (Position{0, x.object, x.marks}) {
			t.Errorf("%s: at %+v", name, p)
		}
	}
	for f, object := range []uint64{0, 3, 5, 6} {
		must(t, c.LocateFile(0, uint64(f)))
		if c.Position().Object != object {
			t.Errorf("file %d: at %+v", f, c.Position())
		}
	}
	wantErr(t, "file 4", c.LocateFile(0, 4), ErrEndOfData)
	wantErr(t, "object 8", c.LocateObject(0, 8), ErrEndOfData)
	wantErr(t, "partition 1", c.LocateObject(1, 0), ErrPartition)
}

func TestOverwriteEraseFormatAttributes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{Codec: S2})
	for i := range 20 {
		put(t, c, block(uint64(i), 5000))
	}
	must(t, c.Sync(t.Context()))
	must(t, c.LocateObject(0, 10))
	put(t, c, block(100, 3000))
	must(t, c.Close())
	c = mustOpen(t, dir, Options{})
	must(t, c.LocateEnd(0))
	if p := c.Position(); p.Object != 11 {
		t.Fatalf("end at %+v", p)
	}
	must(t, c.LocateObject(0, 9))
	wantBlock(t, c, block(9, 5000))
	wantBlock(t, c, block(100, 3000))
	must(t, c.LocateObject(0, 5))
	must(t, c.Erase())
	if k := c.Capacity(0); k.Used >= 11*5000 {
		t.Fatalf("capacity %+v", k)
	}
	must(t, c.SetAttributes(0, []Attribute{{ID: 0x0806, Format: 1, Value: []byte("LABEL")}}))
	must(t, c.Format([]int64{8 << 20, 16 << 20}))
	if c.Partitions() != 2 {
		t.Fatal("not two partitions")
	}
	must(t, c.LocateObject(1, 0))
	put(t, c, block(5, 4000))
	must(t, c.LocateObject(0, 0))
	put(t, c, block(6, 4000))
	must(t, c.Close())
	c = mustOpen(t, dir, Options{})
	must(t, c.LocateObject(1, 0))
	wantBlock(t, c, block(5, 4000))
	a, err := c.Attribute(0, 0x0806)
	if err != nil || string(a.Value) != "LABEL" {
		t.Fatalf("attribute %+v, %v", a, err)
	}
	must(t, c.SetAttributes(0, []Attribute{{ID: 0x0806}}))
	_, err = c.Attribute(0, 0x0806)
	wantErr(t, "deleted", err, ErrAttribute)
	if n := len(c.Attributes(0)); n != 1 {
		t.Fatalf("%d attributes", n)
	}
}

func TestInUseReadOnlyProtected(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	must(t, Create(dir, testSpec(), Options{}))
	c := mustOpen(t, dir, Options{Holder: "drive 11"})
	_, err := Open(dir, Options{})
	wantErr(t, "second", err, ErrInUse)
	if !bytes.Contains([]byte(err.Error()), []byte("drive 11 (pid ")) {
		t.Fatalf("no holder in %q", err)
	}
	put(t, c, block(1, 100))
	must(t, c.Sync(t.Context()))
	r := mustOpen(t, dir, Options{ReadOnly: true})
	wantBlock(t, r, block(1, 100))
	_, err = r.Write(buffer.Default.Get(1))
	wantErr(t, "read-only", err, ErrReadOnly)
	must(t, c.SetWriteProtect(true))
	_, err = c.WriteFilemarks(1)
	wantErr(t, "protected", err, ErrReadOnly)
	must(t, c.Close())
	c = mustOpen(t, dir, Options{})
	if !c.Info().WriteProtected {
		t.Fatal("tab lost")
	}
}

func TestFullPartition(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "A")
	s := testSpec()
	s.Capacity = 1 << 20
	must(t, Create(dir, s, Options{}))
	c := mustOpen(t, dir, Options{})
	var zones []Zone
	n := 0
	for {
		b := buffer.Default.Get(10000)
		z, err := c.Write(b)
		if len(zones) == 0 || zones[len(zones)-1] != z {
			zones = append(zones, z)
		}
		if err != nil {
			wantErr(t, "full", err, ErrNoRoom)
			break
		}
		n++
	}
	if n != (1<<20)/10096 || fmt.Sprint(zones) != "[0 1 2]" {
		t.Fatalf("%d blocks, zones %v", n, zones)
	}
	_, err := c.WriteFilemarks(2)
	must(t, err)
	must(t, c.Sync(t.Context()))
	if p := c.Position(); p.Object != uint64(n)+2 {
		t.Fatalf("at %+v", p)
	}
}

// sign puts the checksum of what is before at the end of b.
func sign(b []byte) {
	binary.BigEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
}
