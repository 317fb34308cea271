package libdisc

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"govtl/internal/vfs"
)

// rotten makes a disc of a medium with two sessions, or with blocks here and
// there, closed or not, and what each of its blocks has.
func rotten(t testing.TB, f *vfs.Memory, m Medium, closed bool) map[int64][]byte {
	t.Helper()
	d := made(t, f, m)
	has := map[int64][]byte{}
	put := func(lba int64, n int) {
		ok(t, d.Write(lba, blocks(lba, n), Mode{}))
		for i := range int64(n) {
			has[lba+i] = blocks(lba+i, 1)
		}
	}
	if m.Recording == Overwrite {
		ok(t, d.SetFormat(Random, m.Blocks, 0, false))
		put(0, 16)
		put(320, 32)
		ok(t, d.Sync())
		put(8, 16)
	} else {
		put(0, 40)
		ok(t, d.CloseSession(false))
		lba, _ := d.NWA()
		put(lba, 21)
		if closed {
			ok(t, d.CloseSession(true))
			for i := range m.RunOut {
				has[lba+21+i] = make([]byte, BlockSize)
			}
		}
	}
	ok(t, d.Close())
	return has
}

// TestRot flips bits of every file of a disc: what is read is what was written, or
// it is refused, and what the image alone has lost is said by address.
func TestRot(t *testing.T) {
	for _, m := range crashMedia[:4] {
		for _, closed := range []bool{false, true} {
			f := &vfs.Memory{}
			has := rotten(t, f, m, closed)
			r := rand.New(rand.NewPCG(7, 7))
			known := slices.Sorted(maps.Keys(has))
			for _, name := range []string{"/d.iso", "/d.iso" + SumsSuffix, "/d.iso" + Suffix} {
				refused, read := 0, 0
				for range rounds(30) {
					g := f.Clone()
					b := g.Content(name)
					at := r.IntN(len(b))
					if r.IntN(4) > 0 { // not in a gap
						lba := int(known[r.IntN(len(known))])
						switch name {
						case "/d.iso":
							at = lba*BlockSize + r.IntN(BlockSize)
						case "/d.iso" + SumsSuffix:
							at = min(sumsHeader+lba*sumSize+r.IntN(sumSize), len(b)-1)
						}
					}
					b[at] ^= 1 << r.IntN(8)
					ok(t, g.SetContent(name, b))
					d, err := Open("/d.iso", Options{FS: g})
					if err != nil {
						if name == "/d.iso" || !errors.Is(err, ErrDescription) && !errors.Is(err, ErrVersion) {
							t.Fatalf("%s, closed %v, %s: %v", m.Name, closed, name, err)
						}
						refused++
						continue
					}
					for lba, want := range has {
						p := make([]byte, BlockSize)
						err := d.Read(lba, p)
						var bad *BlockError
						switch {
						case errors.As(err, &bad):
							if bad.LBA != lba || name == "/d.iso" && at/BlockSize != int(lba) {
								t.Fatalf("%s, closed %v, %s: byte %d is wrong, and reading %d: %v", m.Name, closed, name, at, lba, err)
							}
							refused++
						case err != nil:
							t.Fatal(err)
						case !bytes.Equal(p, want):
							t.Fatalf("%s, closed %v, %s: byte %d is wrong, and block %d reads otherwise", m.Name, closed, name, at, lba)
						default:
							read++
						}
					}
					if was := has[int64(at/BlockSize)]; name == "/d.iso" && was != nil {
						// Padding has the checksum of its track alone.
						v, err := d.Verify(context.Background(), nil)
						if err != nil || len(v.Damages) == 0 || !allZero(was) && v.Damages[0].LBA != int64(at/BlockSize) {
							t.Fatalf("%s, closed %v: byte %d is wrong: %+v, %v", m.Name, closed, at, v, err)
						}
					}
					ok(t, d.Close())
				}
				if refused == 0 || read == 0 && name != "/d.iso"+Suffix {
					t.Errorf("%s, closed %v, %s: %d refused, %d blocks read: the test has no teeth", m.Name, closed, name, refused, read)
				}
			}
		}
	}
}

// TestFullFileSystem burns until the file system is full, at every size: what was
// written stays, what was refused is not there, and with room the disc goes on.
func TestFullFileSystem(t *testing.T) {
	for _, m := range crashMedia {
		for limit := int64(0); limit < 220_000; limit += 5_119 {
			mem := &vfs.Memory{}
			d := made(t, mem, m)
			if m.Recording == Overwrite {
				ok(t, d.SetFormat(Random, m.Blocks, 0, false))
			}
			used := mem.Used()
			mem.SetLimit(used + limit)
			has := map[int64]bool{}
			next := int64(0)
			full := false
			for range 8 {
				lba, n := next, int64(16)
				err := d.Write(lba, blocks(lba, int(n)), Mode{})
				if err == nil {
					for i := range n {
						has[lba+i] = true
					}
					next += n
					if err = d.Sync(); err == nil {
						continue
					}
				}
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatalf("%s with %d bytes: %v", m.Name, limit, err)
				}
				full = true
				break
			}
			if !full && limit < 200_000 {
				t.Fatalf("%s with %d bytes: not full", m.Name, limit)
			}
			mem.SetLimit(0)
			err := d.Close()
			if err != nil && !errors.Is(err, ErrFailed) {
				t.Fatal(err)
			}
			failed := err != nil
			d = opened(t, mem)
			if nwa, can := d.NWA(); can && (nwa > next || !failed && nwa != next) {
				t.Fatalf("%s with %d bytes: the next writable address is %d, written were %d", m.Name, limit, nwa, next)
			} else if can {
				next = nwa
			}
			ok(t, d.Write(next, blocks(next, 16), Mode{}), d.Sync())
			for lba := range next + 16 {
				p := make([]byte, BlockSize)
				if has[lba] || lba >= next {
					ok(t, d.Read(lba, p))
					if !bytes.Equal(p, blocks(lba, 1)) {
						t.Fatalf("%s with %d bytes: block %d reads otherwise", m.Name, limit, lba)
					}
				}
			}
			ok(t, d.Close())
		}
	}
}

// FuzzSums opens a disc with any file of checksums: it is refused, or each block
// reads as it was written, or as damaged.
func FuzzSums(f *testing.F) {
	mem := &vfs.Memory{}
	d := made(f, mem, Medium{Name: "small", Recording: Overwrite, Blocks: 32, Align: 16})
	ok(f, d.SetFormat(Random, 32, 0, false), d.Write(0, blocks(0, 16), Mode{}), d.Close())
	good := mem.Content("/d.iso" + SumsSuffix)
	f.Add(good)
	f.Add(good[:sumsHeader+10])
	f.Add([]byte(sumsMagic))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		g := mem.Clone()
		ok(t, g.SetContent("/d.iso"+SumsSuffix, b))
		d, err := Open("/d.iso", Options{FS: g})
		if err != nil {
			if !errors.Is(err, ErrDescription) {
				t.Fatal(err)
			}
			return
		}
		p := make([]byte, BlockSize)
		for lba := range int64(16) {
			if err := d.Read(lba, p); err == nil && !bytes.Equal(p, blocks(lba, 1)) || err != nil && !errors.Is(err, ErrDamaged) {
				t.Fatalf("block %d: %v", lba, err)
			}
		}
		ok(t, d.Write(0, blocks(0, 16), Mode{}), d.Sync(), d.Read(0, p), d.Close())
	})
}
