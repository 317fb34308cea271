package libcart

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"govtl/internal/vfs"
)

// secondReader decodes a cartridge by FORMAT.md alone; it uses nothing of the
// package. It lists what it finds and stops at what FORMAT.md does not allow.
type secondReader struct {
	dir    string
	copied bool // there must be a copy of the meta file
	out    strings.Builder
}

func crcOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func num(b []byte, off, n int) (v uint64) {
	for _, c := range b[off : off+n] {
		v = v<<8 | uint64(c)
	}
	return v
}

func shortText(b []byte) string { return string(b[1 : 1+b[0]]) }

func (s *secondReader) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

func (s *secondReader) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, name))
}

func (s *secondReader) meta() (ends [][3]uint64, err error) {
	b, err := s.read("meta")
	if err != nil {
		return nil, err
	}
	if string(b[:8]) != "VTL META" || num(b, 8, 4) != 1 || num(b, 12, 4) != uint64(len(b)) || num(b, len(b)-4, 4) != uint64(crcOf(b[:len(b)-4])) {
		return nil, fmt.Errorf("meta: magic, version, length or CRC")
	}
	if twin, err := s.read("meta.copy"); err == nil && !bytes.Equal(twin, b) {
		return nil, fmt.Errorf("meta.copy differs from meta")
	} else if err != nil && s.copied {
		return nil, err
	}
	s.say("meta: state %d flags %d kind %02X density %02X epochs from %d below %d capacity %d partitions %d of %d",
		b[32], b[33], b[34], b[35], num(b, 36, 4), num(b, 40, 4), num(b, 60, 8), b[69], b[68])
	at := 70
	take := func(n int) uint64 { at += n; return num(b, at-n, n) }
	for range 3 {
		n := int(take(1))
		s.say("  %q", b[at:at+n])
		at += n
	}
	line := "  counters"
	for n := take(2); n > 0; n-- {
		line += fmt.Sprint(" ", take(8))
	}
	s.say("%s", line)
	for p := range int(b[69]) {
		s.say("  partition %d: size %d", p, take(8))
		ends = append(ends, [3]uint64{take(8), take(8), take(8)})
		for n := take(2); n > 0; n-- {
			id, format, flags, l := take(2), take(1), take(1), int(take(2))
			s.say("    attribute %04X format %d flags %d % X", id, format, flags, b[at:at+l])
			at += l
		}
	}
	if at != len(b)-4 {
		return nil, fmt.Errorf("meta: %d bytes left", len(b)-4-at)
	}
	if b[32] != 1 {
		ends = nil
	}
	return ends, nil
}

func (s *secondReader) partition(p int, end [3]uint64) error {
	dataName, indexName := "data", "index"
	if p > 0 {
		dataName, indexName = fmt.Sprint("data.", p), fmt.Sprint("index.", p)
	}
	d, err := s.read(dataName)
	if err != nil {
		return err
	}
	x, err := s.read(indexName)
	if err != nil {
		return err
	}
	if string(d[:8]) != "VTL DATA" || num(d, 8, 4) != 1 || num(d, 12, 4) != 4096 || num(d, 4092, 4) != uint64(crcOf(d[:4092])) || int(d[32]) != p {
		return fmt.Errorf("%s: header", dataName)
	}
	if string(x[:8]) != "VTL INDX" || num(x, 60, 4) != uint64(crcOf(x[:60])) || !bytes.Equal(x[16:32], d[16:32]) {
		return fmt.Errorf("%s: header", indexName)
	}
	s.say("%s: kind %02X density %02X %q %q %q sizes %d %d", dataName, d[34], d[35], shortText(d[128:]), shortText(d[192:]), shortText(d[256:]),
		num(d, 64, 8), num(d, 72, 8))
	off, object, marks, epoch := 4096, uint64(0), uint64(0), num(d, 36, 4)
	for off < len(d) {
		h := d[off:]
		if string(h[:4]) != "VREC" || num(h, 92, 4) != uint64(crcOf(h[:92])) {
			return fmt.Errorf("%s: no record at %d", dataName, off)
		}
		if int(h[7]) != p || !bytes.Equal(h[8:16], d[16:24]) || num(h, 16, 8) != uint64(off) || num(h, 24, 8) != object ||
			num(h, 32, 8) != marks || num(h, 40, 4) < epoch || num(h, 72, 8) > uint64(off) {
			return fmt.Errorf("%s: the record at %d does not belong or follow", dataName, off)
		}
		epoch = num(h, 40, 4)
		length, stored, aux := num(h, 44, 4), int(num(h, 48, 4)), int(num(h, 52, 2))
		payload := h[96+aux : 96+aux+stored]
		e := x[64+32*object:]
		var o [8]byte
		binary.BigEndian.PutUint64(o[:], object)
		if num(e, 28, 4) != uint64(crcOf(append(o[:], e[:28]...))) || num(e, 0, 8) != uint64(off) || num(e, 8, 4) != uint64(stored) ||
			num(e, 12, 4) != length || num(e, 16, 4) != marks || e[20] != h[4] || e[21] != h[5] || num(e, 24, 4) != epoch {
			return fmt.Errorf("%s: entry of object %d", indexName, object)
		}
		switch h[4] {
		case 1:
			block, err := unpackByTheBook(h[5], payload, int(length))
			if err != nil || uint64(crcOf(payload)) != num(h, 56, 4) || uint64(crcOf(block)) != num(h, 64, 4) && h[5] != 0xF0 {
				return fmt.Errorf("%s: object %d: %v", dataName, object, err)
			}
			s.say("  %d: block of %d, codec %02X, epoch %d, sha256 %x", object, len(block), h[5], epoch, sha256.Sum256(block))
		case 2:
			s.say("  %d: filemark, epoch %d", object, epoch)
			marks++
		default:
			return fmt.Errorf("%s: kind %d", dataName, h[4])
		}
		object++
		off += (96 + aux + stored + 7) &^ 7
	}
	if end != [3]uint64{uint64(off), object, marks} {
		return fmt.Errorf("%s: ends at %d, %d, %d, and not at %v", dataName, off, object, marks, end)
	}
	return nil
}

func unpackByTheBook(codec byte, payload []byte, length int) ([]byte, error) {
	out := make([]byte, length)
	switch codec {
	case 0:
		return payload, nil
	case 1:
		_, err := lz4.UncompressBlock(payload, out)
		return out, err
	case 2:
		return s2.Decode(out, payload)
	case 3:
		r, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return r.DecodeAll(payload, nil)
	case 0xF0:
		return out, nil
	}
	return nil, fmt.Errorf("codec %d", codec)
}

func (s *secondReader) list() (string, error) {
	ends, err := s.meta()
	for p := 0; err == nil && p < len(ends); p++ {
		err = s.partition(p, ends[p])
	}
	return s.out.String(), err
}

// version1 are cartridges of format version 1, as the first release wrote them.
// The files are never written anew: they are what this package has to read for
// ever.
var version1 = map[string]func(t *testing.T, dir string){
	"data": func(t *testing.T, dir string) {
		s := testSpec()
		s.Made = time.Unix(1_600_000_000, 0)
		must(t, Create(dir, s, Options{}))
		c := mustOpen(t, dir, Options{})
		must(t, c.Format([]int64{16 << 20, 32 << 20}))
		for i, codec := range []Codec{Stored, LZ4, S2, Zstd} {
			c.SetCodec(codec, false)
			put(t, c, block(uint64(i), 300+100*i))
			_, err := c.WriteFilemarks(uint32(i%2 + 1))
			must(t, err)
			must(t, c.Sync(t.Context()))
		}
		must(t, c.LocateObject(0, 6))
		put(t, c, bytes.Repeat([]byte("over"), 50))
		must(t, c.LocateObject(1, 0))
		put(t, c, block(9, 10))
		must(t, c.SetAttributes(1, []Attribute{{ID: 0x0806, Format: 1, Value: []byte("LABEL")}}))
		must(t, c.SetWriteProtect(true))
		must(t, c.Close())
	},
	"null": func(t *testing.T, dir string) {
		s := testSpec()
		s.Barcode, s.Kind = "NUL001L9", Null
		must(t, Create(dir, s, Options{}))
		c := mustOpen(t, dir, Options{})
		put(t, c, block(1, 1000))
		_, err := c.WriteFilemarks(1)
		must(t, err)
		must(t, c.Close())
	},
}

func TestSecondReader(t *testing.T) {
	for name, write := range version1 {
		t.Run(name, func(t *testing.T) {
			kept := filepath.Join("testdata", "version1", name)
			if _, err := os.Stat(kept); err != nil && *rewriteGolden {
				write(t, kept)
				must(t, os.Remove(filepath.Join(kept, "lock")))
			}
			got, err := (&secondReader{dir: kept}).list()
			if err != nil {
				t.Fatalf("%v after\n%s", err, got)
			}
			golden(t, "version1/"+name+".txt", got)

			// The package reads the same from it, and changes nothing by that.
			c := mustOpen(t, kept, Options{ReadOnly: true})
			if r := c.Recovery(); !r.Clean || r.Note != "" {
				t.Errorf("recovery %+v", r)
			}
			for p := range c.Partitions() {
				must(t, c.LocateObject(uint8(p), 0))
				for {
					o, err := c.Read(1 << 20)
					if err == ErrEndOfData {
						break
					}
					if err == ErrFilemark {
						continue
					}
					must(t, err)
					if want := fmt.Sprintf("sha256 %x", sha256.Sum256(o.Block.B)); !strings.Contains(got, want) {
						t.Errorf("object at %+v: %s is not in the list", c.Position(), want)
					}
					o.Block.Release()
				}
			}

			// What is written now is as the page says, too.
			dir := filepath.Join(t.TempDir(), "A")
			write(t, dir)
			if got, err := (&secondReader{dir: dir, copied: true}).list(); err != nil {
				t.Errorf("written now: %v after\n%s", err, got)
			}
		})
	}
}

// FuzzOpen gives Open three files of anything.
func FuzzOpen(f *testing.F) {
	read := func(name string) []byte {
		b, _ := os.ReadFile(filepath.Join("testdata", "version1", "data", name))
		return b
	}
	f.Add(read("data"), read("index"), read("meta"))
	f.Fuzz(func(t *testing.T, data, index, meta []byte) {
		var mem vfs.Memory
		if err := mem.MkdirAll(worldDir, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, b := range map[string][]byte{"data": data, "index": index, "meta": meta} {
			if len(b) >= 4096 && name == "data" {
				b = bytes.Clone(b)
				sign(b[:4096])
				for off := 4096; off+96 <= len(b); off += 8 {
					if string(b[off:off+4]) == "VREC" {
						sign(b[off : off+96])
					}
				}
			}
			if len(b) >= 20 && name == "meta" {
				b = bytes.Clone(b)
				sign(b)
			}
			if err := vfs.ReplaceFile(&mem, worldDir+"/"+name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Open(worldDir, Options{FS: &mem})
		if err != nil {
			return
		}
		if _, err := observe(c); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
