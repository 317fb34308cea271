package libcart

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

// rotCartridge makes a small cartridge with every kind of record; closed
// properly, or as its process left it when it died after a synchronisation.
func rotCartridge(t *testing.T, closed bool) (*vfs.Memory, []int) {
	var mem vfs.Memory
	must(t, mem.MkdirAll("/lib", 0o700))
	must(t, Create(worldDir, testSpec(), Options{FS: &mem}))
	c, err := Open(worldDir, Options{FS: &mem})
	must(t, err)
	var list []int
	write := func(objects ...int) {
		for _, o := range objects {
			if o == mark {
				_, err := c.WriteFilemarks(1)
				must(t, err)
			} else {
				put(t, c, modelBlock(o))
			}
			list = append(list, o)
		}
	}
	// 0 is one byte; the others are from 300 to 2500 bytes.
	write(0, mark, 5, 10)
	must(t, c.Sync(t.Context()))
	c.SetCodec(LZ4, false)
	write(15, mark, mark)
	c.SetCodec(S2, false)
	write(20, 25)
	must(t, c.Sync(t.Context()))
	c.SetCodec(Zstd, false)
	write(30, mark, 35, mark)
	must(t, c.Sync(t.Context()))
	must(t, c.SetAttributes(0, []Attribute{{ID: 0x806, Format: 1, Value: []byte("x")}}))
	if closed {
		must(t, c.Close())
	} else {
		mem.Kill()
		_ = c.Close()
	}
	return &mem, list
}

// inspectRot opens a damaged cartridge and holds it against what was written.
// may says which objects may be damaged; metaLost that its memory may be gone.
func inspectRot(t *testing.T, what string, mem *vfs.Memory, list []int, most int, metaLost bool) {
	t.Helper()
	c, err := Open(worldDir, Options{FS: mem})
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: Open: %v", what, err)
		}
		if most < len(list) {
			t.Errorf("%s: not loaded: %v", what, err)
		}
		return
	}
	defer c.Close()
	seen, err := observe(c)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	have := seen.parts[0]
	if len(have) != len(list) {
		t.Errorf("%s: %d objects instead of %d: %v; recovery %+v", what, len(have), len(list), have, c.Recovery())
		return
	}
	bad := 0
	for i, o := range have {
		switch o {
		case list[i]:
		case -2:
			bad++
		default:
			t.Errorf("%s: object %d is %d instead of %d", what, i, o, list[i])
		}
	}
	if bad > most {
		t.Errorf("%s: %d objects damaged: %v; recovery %+v", what, bad, have, c.Recovery())
	}
	if seen.attr != "x" && !(metaLost && c.Recovery().MetaRebuilt) {
		t.Errorf("%s: attribute %q", what, seen.attr)
	}
	if bad > 0 { // what is behind the damage can be located, backwards too
		for i := len(list) - 1; i >= 0; i-- {
			must(t, c.LocateObject(0, uint64(i)))
			o, err := c.Read(1 << 16)
			if errors.Is(err, ErrDamaged) {
				bad--
			}
			o.Block.Release()
		}
		if bad != 0 {
			t.Errorf("%s: backwards other objects are damaged", what)
		}
	}
	// It can be written on, and that is not lost either.
	must(t, c.LocateEnd(0))
	put(t, c, modelBlock(399))
	must(t, c.Close())
	c, err = Open(worldDir, Options{FS: mem})
	if err != nil {
		t.Errorf("%s: opened again: %v", what, err)
		return
	}
	defer c.Close()
	again, err := observe(c)
	if err != nil || !slices.Equal(again.parts[0], append(have, 399)) {
		t.Errorf("%s: after an append: %v, %v; before %v", what, again.parts, err, have)
	}
}

// TestEachByteRots damages each byte of each file, cuts each file at each length,
// and removes each.
func TestEachByteRots(t *testing.T) {
	for _, closed := range []bool{true, false} {
		mem, list := rotCartridge(t, closed)
		t.Run(fmt.Sprintf("closed=%v", closed), func(t *testing.T) {
			for _, name := range []string{"data", "index", "meta"} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					rotFile(t, mem, worldDir+"/"+name, list, closed)
				})
			}
		})
	}
}

func rotFile(t *testing.T, mem *vfs.Memory, file string, list []int, closed bool) {
	content := mem.Content(file)
	isData := file == worldDir+"/data"
	isMeta := file == worldDir+"/meta"
	try := func(what string, b []byte, most int) {
		m := mem.Clone()
		if b == nil {
			must(t, m.Remove(file))
		} else {
			must(t, m.SetContent(file, b))
		}
		inspectRot(t, file+" "+what, m, list, most, isMeta)
	}
	for i := range content {
		if t.Failed() {
			return
		}
		if rounds(1) == 1 && (isData && i >= 320 && i < 4092 && i%97 != 0 || !closed && i%5 != 0) {
			continue // all of them only in a long run
		}
		b := slices.Clone(content)
		b[i] ^= 1 << (i % 8)
		most := 0
		if isData {
			most = 1
		}
		try(fmt.Sprintf("bit %d of byte %d flipped", i%8, i), b, most)
	}
	for n := range content {
		if t.Failed() {
			return
		}
		if isData && n > 4096 && n%64 != 0 {
			continue
		}
		most := 0
		if isData {
			most = len(list)
		}
		try(fmt.Sprintf("cut to %d bytes", n), content[:n], most)
	}
	most := 0
	if isData {
		most = len(list)
	}
	try("removed", nil, most)
	try("grown", append(slices.Clone(content), content[len(content)/2:]...), 0)
	for n := 512; n < len(content); n += 512 { // a sector of zeros, a sector from elsewhere
		b := slices.Clone(content)
		clear(b[n:min(n+512, len(b))])
		most := 0
		if isData {
			most = 6
		}
		try(fmt.Sprintf("zeros from %d", n), b, most)
		b = slices.Clone(content)
		copy(b[n:min(n+512, len(b))], content[n-512:])
		try(fmt.Sprintf("copied sector at %d", n), b, most)
	}
}

// TestDamageInTheMiddleWithoutIndex loses the index and a stretch of the data at
// once: what is behind is found by its headers.
func TestDamageInTheMiddleWithoutIndex(t *testing.T) {
	for _, closed := range []bool{true, false} {
		mem, list := rotCartridge(t, closed)
		b := mem.Content(worldDir + "/data")
		clear(b[6000:8000])
		must(t, mem.SetContent(worldDir+"/data", b))
		must(t, mem.Remove(worldDir+"/index"))
		inspectRot(t, fmt.Sprint("closed ", closed), mem, list, 6, false)
	}
}

func TestNewerVersionIsRefused(t *testing.T) {
	for _, name := range []string{"meta", "data"} {
		mem, _ := rotCartridge(t, true)
		b := mem.Content(worldDir + "/" + name)
		b[11] = 2
		if name == "meta" {
			sign(b)
		} else {
			sign(b[:4096])
			must(t, mem.SetContent(worldDir+"/meta", []byte("gone")))
		}
		must(t, mem.SetContent(worldDir+"/"+name, b))
		_, err := Open(worldDir, Options{FS: mem})
		wantErr(t, name, err, ErrVersion)
	}
}

// BenchmarkOpen opens a cartridge of ten million blocks.
func BenchmarkOpen(b *testing.B) {
	dir := bigCartridge(b, 10_000_000)
	b.ReportAllocs()
	for b.Loop() {
		c, err := Open(dir, Options{ReadOnly: true})
		must(b, err)
		must(b, c.Close())
	}
}

// BenchmarkLocate moves to random places among ten million blocks and a million
// filemarks.
func BenchmarkLocate(b *testing.B) {
	dir := bigCartridge(b, 10_000_000)
	c, err := Open(dir, Options{ReadOnly: true})
	must(b, err)
	b.Cleanup(func() { c.Close() })
	n := uint64(0)
	b.Run("object", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n = n*6364136223846793005 + 1442695040888963407
			must(b, c.LocateObject(0, n>>33%10_000_000))
		}
	})
	b.Run("file", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n = n*6364136223846793005 + 1442695040888963407
			must(b, c.LocateFile(0, n>>33%900_000))
		}
	})
	b.Run("object and read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n = n*6364136223846793005 + 1442695040888963407
			must(b, c.LocateObject(0, n>>33%10_000_000))
			o, err := c.Read(1 << 16)
			if err != nil && err != ErrFilemark {
				b.Fatal(err)
			}
			o.Block.Release()
		}
	})
}

// bigCartridge writes n objects, each tenth a filemark, the others blocks that are
// not stored.
func bigCartridge(b *testing.B, n int) string {
	dir := b.TempDir() + "/A"
	s := benchSpec()
	s.Kind = Null
	must(b, Create(dir, s, Options{}))
	c, err := Open(dir, Options{})
	must(b, err)
	for i := range n {
		if i%10 == 9 {
			_, err = c.WriteFilemarks(1)
		} else {
			_, err = c.Write(buffer.Default.Get(512))
		}
		must(b, err)
	}
	must(b, c.Close())
	return dir
}
