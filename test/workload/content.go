// Package workload writes tape files whose every byte is known beforehand, keeps
// a journal of what was promised about them, and holds a tape against the journal
// after something went wrong.
package workload

import (
	"encoding/binary"
	"math/rand/v2"
)

// File is one tape file. Each time that a file is begun it gets a generation of
// its own, so that data of an earlier recording cannot pass for it.
type File struct {
	Number     int
	Generation int
}

// Sizes of blocks in bytes.
const (
	minBlock = 512
	MaxBlock = 256 << 10 // MaxBlock is the longest block
)

// source is the random source of a file and block; block -1 describes the file.
func (f File) source(seed uint64, block int) *rand.ChaCha8 {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[0:], seed)
	binary.LittleEndian.PutUint64(key[8:], uint64(f.Number))
	binary.LittleEndian.PutUint64(key[16:], uint64(f.Generation))
	binary.LittleEndian.PutUint64(key[24:], uint64(block))
	return rand.NewChaCha8(key)
}

// Blocks is the number of blocks of the file: 1 to 24.
func (f File) Blocks(seed uint64) int {
	return 1 + rand.New(f.source(seed, -1)).IntN(24)
}

// Block returns the content of a block. Some are random, some compress well.
func (f File) Block(seed uint64, n int) []byte {
	source := f.source(seed, n)
	r := rand.New(source)
	p := make([]byte, minBlock+r.IntN(MaxBlock-minBlock+1))
	random := len(p)
	if r.IntN(2) == 0 {
		random = len(p) / 8
	}
	source.Read(p[:random])
	for i := random; i < len(p); i++ {
		p[i] = p[i%max(random, 1)] & 0x0F
	}
	return p
}
