package ssc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"govtl/libcart"
)

// modelObject is a block of a length made from a seed, or a filemark (length -1).
type modelObject struct{ seed, length int }

func (o modelObject) mark() bool { return o.length < 0 }

// tapeModel is what a tape with partitions does, in the plainest form.
type tapeModel struct {
	parts       [][]modelObject
	part, pos   int
	blockLength int
}

func (m *tapeModel) tape() []modelObject { return m.parts[m.part] }

const (
	modelFilemark = "NO SENSE, FILEMARK DETECTED (0/00/01) FILEMARK"
	modelEOD      = "BLANK CHECK, END-OF-DATA DETECTED (8/00/05)"
	modelBOP      = "NO SENSE, BEGINNING-OF-PARTITION/MEDIUM DETECTED (0/00/04) EOM"
	modelILI      = "NO SENSE, NO ADDITIONAL SENSE INFORMATION (0/00/00) ILI"
)

func withInfo(s string, n int) string { return fmt.Sprintf("%s information %d", s, n) }

// write appends objects at the position, over what lay there.
func (m *tapeModel) write(l ...modelObject) {
	m.parts[m.part] = append(slices.Clip(m.tape()[:m.pos]), l...)
	m.pos += len(l)
}

// read is a READ of a variable block.
func (m *tapeModel) read(length int) (want string, data []byte) {
	if m.pos == len(m.tape()) {
		return withInfo(modelEOD, length), nil
	}
	o := m.tape()[m.pos]
	m.pos++
	if o.mark() {
		return withInfo(modelFilemark, length), nil
	}
	data = pattern(o.seed, o.length)
	if len(data) == length {
		return good, data
	}
	return withInfo(modelILI, length-len(data)), data[:min(length, len(data))]
}

// readFixed is a READ of so many fixed blocks.
func (m *tapeModel) readFixed(count int) (want string, data []byte) {
	for left := count; left > 0; left-- {
		if m.pos == len(m.tape()) {
			return withInfo(modelEOD, left), data
		}
		o := m.tape()[m.pos]
		m.pos++
		if o.mark() {
			return withInfo(modelFilemark, left), data
		}
		b := pattern(o.seed, o.length)
		data = append(data, b[:min(len(b), m.blockLength)]...)
		if len(b) != m.blockLength {
			return withInfo(modelILI, left), data
		}
	}
	return good, data
}

// space moves over n blocks, or filemarks.
func (m *tapeModel) space(n int, marks bool) string {
	step, left := 1, n
	if n < 0 {
		step, left = -1, -n
	}
	for left > 0 {
		next := m.pos
		if step < 0 {
			next--
		}
		switch {
		case next < 0:
			return withInfo(modelBOP, left)
		case next == len(m.tape()):
			return withInfo(modelEOD, left)
		}
		m.pos += step
		mark := m.tape()[next].mark()
		if mark && !marks {
			return withInfo(modelFilemark, left)
		}
		if mark == marks {
			left--
		}
	}
	return good
}

// locate goes to an object or behind so many filemarks.
func (m *tapeModel) locate(part, object int) string {
	m.part = part
	m.pos = min(object, len(m.tape()))
	if object > len(m.tape()) {
		return modelEOD
	}
	return good
}

func (m *tapeModel) locateFile(part, file int) string {
	m.part, m.pos = part, 0
	for ; file > 0; m.pos++ {
		if m.pos == len(m.tape()) {
			return modelEOD
		}
		if m.tape()[m.pos].mark() {
			file--
		}
	}
	return good
}

func (m *tapeModel) filemarks() (n int) {
	for _, o := range m.tape()[:m.pos] {
		if o.mark() {
			n++
		}
	}
	return n
}

// TestPositionModel carries out random commands on a drive with two partitions
// and compares each with the plain model. VTL_STEPS sets how many.
func TestPositionModel(t *testing.T) {
	steps := 4000
	if s := os.Getenv("VTL_STEPS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		steps = n
	}
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { walkModel(t, seed, steps) })
	}
}

func walkModel(t *testing.T, seed uint64, steps int) {
	r := newRig(t, "ibm-ult3580-td6")
	r.insert("VTL001L6", func(s *libcart.Spec) { s.Capacity = 8 << 30 })
	r.want(good, []byte{0x55, 0x10, 0, 0, 0, 0, 0, 0, 24, 0},
		0, 0, 0x68, 0x10, 0, 0, 0, 0, 0x11, 0x0E, 3, 1, 0x5C, 3, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	r.want(good, []byte{0x04, 0, 2, 0, 0, 0})
	m := &tapeModel{parts: make([][]modelObject, 2)}
	rnd := rand.New(rand.NewPCG(seed, 7))
	for i := range steps {
		what := modelStep(r, m, rnd, i)
		if t.Failed() {
			t.Fatalf("step %d: %s", i, what)
		}
		p := r.want(good, readLong)
		if part, object, marks := binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint64(p[8:]), binary.BigEndian.Uint64(p[16:]); int(part) != m.part || int(object) != m.pos || int(marks) != m.filemarks() {
			t.Fatalf("step %d: %s: at %d/%d after %d filemarks, want %d/%d after %d", i, what, part, object, marks, m.part, m.pos, m.filemarks())
		}
	}
}

// modelStep carries out one random command on both.
func modelStep(r *rig, m *tapeModel, rnd *rand.Rand, i int) string {
	r.t.Helper()
	// expect compares status, sense and data.
	expect := func(want string, data, cdb []byte, out ...byte) string {
		r.t.Helper()
		x := r.do(cdb, out...)
		what := fmt.Sprintf("% X: %s with %d bytes", cdb, x, len(x.data))
		if x.String() != want || !bytes.Equal(x.data, data) {
			r.t.Errorf("%s\nwant %s with %d bytes", what, want, len(data))
		}
		return what
	}
	length := 1 + rnd.IntN(3000)
	switch op := rnd.IntN(100); {
	case op < 22:
		m.write(modelObject{i, length})
		return expect(good, nil, write6v(length), pattern(i, length)...)
	case op < 27 && m.blockLength > 0:
		n := 1 + rnd.IntN(4)
		var out []byte
		for k := range n {
			m.write(modelObject{i + k*1_000_003, m.blockLength})
			out = append(out, pattern(i+k*1_000_003, m.blockLength)...)
		}
		return expect(good, nil, write6f(n), out...)
	case op < 36:
		n := rnd.IntN(4)
		if n > 0 {
			m.write(slices.Repeat([]modelObject{{0, -1}}, n)...)
		}
		cdb := filemarks(n)
		cdb[1] = byte(rnd.IntN(2)) // IMMED
		return expect(good, nil, cdb)
	case op < 55:
		if m.pos < len(m.tape()) && rnd.IntN(3) > 0 && !m.tape()[m.pos].mark() {
			length = m.tape()[m.pos].length
		}
		want, data := m.read(length)
		return expect(want, data, read6v(length))
	case op < 62 && m.blockLength > 0:
		n := 1 + rnd.IntN(6)
		want, data := m.readFixed(n)
		return expect(want, data, read6f(n))
	case op < 70:
		n := rnd.IntN(41) - 20
		return expect(m.space(n, false), nil, space6(spaceBlocks, n))
	case op < 77:
		n := rnd.IntN(11) - 5
		cdb := make([]byte, 16)
		cdb[0], cdb[1] = 0x91, spaceFilemarks
		binary.BigEndian.PutUint64(cdb[4:], uint64(n))
		return expect(m.space(n, true), nil, cdb)
	case op < 80:
		m.pos = len(m.tape())
		return expect(good, nil, space6(spaceEnd, 0))
	case op < 86:
		part, object := rnd.IntN(2), rnd.IntN(len(m.tape())+3)
		cdb := []byte{0x2B, 0x02, 0, 0, 0, byte(object >> 8), byte(object), 0, byte(part), 0}
		return expect(m.locate(part, object), nil, cdb)
	case op < 91:
		part, file := rnd.IntN(2), rnd.IntN(m.filemarks()+3)
		cdb := []byte{0x92, destinationFile<<3 | 0x02, 0, byte(part), 0, 0, 0, 0, 0, 0, byte(file >> 8), byte(file), 0, 0, 0, 0}
		return expect(m.locateFile(part, file), nil, cdb)
	case op < 94:
		m.pos = 0
		return expect(good, nil, rewind)
	case op < 95:
		m.parts[m.part] = slices.Clip(m.tape()[:m.pos])
		return expect(good, nil, []byte{0x19, 0, 0, 0, 0, 0})
	case op < 97:
		m.blockLength = rnd.IntN(2) * (1 + rnd.IntN(600))
		return expect(good, nil, []byte{0x15, 0x10, 0, 0, 12, 0}, 0, 0, 0x10, 8, 0, 0, 0, 0, 0, 0, byte(m.blockLength>>8), byte(m.blockLength))
	case op < 98:
		expect(good, nil, unload)
		m.part, m.pos = 0, 0
		return expect(good, nil, loadCDB)
	default:
		return expect(good, nil, unitOK)
	}
}

// TestManyFilemarks positions on a tape of 100,000 filemarks with blocks between.
func TestManyFilemarks(t *testing.T) {
	r := newRig(t, "ibm-ult3580-td9")
	r.insert("VTL001L9")
	const groups, marks = 100, 1000
	for i := range groups {
		r.want(good, write6v(100), pattern(i, 100)...)
		r.want(good, []byte{0x10, 1, 0, marks >> 8, marks & 0xFF, 0})
	}
	r.want(good, filemarks(0))
	for _, file := range []uint32{0, 1, 999, 1000, 50_000, 99_999, 100_000} {
		cdb := []byte{0x92, destinationFile << 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		binary.BigEndian.PutUint32(cdb[8:], file)
		r.want(good, cdb)
		p := r.want(good, readLong)
		object := uint64(file)
		if file > 0 {
			object += uint64((file-1)/marks + 1)
		}
		if got := binary.BigEndian.Uint64(p[8:]); got != object || binary.BigEndian.Uint64(p[16:]) != uint64(file) {
			t.Fatalf("file %d is at object %d, want %d", file, got, object)
		}
	}
	r.want(good, rewind)
	r.want(good, space6(spaceFilemarks, 70_000))
	if got := r.want(good, read6v(100)); !bytes.Equal(got, pattern(70, 100)) {
		t.Fatal("the block behind filemark 70,000 differs")
	}
	r.want(good, space6(spaceFilemarks, -70_000))
	r.want(good, space6(spaceBlocks, -1))
	if got := r.want(good, read6v(100)); !bytes.Equal(got, pattern(0, 100)) {
		t.Fatal("the first block differs")
	}
}
