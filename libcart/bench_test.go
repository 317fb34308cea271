package libcart

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"govtl/internal/buffer"
)

// benchData returns a block of one of the kinds of data that the benchmarks
// write: random, two to one, text-like, zeros.
func benchData(kind string, n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 1))
	words := make([]string, 400)
	for i := range words {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = byte('a' + r.IntN(26))
		}
		words[i] = string(w)
	}
	switch kind {
	case "random":
		for i := range b {
			b[i] = byte(r.Uint32())
		}
	case "2to1":
		for i := 0; i < n; i += 4096 {
			for j := i; j < min(i+2048, n); j++ {
				b[j] = byte(r.Uint32())
			}
		}
	case "text":
		for i := 0; i < n; {
			i += copy(b[i:], words[min(r.IntN(400), r.IntN(400))])
			i += copy(b[i:], " ")
		}
	}
	return b
}

// benchSize is how much is written or read before the tape is rewound.
const benchSize = 512 << 20

// benchDir is a new directory: below LIBCART_BENCH_DIR, or where tests have
// theirs. On a file system in memory one sees what the processors cost.
func benchDir(b *testing.B) string {
	if base := os.Getenv("LIBCART_BENCH_DIR"); base != "" {
		dir, err := os.MkdirTemp(base, "libcart")
		must(b, err)
		b.Cleanup(func() { os.RemoveAll(dir) })
		return dir
	}
	return b.TempDir()
}

func benchSpec() Spec {
	s := testSpec()
	s.Capacity = 1 << 40
	return s
}

func BenchmarkWrite(b *testing.B) {
	const n = 256 << 10
	for _, kind := range []string{"random", "2to1", "text", "zero"} {
		for _, o := range []Options{{Codec: Stored}, {Codec: LZ4}, {Codec: S2}, {Codec: S2, Adaptive: true}, {Codec: Zstd}, {Codec: Zstd, Adaptive: true}} {
			name := fmt.Sprintf("%s/%s", kind, o.Codec)
			if o.Adaptive {
				name += "-adaptive"
			}
			b.Run(name, func(b *testing.B) {
				data := benchData(kind, n)
				dir := filepath.Join(benchDir(b), "A")
				must(b, Create(dir, benchSpec(), Options{}))
				c := mustOpen(b, dir, o)
				b.SetBytes(n)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i%(benchSize/n) == 0 && i > 0 {
						must(b, c.LocateObject(0, 0))
					}
					m := buffer.Default.Get(n)
					copy(m.B, data)
					if _, err := c.Write(m); err != nil {
						b.Fatal(err)
					}
				}
				must(b, c.Sync(b.Context()))
				must(b, c.Close())
			})
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const n = 256 << 10
	for _, kind := range []string{"random", "2to1", "text"} {
		for _, codec := range []Codec{Stored, LZ4, S2, Zstd} {
			b.Run(fmt.Sprintf("%s/%s", kind, codec), func(b *testing.B) {
				data := benchData(kind, n)
				dir := filepath.Join(benchDir(b), "A")
				must(b, Create(dir, benchSpec(), Options{}))
				c := mustOpen(b, dir, Options{Codec: codec})
				for range benchSize / n {
					put(b, c, data)
				}
				must(b, c.Sync(b.Context()))
				must(b, c.LocateObject(0, 0))
				b.SetBytes(n)
				b.ReportAllocs()
				for b.Loop() {
					o, err := c.Read(n)
					if err == ErrEndOfData {
						must(b, c.LocateObject(0, 0))
						o, err = c.Read(n)
					}
					must(b, err)
					o.Block.Release()
				}
			})
		}
	}
}
