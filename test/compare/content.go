package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
)

// kinds of data: incompressible; half of it zeros, in pieces; words; zeros.
var kinds = []string{"random", "mixed", "text", "zero"}

// content makes the blocks of a tape file. They are of one size, and there are a
// few megabytes of different ones, each of which begins with its number on the
// tape: no block can pass for another.
type content struct {
	size   int
	blocks [][]byte
}

// poolBytes is how much data repeat after.
const poolBytes = 16 << 20

func newContent(kind string, size int) *content {
	c := &content{size: size}
	source := rand.NewChaCha8([32]byte{7})
	for range max(poolBytes/size, 1) {
		b := make([]byte, size)
		switch kind {
		case "random":
			source.Read(b)
		case "mixed":
			for at := 0; at < size; at += 4096 {
				source.Read(b[at:min(at+2048, size)])
			}
		case "text":
			text(b, rand.New(source))
		}
		c.blocks = append(c.blocks, b)
	}
	return c
}

// text fills b with words of a small vocabulary, some rare.
func text(b []byte, r *rand.Rand) {
	const letters = "etaoinshrdlucmfwypvbgkjqxz"
	vocabulary := make([][]byte, 4096)
	for i := range vocabulary {
		w := make([]byte, 2+r.IntN(9))
		for j := range w {
			w[j] = letters[min(r.IntN(26), r.IntN(26))]
		}
		vocabulary[i] = append(w, ' ')
	}
	for at := 0; at < len(b); {
		w := vocabulary[r.IntN(1+r.IntN(len(vocabulary)))]
		at += copy(b[at:], w)
	}
}

// block returns block n. It is valid until that of n + len(c.blocks) is asked for.
func (c *content) block(n int) []byte {
	b := c.blocks[n%len(c.blocks)]
	stamp(b, n)
	return b
}

// stamp writes as much of a block's number to its beginning as there is room for.
func stamp(b []byte, n int) {
	if len(b) >= 8 {
		binary.BigEndian.PutUint64(b, uint64(n))
	}
}

// check compares what was read with block n.
func (c *content) check(n int, got []byte) error {
	if want := c.block(n); !slices.Equal(got, want) {
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				return fmt.Errorf("block %d differs from byte %d of %d on", n, i, len(want))
			}
		}
		return fmt.Errorf("block %d is %d bytes long, not %d", n, len(got), len(want))
	}
	return nil
}
