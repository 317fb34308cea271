package mhvtl

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// item is an object of a tape: a block, or with nil a filemark.
type item []byte

// The ways in which a block may be stored.
const (
	storeRaw = iota
	storeZlib
	storeLZO
)

// model is a tape as tests think of it. The functions below write it as each
// version of mhVTL did.
type model struct {
	parts     [][]item
	store     func(part, object int) int // how blocks are stored; nil: as they are
	crc       bool
	oldCRC    bool // without inversion
	encrypted bool
	dirty     bool
	protected bool
	null      bool
	kind      uint8
	density   uint8
	capacity  uint64
	sizes     [4]uint64
}

const (
	testSerial = "TAPE01L6_1700000000"
	testVendor = "BACKUP\x00\x00"
	testLabel  = "monthly, second copy"
)

// field is the value of a field of the cartridge memory.
func (m *model) field(k key) []byte {
	text := func(s string, n int) []byte { return []byte(fmt.Sprintf("%-*s", n, s)) }
	be := binary.BigEndian
	switch k {
	case keyRemaining, keyWritten:
		return be.AppendUint64(nil, 12345678)
	case keyCapacity:
		return be.AppendUint64(nil, m.capacity)
	case keyLoads:
		return be.AppendUint64(nil, 17)
	case keyOrganization, keyAssigning:
		return text("LTO-CVE", 8)
	case keyFormatted, keyDensity:
		return []byte{m.density}
	case keyKind:
		return []byte{m.kind}
	case keySerial:
		return append([]byte(testSerial), make([]byte, 32-len(testSerial))...)
	case keyMade:
		return append([]byte("1700000000"), 0, 0)
	case keyInformation:
		return []byte{20, 0} // the order of the host
	case 0x0800:
		return []byte(testVendor)
	case 0x0801:
		return text("Archiver", 32)
	case 0x0803:
		return text(testLabel, 160)
	case 0x0806:
		return text("TAPE01L6", 32)
	case 0x0802, 0x0804, 0x0807, 0x0808:
		return nil // blank
	case keyCoherency:
		return coherencyOf(0)
	case keyCoherency1, keyCoherency1 + 1, keyCoherency1 + 2:
		if int(k-keyCoherency1)+1 < len(m.parts) {
			return coherencyOf(int(k-keyCoherency1) + 1)
		}
	case keyLock:
		return []byte{0}
	case keyDirty:
		return []byte{b2u(m.dirty)}
	case keyFlags:
		return []byte{b2u(m.protected) << 1, 0}
	case keyMaxPartitions:
		return []byte{2}
	case keyBits:
		return be.AppendUint32(nil, 18441)
	case keyTracks:
		return []byte{0, 1}
	case keyDensityName:
		return append([]byte("U-616"), 0, 0, 0)
	case keyDescription:
		return text("Ultrium 6/16T", 32)
	case keySize0, keySize0 + 1, keySize0 + 2, keySize0 + 3:
		return be.AppendUint64(nil, m.sizes[k-keySize0])
	}
	return nil
}

// coherencyOf is a VOLUME COHERENCY INFORMATION, padded to 70 bytes.
func coherencyOf(part int) []byte {
	b := append([]byte{8}, "reference"[:8]...)
	b = binary.BigEndian.AppendUint64(b, 40+uint64(part))
	b = binary.BigEndian.AppendUint64(b, 7)
	b = append(b, 0, 5)
	b = append(b, "LTFS\x00"...)
	return append(b, make([]byte, 70-len(b))...)
}

func b2u(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// structure fills a C structure.
func (m *model) structure(l layout, size int) []byte {
	b := make([]byte, size)
	for k, at := range l.fields(b) {
		copy(at, m.field(k))
	}
	return b
}

// attributes writes fields as a list of attributes.
func (m *model) attributes(b []byte, list []key, length func(key) int) []byte {
	for _, k := range list {
		v := make([]byte, length(k))
		copy(v, m.field(k))
		b = le.AppendUint16(b, uint16(k))
		b = le.AppendUint16(b, uint16(len(v)))
		b = append(b, v...)
	}
	return b
}

// lengths of attributes, in the order of the files.
var (
	mamOrder = []key{0x0000, 0x0001, 0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0007, 0x0009, 0x020A, 0x020B, 0x020C, 0x020D, 0x0220, 0x0221,
		0x0222, 0x0223, 0x0400, 0x0401, 0x0402, 0x0403, 0x0404, 0x0405, 0x0406, 0x0407, 0x0408, 0x0409, 0x0800, 0x0801, 0x0802, 0x0803, 0x0804,
		0x0805, 0x0806, 0x0807, 0x0808, 0x080B, 0x080C, 0x1623}
	ownOrder = []key{keyDirty, keyFlags, keyMaxPartitions, private | 4, private | 5, keyCoherency1, keyCoherency1 + 1, keyCoherency1 + 2,
		keySize0, keySize0 + 1, keySize0 + 2, keySize0 + 3, keyBits, keyTracks, keyDensityName, keyDescription}
)

func mamLength(k key) int {
	switch {
	case k == 0x0006 || k == 0x0405 || k == 0x0408 || k == 0x0805 || k == 0x1623:
		return 1
	case k == 0x0007 || k == 0x0409:
		return 2
	case k == 0x0009 || k == 0x0402 || k == 0x0403:
		return 4
	case k >= 0x020A && k <= 0x020D:
		return 40
	case k == 0x0401 || k == 0x0801 || k == 0x0806:
		return 32
	case k == 0x0406 || k == 0x0804:
		return 12
	case k == 0x0803 || k == 0x0808:
		return 160
	case k == 0x0807:
		return 80
	case k == 0x080B:
		return 16
	case k == 0x080C:
		return 70
	}
	return 8
}

func ownLength(k key) int {
	switch {
	case k == keyDirty || k == keyMaxPartitions || k == private|4 || k == private|5:
		return 1
	case k == keyFlags || k == keyTracks:
		return 2
	case k == keyBits:
		return 4
	case k >= keyCoherency1 && k <= keyCoherency1+2:
		return 70
	case k == keyDescription:
		return 32
	}
	return 8
}

// packed returns what is stored of a block, and its flags.
func (m *model) packed(part, object int, block []byte) ([]byte, uint32) {
	how := storeRaw
	if m.store != nil {
		how = m.store(part, object)
	}
	switch how {
	case storeZlib:
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		w.Write(block)
		w.Close()
		return b.Bytes(), flagZlib
	case storeLZO:
		return compressLZO(block), flagLZO
	}
	return block, 0
}

// compressLZO makes a stream of literals and one copy, where a byte repeats: the
// instructions have a test of their own.
func compressLZO(block []byte) []byte {
	start, n := len(block), 0
	for i := 4; i < len(block) && n < 8; i++ {
		start, n = i, 0
		for i+n < len(block) && block[i+n] == block[i-1] {
			n++
		}
	}
	if n < 8 {
		start, n = len(block), 0
	}
	rest := len(block) - start - n
	if rest > 0 && rest < 4 { // too few for a run of literals
		n -= 4
		rest += 4
	}
	w := &lzoWriter{random: rand.New(rand.NewPCG(1, 1))}
	w.given(block[:start])
	if n > 0 {
		w.match(n, 1, 0)
	}
	if rest > 0 {
		w.given(block[start+n:])
	}
	w.end()
	return w.stream
}

// given is a run of given literals, at the beginning or of at least 4.
func (w *lzoWriter) given(b []byte) {
	switch n := len(b); {
	case len(w.plain) == 0 && n <= 238:
		w.stream = append(w.stream, byte(17+n))
	default:
		w.stream = append(w.stream, byte(field(n-3, 15)))
		if n-3 > 15 {
			w.length(n-3, 15)
		}
	}
	w.stream, w.plain = append(w.stream, b...), append(w.plain, b...)
	w.state = 4
}

// files writes data and index of a partition.
func (m *model) files(part int) (data, index []byte, marks []uint32) {
	nothing := 0 // bytes that were not stored
	for k, block := range m.parts[part] {
		r := make([]byte, indexRecord)
		le.PutUint64(r[atIndexOffset:], uint64(len(data)+nothing))
		le.PutUint32(r[atIndexNumber:], uint32(k))
		le.PutUint32(r[144:], uint32(part))
		if block == nil {
			le.PutUint32(r[atIndexType:], typeFilemark)
			marks = append(marks, uint32(k))
			index = append(index, r...)
			continue
		}
		stored, flags := m.packed(part, k, block)
		if m.null {
			stored, flags = block, 0
		}
		if m.crc {
			flags |= flagCRC
			table := crc32.MakeTable(crc32.Castagnoli)
			sum := crc32.Checksum(block, table)
			if m.oldCRC {
				sum = ^crc32.Update(^uint32(0), table, block)
			}
			le.PutUint32(r[atIndexCRC:], sum)
		}
		if m.encrypted {
			flags |= flagEncrypted
			le.PutUint32(r[32:], 32)
			copy(r[48:], bytes.Repeat([]byte{0xAA}, 32))
		}
		le.PutUint32(r[atIndexType:], typeData)
		le.PutUint32(r[atIndexFlags:], flags)
		le.PutUint32(r[atIndexSize:], uint32(len(block)))
		le.PutUint32(r[atIndexStored:], uint32(len(stored)))
		index = append(index, r...)
		if m.null {
			nothing += len(stored)
			continue
		}
		data = append(data, stored...)
	}
	return data, index, marks
}

// meta is the header and filemark table of a meta file.
func meta(marks []uint32) []byte {
	b := make([]byte, 512)
	le.PutUint32(b, uint32(len(marks)))
	for _, k := range marks {
		b = le.AppendUint32(b, k)
	}
	return b
}

// write writes the tape as a version did and returns its path.
func (m *model) write(t testing.TB, v Version, aligned bool) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "TAPE01L6")
	put := func(name string, b []byte) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	words := func(b []byte, version uint32) []byte {
		le.PutUint32(b, version)
		le.PutUint32(b[4:], 3)
		return b
	}
	switch v {
	case Version3, Version4:
		data, index, marks := m.files(0)
		put(file("data"), data)
		put(file("indx"), index)
		align := 1
		if aligned {
			align = 8
		}
		head := m.structure(threeFiles(align), memoryStruct)
		if v == Version3 {
			put(file("meta"), append(words(head, 3), meta(marks)...))
		} else {
			put(file("mam"), words(head, 4))
			put(file("meta"), meta(marks))
		}
	case Version5, Version6:
		number := uint32(5)
		for p := range m.parts {
			suffix := ""
			if v == Version6 {
				number, suffix = 6, fmt.Sprintf(".%d", p)
			}
			data, index, marks := m.files(p)
			put(file("data"+suffix), data)
			put(file("indx"+suffix), index)
			put(file("meta"+suffix), meta(marks))
		}
		put(file("mam"), m.attributes(words(make([]byte, 8), number), mamOrder, mamLength))
		put(file("mhvtl_data"), m.attributes(nil, ownOrder, ownLength))
	case VersionS2:
		put(dir, m.single(formS2, m.structure(threeFiles(8), memoryStruct), typeCapacity))
	case VersionS1:
		put(dir, m.single(formS1, m.structure(oldSingleFile(true, 8), memoryOld15), typeBOT))
	}
	return dir
}

// single writes a single file.
func (m *model) single(f chainForm, memory []byte, first uint32) []byte {
	var b []byte
	number, prev := uint64(0), int64(0)
	record := func(kind, size, flags uint32, stored []byte) {
		h := make([]byte, f.header)
		this := int64(len(b))
		next := this + f.header + int64(len(stored))
		if kind == typeEOD {
			next = this
		}
		le.PutUint32(h, kind)
		le.PutUint32(h[4:], size)
		le.PutUint32(h[8:], uint32(len(stored)))
		if f.version == VersionS2 {
			le.PutUint32(h[12:], flags)
		}
		for i, n := range []uint64{number, uint64(prev), uint64(this), uint64(next)} {
			le.PutUint64(h[f.numbers+8*i:], n)
		}
		b = append(append(b, h...), stored...)
		prev = this
		number++
	}
	record(first, uint32(m.capacity>>20), 0, memory)
	number = 0
	for k, block := range m.parts[0] {
		if block == nil {
			record(typeFilemark, 0, 0, nil)
			continue
		}
		stored, flags := m.packed(0, k, block)
		switch {
		case f.version == VersionS2:
			record(typeData, uint32(len(block)), flags, stored)
		case flags == flagZlib:
			record(typeZlib, uint32(len(block)), 0, stored)
		default:
			record(typeRaw, uint32(len(block)), 0, stored)
		}
		if k == 3 {
			record(typeNoOp, 0, 0, nil)
		}
	}
	record(typeEOD, 0, 0, nil)
	return b
}

// randomModel makes a tape.
func randomModel(seed uint64, parts int) *model {
	r := rand.New(rand.NewPCG(seed, 3))
	m := &model{density: 0x5A, capacity: 600 << 20, crc: seed%3 != 0, oldCRC: seed%3 == 1}
	for range parts {
		var list []item
		for range r.IntN(60) {
			switch n := r.IntN(8); {
			case n == 0:
				list = append(list, nil)
			case n < 4: // compresses
				list = append(list, bytes.Repeat([]byte{byte(r.Uint32())}, 1+r.IntN(40_000)))
			default:
				b := make([]byte, 1+r.IntN([]int{5, 300, 70_000}[r.IntN(3)]))
				for i := range b {
					b[i] = byte(r.Uint32())
				}
				if len(b) > 200 {
					copy(b[100:], bytes.Repeat([]byte{7}, 80))
				}
				list = append(list, b)
			}
		}
		m.parts = append(m.parts, list)
	}
	return m
}
