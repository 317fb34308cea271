package libcart

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
	"govtl/libcart/internal/format"
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
	must(t, c.SetCipher(modelKey()))
	write(30, mark)
	must(t, c.SetCipher(nil))
	write(35, mark)
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

// rotCounters is what rotCartridge leaves in the cartridge memory.
var rotCounters = func() (n uint64) {
	for _, seed := range []int{0, 5, 10, 15, 20, 25, 30, 35} {
		n += uint64(len(modelBlock(seed)))
	}
	return n
}()

// inspectRot opens a damaged cartridge and holds it against what was written.
// most says how many objects may be damaged; metaLost that its memory may be gone.
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
	if n := c.Counters().LifetimeHostWritten; n != rotCounters && !metaLost {
		t.Errorf("%s: %d bytes written in its life instead of %d", what, n, rotCounters)
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
			for _, name := range []string{"data", "index", "meta", "meta.copy"} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					rotFile(t, mem, worldDir+"/"+name, list, closed)
				})
			}
		})
	}
}

// payloads tells which bytes of a data file are in a payload, or in what the header
// of the file leaves empty.
func payloads(data []byte) []bool {
	in := make([]bool, len(data))
	for i := 320; i < format.DataHeaderSize-4; i++ {
		in[i] = true
	}
	var r format.Record
	for off := int64(format.DataHeaderSize); format.DecodeRecord(&r, data[off:min(off+format.RecordSize, int64(len(data)))]) == nil; off += r.Size() {
		for i := off + format.RecordSize + int64(r.Aux) + 8; i < off+r.Size()-8; i++ {
			in[i] = true
		}
	}
	return in
}

func rotFile(t *testing.T, mem *vfs.Memory, file string, list []int, closed bool) {
	content := mem.Content(file)
	isData := file == worldDir+"/data"
	try := func(what string, b []byte, most int) {
		m := mem.Clone()
		if b == nil {
			must(t, m.Remove(file))
		} else {
			must(t, m.SetContent(file, b))
		}
		inspectRot(t, file+" "+what, m, list, most, false)
	}
	alike := make([]bool, len(content)) // nothing tells one of these bytes from another
	if isData {
		alike = payloads(content)
	}
	for i := range content {
		if t.Failed() {
			return
		}
		if rounds(1) == 1 && (alike[i] && i%13 != 0 || !closed && i%5 != 0) {
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

// TestBothCopiesRot damages the meta file and its copy at once, each in its own
// way: nothing of the recording is lost, and what is lost of the memory is said.
func TestBothCopiesRot(t *testing.T) {
	for _, closed := range []bool{true, false} {
		mem, list := rotCartridge(t, closed)
		content := mem.Content(metaName(worldDir))
		damaged := func(i int) []byte {
			switch i % 3 {
			case 0:
				return content[:i*len(content)/40]
			case 1:
				return nil
			}
			b := slices.Clone(content)
			b[i*len(b)/40] ^= 0x10
			return b
		}
		for i := range 40 {
			m := mem.Clone()
			for n, name := range []string{metaName(worldDir), copyName(worldDir)} {
				if b := damaged(i + n); b == nil {
					must(t, m.Remove(name))
				} else {
					must(t, m.SetContent(name, b))
				}
			}
			inspectRot(t, fmt.Sprintf("closed=%v: both copies damaged, %d", closed, i), m, list, 0, true)
		}
	}
}

// TestOldCopy puts a copy of the meta file beside a cartridge that is of before
// what a program did that knows nothing of copies, and loses the meta file:
// nothing of the recording may be missing, whatever the copy believes.
func TestOldCopy(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	var copies [][]byte
	fsys := vfs.Failing(&s.mem, func(o vfs.Op) error {
		if b := s.mem.Content(copyName(worldDir)); b != nil {
			copies = append(copies, b)
		}
		return nil
	})
	check := func(when string, want ...[]int) {
		t.Helper()
		for i, b := range copies {
			m := s.mem.Clone()
			must(t, m.Remove(metaName(worldDir)))
			must(t, m.SetContent(copyName(worldDir), b))
			for range 2 {
				c, err := Open(worldDir, Options{FS: m})
				if err != nil {
					t.Fatalf("%s, copy %d: %v", when, i, err)
				}
				seen, err := observe(c)
				if err != nil || !slices.EqualFunc(seen.parts, want, slices.Equal) || c.Recovery().MetaRebuilt {
					t.Fatalf("%s, copy %d: %+v, %v instead of %v; %+v", when, i, seen, err, want, c.Recovery())
				}
				must(t, c.Close())
			}
		}
		copies = slices.CompactFunc(copies, slices.Equal)
	}
	record := func(c *Cartridge, seed int) {
		put(t, c, modelBlock(seed))
		must(t, c.Sync(t.Context()))
	}
	c := mustOpen(t, worldDir, Options{FS: fsys})
	record(c, 1)
	record(c, 2)
	must(t, c.SetAttributes(0, []Attribute{{ID: 0x806, Value: []byte("x")}}))
	must(t, c.Close())
	check("closed", []int{1, 2})
	c = mustOpen(t, worldDir, Options{FS: fsys})
	must(t, c.LocateObject(0, 1))
	record(c, 3)
	record(c, 4)
	must(t, c.Close())
	check("written over", []int{1, 3, 4})
	c = mustOpen(t, worldDir, Options{FS: fsys})
	must(t, c.Format([]int64{8 << 20, 8 << 20}))
	must(t, c.LocateObject(1, 0))
	record(c, 5)
	check("formatted", nil, []int{5})
	must(t, c.Format([]int64{8 << 20, 8 << 20, 8 << 20}))
	must(t, c.LocateObject(2, 0))
	record(c, 6)
	must(t, c.Close())
	check("formatted again", nil, nil, []int{6})
}

// TestCopyOfAnother: a copy that belongs to another cartridge is none.
func TestCopyOfAnother(t *testing.T) {
	mem, list := rotCartridge(t, true)
	other, _ := rotCartridge(t, true)
	must(t, mem.SetContent(copyName(worldDir), other.Content(copyName(worldDir))))
	m := mem.Clone()
	must(t, m.Remove(metaName(worldDir)))
	inspectRot(t, "meta lost", m, list, 0, true)
	c := mustOpen(t, worldDir, Options{FS: mem})
	must(t, c.Close())
	if !slices.Equal(mem.Content(copyName(worldDir)), mem.Content(metaName(worldDir))) {
		t.Error("the copy is still that of another cartridge")
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
	for _, name := range []string{"meta", "meta.copy", "data"} {
		mem, _ := rotCartridge(t, true)
		b := mem.Content(worldDir + "/" + name)
		b[11] = 2
		if name == "data" {
			sign(b[:4096])
		} else {
			sign(b)
		}
		if name != "meta" {
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

// BenchmarkOpenWithoutIndex opens the same without its index, which is made again,
// or borrowed for reading, and says what it holds in memory then.
func BenchmarkOpenWithoutIndex(b *testing.B) {
	dir := bigCartridge(b, 10_000_000)
	for _, readOnly := range []bool{true, false} {
		b.Run(fmt.Sprintf("readOnly=%v", readOnly), func(b *testing.B) {
			held := int64(0)
			for b.Loop() {
				must(b, os.Truncate(indexName(dir, 0), 0))
				before := resident()
				c, err := Open(dir, Options{ReadOnly: readOnly})
				must(b, err)
				held = max(held, resident()-before)
				must(b, c.Close())
			}
			b.ReportMetric(float64(held), "B-held")
		})
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
