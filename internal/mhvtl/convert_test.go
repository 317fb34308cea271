package mhvtl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"govtl/internal/vfs"
	"govtl/libcart"
)

// kinds of storing in turn.
func inTurn(kinds ...int) func(int, int) int {
	return func(part, object int) int { return kinds[(part+object)%len(kinds)] }
}

// convert converts a tape onto memory files and opens the result.
func convert(t *testing.T, source string, o ConvertOptions) (*Report, *libcart.Cartridge) {
	t.Helper()
	if o.FS == nil {
		o.FS = &vfs.Memory{}
	}
	o.Codec = libcart.LZ4
	before := fingerprint(t, source)
	r, err := Convert(t.Context(), source, "/tapes/TAPE01L6", o)
	if err != nil {
		t.Fatal(err)
	}
	if fingerprint(t, source) != before {
		t.Error("the source was changed")
	}
	c, err := libcart.Open("/tapes/TAPE01L6", libcart.Options{FS: o.FS, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return r, c
}

// fingerprint is over names, contents and times of files.
func fingerprint(t *testing.T, root string) [sha256.Size]byte {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(h, path, info.ModTime(), info.Mode())
		if d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(path)
		h.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// content reads a partition.
func content(t *testing.T, c *libcart.Cartridge, part int) []item {
	t.Helper()
	if err := c.LocateObject(uint8(part), 0); err != nil {
		t.Fatal(err)
	}
	var list []item
	for {
		o, err := c.Read(libcart.MaxBlock)
		switch {
		case errors.Is(err, libcart.ErrEndOfData):
			return list
		case errors.Is(err, libcart.ErrFilemark):
			list = append(list, nil)
		case err != nil:
			t.Fatal(err)
		default:
			list = append(list, bytes.Clone(o.Block.B))
			o.Block.Release()
		}
	}
}

// same compares a partition with what should be there.
func same(t *testing.T, c *libcart.Cartridge, part int, want []item) {
	t.Helper()
	got := content(t, c, part)
	if len(got) != len(want) {
		t.Errorf("partition %d has %d objects, want %d", part, len(got), len(want))
		return
	}
	for i := range got {
		if (got[i] == nil) != (want[i] == nil) || !bytes.Equal(got[i], want[i]) {
			t.Errorf("partition %d: object %d differs", part, i)
			return
		}
	}
}

// versions are the versions and what each can hold.
var versions = []struct {
	name    string
	version Version
	aligned bool
	parts   int
	store   []int
	made    bool // the new cartridge memory is known to have the coherency
}{
	{"S1", VersionS1, false, 1, []int{storeRaw, storeZlib}, false},
	{"S2", VersionS2, false, 1, []int{storeRaw, storeZlib}, false},
	{"3 of 0.18-1", Version3, true, 1, []int{storeRaw, storeZlib}, false},
	{"3", Version3, false, 1, []int{storeRaw, storeZlib, storeLZO}, false},
	{"4", Version4, false, 1, []int{storeLZO, storeRaw, storeZlib}, false},
	{"5", Version5, false, 1, []int{storeLZO, storeLZO, storeRaw}, true},
	{"6", Version6, false, 2, []int{storeLZO, storeZlib, storeRaw}, true},
}

// TestConvert converts random tapes of every version and reads them back.
func TestConvert(t *testing.T) {
	for _, v := range versions {
		t.Run(v.name, func(t *testing.T) {
			for seed := range uint64(6) {
				m := randomModel(seed, v.parts)
				m.store = inTurn(v.store...)
				if v.parts > 1 {
					m.sizes = [4]uint64{200 << 20, 400 << 20}
				}
				m.protected = seed%2 == 0
				r, c := convert(t, m.write(t, v.version, v.aligned), ConvertOptions{})
				for p, want := range m.parts {
					same(t, c, p, want)
					check(t, r.Partitions[p], want)
				}
				if r.Version != v.version {
					t.Errorf("it was taken for version %s", r.Version)
				}
				memory(t, c, m, v.made)
			}
		})
	}
}

// check compares a report with what was on the tape.
func check(t *testing.T, r PartitionReport, want []item) {
	t.Helper()
	blocks, marks, size := uint64(0), uint64(0), int64(0)
	for _, b := range want {
		if b == nil {
			marks++
			continue
		}
		blocks++
		size += int64(len(b))
	}
	if r.Blocks != blocks || r.Filemarks != marks || r.Bytes != size || r.LostReason != "" {
		t.Errorf("report %+v; want %d blocks of %d bytes and %d filemarks", r, blocks, size, marks)
	}
}

// memory checks what became of the cartridge memory.
func memory(t *testing.T, c *libcart.Cartridge, m *model, coherent bool) {
	t.Helper()
	i := c.Info()
	if i.Medium != "LTO6" || i.Density != 0x5A || i.Capacity != int64(m.capacity) || i.Serial != testSerial || i.Kind != libcart.Data {
		t.Errorf("the new cartridge is %+v", i)
	}
	if i.WriteProtected != m.protected {
		t.Errorf("write-protected: %v", i.WriteProtected)
	}
	if i.Made.Unix() != 1700000000 {
		t.Errorf("made at %v", i.Made)
	}
	for id, want := range map[uint16]string{0x0800: testVendor, 0x0803: testLabel + strings.Repeat(" ", 160-len(testLabel))} {
		if a, err := c.Attribute(0, id); err != nil || string(a.Value) != want || a.ReadOnly {
			t.Errorf("attribute %04Xh is %q, %v", id, a.Value, err)
		}
	}
	if a, err := c.Attribute(0, 0x0807); err == nil {
		t.Errorf("a blank attribute was carried: %q", a.Value)
	}
	if !coherent {
		return
	}
	for p := range m.parts {
		if a, err := c.Attribute(uint8(p), 0x080C); err != nil || !bytes.Equal(a.Value, coherencyOf(p)[:32]) {
			t.Errorf("partition %d: coherency is %q, %v", p, a.Value, err)
		}
	}
}

// TestConvertSmallCapacity: a tape that was full of compressed data is converted
// although the blocks take more room than before.
func TestConvertSmallCapacity(t *testing.T) {
	m := randomModel(4, 1)
	m.parts[0] = nil
	for i := range 300 {
		m.parts[0] = append(m.parts[0], bytes.Repeat([]byte{byte(i)}, 20_000), bytes.Repeat([]byte{1, 2, byte(i)}, 5000))
	}
	m.store = inTurn(storeZlib)
	m.capacity = 1 << 20
	fsys := &vfs.Memory{}
	r, err := Convert(t.Context(), m.write(t, Version6, false), "/tapes/TAPE01L6", ConvertOptions{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	if !noted(r, "grows from 1048576") {
		t.Errorf("notes: %v", r.Notes)
	}
	c, err := libcart.Open("/tapes/TAPE01L6", libcart.Options{FS: fsys, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	same(t, c, 0, m.parts[0])
}

func noted(r *Report, text string) bool {
	for _, n := range r.Notes {
		if strings.Contains(n.String(), text) {
			return true
		}
	}
	return false
}

func TestConvertNull(t *testing.T) {
	m := randomModel(2, 1)
	m.null, m.crc, m.kind = true, true, kindNull
	r, c := convert(t, m.write(t, Version6, false), ConvertOptions{})
	if r.Kind != libcart.Null {
		t.Errorf("kind %v", r.Kind)
	}
	for i, b := range content(t, c, 0) {
		if len(b) != len(m.parts[0][i]) {
			t.Fatalf("object %d has %d bytes, want %d", i, len(b), len(m.parts[0][i]))
		}
	}
}

func TestConvertKinds(t *testing.T) {
	for kind, want := range map[uint8]libcart.Kind{kindWORM: libcart.WORM, kindT10: libcart.WORM, kindClean: libcart.Cleaning} {
		m := randomModel(1, 1)
		m.kind = kind
		if kind == kindClean {
			m.parts[0] = nil
		}
		_, c := convert(t, m.write(t, Version6, false), ConvertOptions{})
		if i := c.Info(); i.Kind != want || kind == kindClean && i.Medium != "LTOCLEAN" {
			t.Errorf("kind %02Xh became %+v", kind, i)
		}
		same(t, c, 0, m.parts[0])
	}
}

// TestDirty: a cartridge that may be in a drive is not taken unless one insists.
func TestDirty(t *testing.T) {
	for _, v := range versions {
		m := randomModel(3, v.parts)
		m.dirty = true
		source := m.write(t, v.version, v.aligned)
		fsys := &vfs.Memory{}
		if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, ErrDirty) {
			t.Errorf("%s: %v", v.name, err)
		}
		if _, err := fsys.Stat("/tapes/TAPE01L6"); err == nil {
			t.Errorf("%s: something was made", v.name)
		}
		r, c := convert(t, source, ConvertOptions{Dirty: true})
		same(t, c, 0, m.parts[0])
		if !noted(r, "not been unloaded properly") {
			t.Errorf("%s: notes %v", v.name, r.Notes)
		}
	}
}

func TestEncryptedBlocksAreReported(t *testing.T) {
	m := randomModel(5, 1)
	m.encrypted = true
	r, c := convert(t, m.write(t, Version6, false), ConvertOptions{})
	same(t, c, 0, m.parts[0])
	if r.Partitions[0].Encrypted != r.Partitions[0].Blocks || !noted(r, "the keys are dropped") {
		t.Errorf("report %+v", r)
	}
}

// change changes a file of a cartridge.
func change(t *testing.T, name string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err == nil {
		err = os.WriteFile(name, f(b), 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestBrokenTail: a recording that breaks off is carried as far as it goes, and
// that it is not all is said.
func TestBrokenTail(t *testing.T) {
	for _, c := range []struct {
		name   string
		file   string
		break_ func([]byte) []byte
		carry  int // of 10 objects
		lost   uint64
	}{
		{"data cut", "data.0", func(b []byte) []byte { return b[:len(b)-1] }, 9, 1},
		{"data cut twice", "data.0", func(b []byte) []byte { return b[:len(b)-1001] }, 8, 2},
		{"index cut in a record", "indx.0", func(b []byte) []byte { return b[:len(b)-100] }, 9, 1},
		{"index ends in zeros", "indx.0", func(b []byte) []byte { clear(b[8*indexRecord:]); return b }, 8, 2},
	} {
		m := &model{density: 0x5A, capacity: 100 << 20, crc: true, parts: [][]item{nil}}
		for i := range 10 {
			m.parts[0] = append(m.parts[0], bytes.Repeat([]byte{byte(i)}, 1000))
		}
		source := m.write(t, Version6, false)
		change(t, filepath.Join(source, c.file), c.break_)
		r, cart := convert(t, source, ConvertOptions{})
		same(t, cart, 0, m.parts[0][:c.carry])
		if p := r.Partitions[0]; p.Lost != c.lost || p.LostReason == "" || !noted(r, "could not be carried") {
			t.Errorf("%s: %+v, %v", c.name, p, r.Notes)
		}
	}
}

// TestDamage: a damaged object in the middle is an error; with Partial what is
// before it is carried.
func TestDamage(t *testing.T) {
	for _, c := range []struct {
		name  string
		store int
		file  string
		spoil func([]byte) []byte
	}{
		{"a bit of a block", storeRaw, "data.0", func(b []byte) []byte { b[5500] ^= 1; return b }},
		{"a bit of a zlib stream", storeZlib, "data.0", func(b []byte) []byte { b[len(b)*11/20] ^= 0x10; return b }},
		{"a bit of an LZO stream", storeLZO, "data.0", func(b []byte) []byte { b[len(b)*11/20] ^= 0x40; return b }},
		{"a type", storeRaw, "indx.0", func(b []byte) []byte { b[5*indexRecord+atIndexType] = 9; return b }},
		{"a number", storeRaw, "indx.0", func(b []byte) []byte { b[5*indexRecord+atIndexNumber] = 9; return b }},
		{"a length", storeRaw, "indx.0", func(b []byte) []byte { b[5*indexRecord+atIndexSize+3] = 9; return b }},
		{"an offset", storeRaw, "indx.0", func(b []byte) []byte { b[5*indexRecord+7] = 0xFF; return b }},
	} {
		m := &model{density: 0x5A, capacity: 100 << 20, crc: true, parts: [][]item{nil}, store: inTurn(c.store)}
		for i := range 10 {
			m.parts[0] = append(m.parts[0], bytes.Repeat([]byte{byte(i)}, 1000))
		}
		source := m.write(t, Version6, false)
		change(t, filepath.Join(source, c.file), c.spoil)
		fsys := &vfs.Memory{}
		if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if left, err := fsys.ReadDir("/tapes"); err != nil || len(left) > 0 {
			t.Errorf("%s: it left %v, %v", c.name, left, err)
		}
		r, cart := convert(t, source, ConvertOptions{Partial: true})
		same(t, cart, 0, m.parts[0][:5])
		if p := r.Partitions[0]; p.Lost != 5 {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestNoCartridge(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty directory: %v", err)
	}
	file := filepath.Join(dir, "file")
	for _, b := range [][]byte{nil, []byte("hello"), make([]byte, 5000), bytes.Repeat([]byte{4, 0, 0, 0}, 2000)} {
		if err := os.WriteFile(file, b, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file); !errors.Is(err, ErrFormat) {
			t.Errorf("a file of %d bytes: %v", len(b), err)
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	m := randomModel(1, 1)
	source := m.write(t, Version6, false)
	change(t, filepath.Join(source, "mam"), func(b []byte) []byte { b[0] = 7; return b })
	if _, err := Open(source); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "version 7") {
		t.Errorf("a version that is not known: %v", err)
	}
}

func TestUnknownMedium(t *testing.T) {
	m := randomModel(1, 1)
	m.density = 0x77
	source := m.write(t, VersionS1, false)
	change(t, source, func(b []byte) []byte { return bytes.Replace(b, []byte("U-616"), []byte("Z-999"), 1) })
	fsys := &vfs.Memory{}
	if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, ErrMedium) {
		t.Errorf("got %v", err)
	}
	_, c := convert(t, source, ConvertOptions{Medium: "LTO5"})
	same(t, c, 0, m.parts[0])
}

// TestCancel: what was begun goes away, and so does what a crash has left.
func TestCancel(t *testing.T) {
	m := randomModel(5, 1)
	source := m.write(t, Version6, false)
	fsys := &vfs.Memory{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Convert(ctx, source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, err := fsys.ReadDir("/tapes"); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	if err := libcart.Create("/tapes/.import-TAPE01L6", libcart.Spec{Barcode: "X", Capacity: 1 << 20}, libcart.Options{FS: fsys}); err != nil {
		t.Fatal(err)
	}
	running, err := libcart.Open("/tapes/.import-TAPE01L6", libcart.Options{FS: fsys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, libcart.ErrInUse) {
		t.Errorf("beside another import: %v", err)
	}
	running.Close()
	if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); err != nil {
		t.Error(err)
	}
	if _, err := Convert(t.Context(), source, "/tapes/TAPE01L6", ConvertOptions{FS: fsys}); !errors.Is(err, libcart.ErrExists) {
		t.Errorf("a second time: %v", err)
	}
	if left, err := fsys.ReadDir("/tapes"); err != nil || len(left) != 1 {
		t.Errorf("there is %v, %v", left, err)
	}
}

// TestEmpty: empty tapes of every version.
func TestEmpty(t *testing.T) {
	for _, v := range versions {
		m := randomModel(1, v.parts)
		for i := range m.parts {
			m.parts[i] = nil
		}
		r, c := convert(t, m.write(t, v.version, v.aligned), ConvertOptions{})
		if r.Version != v.version || c.Info().Medium != "LTO6" {
			t.Errorf("%s: %+v", v.name, r)
		}
		for p := range m.parts {
			same(t, c, p, nil)
		}
	}
}

// TestOldSingleFiles: releases 0.12 and 32-bit hosts.
func TestOldSingleFiles(t *testing.T) {
	for _, c := range []struct {
		name   string
		form   chainForm
		layout layout
		size   int
		first  uint32
	}{
		{"0.12", formS1, oldSingleFile(false, 8), memoryOld12, typeBOT},
		{"0.15 on 32 bits", formS1w4, oldSingleFile(true, 4), memoryOld15 - 4, typeBOT},
		{"early 0.16", formS2, threeFiles(8), memoryStruct, typeBOT},
	} {
		for seed := range uint64(4) {
			m := randomModel(seed, 1)
			m.store = inTurn(storeRaw, storeZlib)
			if seed == 0 {
				m.parts[0] = nil
			}
			source := filepath.Join(t.TempDir(), "TAPE01L6")
			if err := os.WriteFile(source, m.single(c.form, m.structure(c.layout, c.size), c.first), 0o666); err != nil {
				t.Fatal(err)
			}
			r, cart := convert(t, source, ConvertOptions{})
			same(t, cart, 0, m.parts[0])
			if r.Version != c.form.version || cart.Info().Medium != "LTO6" || cart.Info().Serial != testSerial {
				t.Errorf("%s, seed %d: %+v %+v", c.name, seed, r, cart.Info())
			}
		}
	}
}

func TestProgress(t *testing.T) {
	m := randomModel(4, 1)
	for range 40 {
		m.parts[0] = append(m.parts[0], make([]byte, 100_000))
	}
	var last Progress
	copying, verifying := 0, 0
	convert(t, m.write(t, Version6, false), ConvertOptions{Progress: func(p Progress) {
		if p.Verifying == last.Verifying && p.Done < last.Done || p.Done > p.Total {
			t.Errorf("%+v after %+v", p, last)
		}
		last = p
		if p.Verifying {
			verifying++
		} else {
			copying++
		}
	}})
	if copying == 0 || verifying == 0 {
		t.Errorf("told %d times while copying, %d while verifying", copying, verifying)
	}
}

// FuzzSingle: whatever a single file holds, reading it ends, and without panic.
func FuzzSingle(f *testing.F) {
	for seed := range uint64(2) {
		m := randomModel(seed, 1)
		m.store = inTurn(storeRaw, storeZlib)
		m.parts[0] = m.parts[0][:min(len(m.parts[0]), 4)]
		for i, b := range m.parts[0] {
			m.parts[0][i] = b[:min(len(b), 100)]
		}
		f.Add(m.single(formS2, m.structure(threeFiles(8), memoryStruct), typeCapacity))
		f.Add(m.single(formS1, m.structure(oldSingleFile(true, 8), memoryOld15), typeBOT))
		f.Add(m.single(formS1w4, m.structure(oldSingleFile(true, 4), memoryOld15-4), typeBOT))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tape := &Tape{}
		if err := tape.single(bytes.NewReader(b), int64(len(b))); err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("a strange error: %v", err)
			}
			return
		}
		readAll(t, tape.parts[0].scan(), tape.parts[0].data, len(b))
	})
}

// readAll reads a partition to its end; more objects than bytes cannot be.
func readAll(t *testing.T, s scanner, data io.ReaderAt, most int) {
	var u unpacker
	for range most + 1 {
		var o object
		if err := s.next(&o); err != nil {
			return
		}
		if !o.filemark && o.size < 1<<16 {
			_ = u.read(make([]byte, o.size), data, &o)
		}
	}
	t.Error("it never ends")
}

func FuzzIndex(f *testing.F) {
	for seed := range uint64(2) {
		m := randomModel(seed, 1)
		m.store = inTurn(storeLZO, storeRaw, storeZlib)
		for i, b := range m.parts[0] {
			if b != nil {
				m.parts[0][i] = b[:min(len(b), 50)]
			}
		}
		data, index, _ := m.files(0)
		f.Add(data, index)
	}
	f.Fuzz(func(t *testing.T, data, index []byte) {
		readAll(t, newIndexScanner(bytes.NewReader(index), int64(len(index)), int64(len(data)), false), bytes.NewReader(data), len(index))
	})
}

func FuzzMemory(f *testing.F) {
	m := randomModel(1, 1)
	f.Add(m.attributes(nil, mamOrder, mamLength))
	f.Add(m.attributes(nil, ownOrder, ownLength))
	f.Add(m.structure(threeFiles(1), memoryStruct))
	f.Fuzz(func(t *testing.T, b []byte) {
		fields := map[key][]byte{}
		if err := decodeAttributes(b, 0, fields); err != nil && !errors.Is(err, ErrDamaged) {
			t.Errorf("a strange error: %v", err)
		}
		for _, m := range []*Memory{newMemory(fields), threeFilesMemory(b)} {
			for _, c := range m.Coherency {
				if c != nil {
					coherency(c)
				}
			}
			if m.Capacity < 0 {
				t.Errorf("a capacity of %d", m.Capacity)
			}
		}
	})
}

// BenchmarkConvert converts a tape of blocks of 256 KiB, reading back included.
func BenchmarkConvert(b *testing.B) {
	for name, store := range map[string]int{"none": storeRaw, "zlib": storeZlib, "lzo": storeLZO} {
		b.Run(name, func(b *testing.B) {
			m := randomModel(1, 1)
			m.parts[0], m.crc, m.oldCRC, m.store = nil, true, false, inTurn(store)
			for len(m.parts[0]) < 128 {
				m.parts[0] = append(m.parts[0], bytes.Repeat(sample(), 3)[:256<<10])
			}
			source := m.write(b, Version6, false)
			dir := b.TempDir()
			b.SetBytes(128 * 256 << 10)
			for n := 0; b.Loop(); n++ {
				to := filepath.Join(dir, fmt.Sprint(n))
				if _, err := Convert(b.Context(), source, to, ConvertOptions{}); err != nil {
					b.Fatal(err)
				}
				os.RemoveAll(to)
			}
		})
	}
}
