package mhvtl

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"testing"
)

// lzoWriter writes LZO1X streams instruction by instruction, and what they stand
// for beside.
type lzoWriter struct {
	stream, plain []byte
	state         int
	random        *rand.Rand
}

// length appends what completes a length that is too long for its field.
func (w *lzoWriter) length(n, most int) {
	for n -= most; n > 255; n -= 255 {
		w.stream = append(w.stream, 0)
	}
	w.stream = append(w.stream, byte(n))
}

// field is the part of a length that goes into the instruction.
func field(n, most int) int {
	if n > most {
		return 0
	}
	return n
}

func (w *lzoWriter) literals(n int) {
	for range n {
		b := byte(w.random.UintN(256))
		w.stream, w.plain = append(w.stream, b), append(w.plain, b)
	}
}

// run is a run of at least 4 literals, where the state is 0.
func (w *lzoWriter) run(n int) {
	w.stream = append(w.stream, byte(field(n-3, 15)))
	if n-3 > 15 {
		w.length(n-3, 15)
	}
	w.literals(n)
	w.state = 4
}

// first is a run of 1 to 238 literals at the beginning of a stream.
func (w *lzoWriter) first(n int) {
	w.stream = append(w.stream, byte(17+n))
	w.literals(n)
	w.state = min(n, 4)
}

// match appends a copy and then as many literals (0 to 3). It says false when no
// instruction has such a copy here.
func (w *lzoWriter) match(length, distance, behind int) bool {
	d := distance - 1
	switch {
	case distance > len(w.plain):
		return false
	case length == 2 && distance <= 1024 && w.state >= 1 && w.state <= 3:
		w.stream = append(w.stream, byte(d&3<<2|behind), byte(d>>2))
	case length == 3 && distance > 2048 && distance <= 3072 && w.state == 4:
		d -= 2048
		w.stream = append(w.stream, byte(d&3<<2|behind), byte(d>>2))
	case length >= 3 && length <= 8 && distance <= 2048 && w.random.UintN(4) > 0:
		code := 64 | (length-3)<<5
		if length >= 5 {
			code = 128 | (length-5)<<5
		}
		w.stream = append(w.stream, byte(code|d&7<<2|behind), byte(d>>3))
	case length >= 3 && distance <= 16384:
		w.stream = append(w.stream, byte(32|field(length-2, 31)))
		if length-2 > 31 {
			w.length(length-2, 31)
		}
		w.stream = append(w.stream, byte(d<<2|behind), byte(d>>6))
	case length >= 3 && distance > 16384 && distance < 49152:
		d := distance - 16384
		w.stream = append(w.stream, byte(16|d>>14<<3|field(length-2, 7)))
		if length-2 > 7 {
			w.length(length-2, 7)
		}
		w.stream = append(w.stream, byte(d<<2|behind), byte(d>>6))
	default:
		return false
	}
	for range length {
		w.plain = append(w.plain, w.plain[len(w.plain)-distance])
	}
	w.literals(behind)
	w.state = behind
	return true
}

func (w *lzoWriter) end() { w.stream = append(w.stream, 17, 0, 0) }

// randomLZO makes a stream of all kinds of instructions.
func randomLZO(seed uint64, size int) *lzoWriter {
	w := &lzoWriter{random: rand.New(rand.NewPCG(seed, 7))}
	r := w.random
	if r.UintN(2) == 0 {
		w.first(1 + r.IntN(238))
	}
	for len(w.plain) < size {
		if w.state == 0 && (r.UintN(3) == 0 || len(w.plain) == 0) {
			w.run(4 + r.IntN([]int{10, 40, 1200}[r.IntN(3)]))
			continue
		}
		length := []int{2, 3, 3 + r.IntN(6), 2 + r.IntN(40), 2 + r.IntN(1500)}[r.IntN(5)]
		reach := []int{8, 1024, 3072, 16384, 49151}[r.IntN(5)]
		distance := 1 + r.IntN(min(reach, len(w.plain)))
		w.match(length, distance, r.IntN(4))
	}
	w.end()
	return w
}

func TestLZOInstructions(t *testing.T) {
	for seed := range uint64(200) {
		w := randomLZO(seed, 1+int(seed*seed*3))
		got := make([]byte, len(w.plain))
		if err := decompressLZO(got, w.stream); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if !bytes.Equal(got, w.plain) {
			t.Fatalf("seed %d: wrong bytes", seed)
		}
		if err := decompressLZO(make([]byte, len(w.plain)+1), w.stream); !errors.Is(err, errLZO) {
			t.Errorf("seed %d: one byte too little was taken: %v", seed, err)
		}
		if err := decompressLZO(make([]byte, len(w.plain)-1), w.stream); !errors.Is(err, errLZO) {
			t.Errorf("seed %d: one byte too much was taken: %v", seed, err)
		}
		if err := decompressLZO(got, append(w.stream, 0)); !errors.Is(err, errLZO) {
			t.Errorf("seed %d: a byte behind the end was taken: %v", seed, err)
		}
	}
}

// TestLZOCut: no beginning of a stream is a stream.
func TestLZOCut(t *testing.T) {
	w := randomLZO(5, 3000)
	got := make([]byte, len(w.plain))
	for n := range w.stream {
		if err := decompressLZO(got, w.stream[:n]); !errors.Is(err, errLZO) {
			t.Fatalf("the first %d bytes of %d: %v", n, len(w.stream), err)
		}
	}
}

func TestLZOEmpty(t *testing.T) {
	if err := decompressLZO(nil, []byte{17, 0, 0}); err != nil {
		t.Error(err)
	}
}

// sample is what the streams in testdata were made of: text of few words, then
// bytes that do not compress, then runs.
func sample() []byte {
	words := []string{"tape ", "library ", "changer ", "filemark ", "block ", "slot ", "barcode ", "\n"}
	var b []byte
	x := uint32(1)
	next := func() uint32 { // Numerical Recipes' linear congruential generator
		x = x*1664525 + 1013904223
		return x >> 16
	}
	for len(b) < 60_000 {
		b = append(b, words[next()%8]...)
	}
	for range 5_000 {
		b = append(b, byte(next()))
	}
	for range 40 {
		b = append(b, bytes.Repeat([]byte{byte(next())}, int(next()%900))...)
	}
	return append(b, b[20_000:30_000]...)
}

// TestLZOCompressors decompresses what other people's compressors made of sample
// at two levels.
func TestLZOCompressors(t *testing.T) {
	want := sample()
	for _, name := range []string{"testdata/lzo1x-1", "testdata/lzo1x-999"} {
		stream, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(want))
		if err := decompressLZO(got, stream); err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s: wrong bytes", name)
		}
	}
}

func FuzzLZO(f *testing.F) {
	for seed := range uint64(4) {
		w := randomLZO(seed, 500)
		f.Add(w.stream, uint16(len(w.plain)))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint16) {
		dst := make([]byte, int(size), int(size)+64)
		guard := dst[:cap(dst)][size:]
		err := decompressLZO(dst, stream)
		if err != nil && !errors.Is(err, errLZO) {
			t.Errorf("a strange error: %v", err)
		}
		if !bytes.Equal(guard, make([]byte, 64)) {
			t.Error("it wrote beyond the end")
		}
	})
}

func BenchmarkLZO(b *testing.B) {
	want := sample()
	stream, err := os.ReadFile("testdata/lzo1x-1")
	if err != nil {
		b.Fatal(err)
	}
	got := make([]byte, len(want))
	b.SetBytes(int64(len(want)))
	b.ReportAllocs()
	for b.Loop() {
		if err := decompressLZO(got, stream); err != nil {
			b.Fatal(err)
		}
	}
}
