// Package buffer has the pooled byte buffers that carry a block from the
// socket to the cartridge file, and back, without being copied in between.
//
// A Buffer has exactly one owner at a time. Whoever is handed one either hands
// it on or calls Release once; after that it must not touch it. Nothing in the
// data path allocates in steady state.
package buffer

import (
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	minShift = 12 // smallest class, 4 KiB
	maxShift = 24 // largest class, 16 MiB

	// Slack is what every class has beyond its power of two, so that a block
	// of exactly that size still has room for a guard field behind it.
	Slack = 64

	// MaxSize is the largest buffer that Get hands out, in bytes.
	MaxSize = 1<<maxShift + Slack
)

// Buffer is one pooled buffer. B is the part in use; it starts at the start of
// the underlying memory and may be resliced within its capacity.
type Buffer struct {
	B     []byte
	mem   []byte
	class int8
	free  atomic.Bool
	pool  *Pool
}

// Release gives the buffer back to its pool. A second Release panics: it means
// that two owners believed the memory to be theirs.
func (b *Buffer) Release() {
	if b == nil {
		return
	}
	if b.free.Swap(true) {
		panic("buffer: released twice")
	}
	b.pool.put(b)
}

// Pool is a set of free lists, one for each power of two. The zero value is
// ready to use. It never holds back more than KeepBytes of idle memory.
type Pool struct {
	// KeepBytes bounds the idle memory that the pool keeps, in bytes; 0 is 64 MiB.
	KeepBytes int64

	mu   sync.Mutex // guards idle, kept
	idle [maxShift + 1][]*Buffer
	kept int64
}

// Get returns a buffer with len(B) = n. It panics when n is negative or larger
// than MaxSize: a length that came from outside must be checked before.
func (p *Pool) Get(n int) *Buffer {
	if n < 0 || n > MaxSize {
		panic(fmt.Sprintf("buffer: size %d out of range", n))
	}
	class := classOf(n)
	p.mu.Lock()
	if l := p.idle[class]; len(l) > 0 {
		b := l[len(l)-1]
		l[len(l)-1] = nil
		p.idle[class] = l[:len(l)-1]
		p.kept -= int64(cap(b.mem))
		p.mu.Unlock()
		b.free.Store(false)
		b.B = b.mem[:n]
		return b
	}
	p.mu.Unlock()
	mem := make([]byte, 1<<class+Slack)
	return &Buffer{B: mem[:n], mem: mem, class: int8(class), pool: p}
}

// classOf is the free list for n bytes, 0 to MaxSize.
func classOf(n int) int {
	if n <= 1<<minShift+Slack {
		return minShift
	}
	return bits.Len(uint(n - Slack - 1))
}

// Size is the memory that a buffer of n bytes takes, 0 to MaxSize, Slack apart.
func Size(n int) int { return 1 << classOf(n) }

func (p *Pool) put(b *Buffer) {
	keep := p.KeepBytes
	if keep == 0 {
		keep = 64 << 20
	}
	size := int64(cap(b.mem))
	p.mu.Lock()
	defer p.mu.Unlock()
	// What was just used will be used again sooner than what lies idle: idle
	// buffers of other sizes make room, the largest first.
	for class := maxShift; class >= minShift && p.kept+size > keep; class-- {
		for l := p.idle[class]; class != int(b.class) && len(l) > 0 && p.kept+size > keep; l = p.idle[class] {
			p.kept -= int64(cap(l[len(l)-1].mem))
			l[len(l)-1] = nil
			p.idle[class] = l[:len(l)-1]
		}
	}
	if p.kept+size <= keep {
		p.idle[b.class] = append(p.idle[b.class], b)
		p.kept += size
	}
}

// Trim drops all idle memory, for a daemon that has become idle.
func (p *Pool) Trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.idle {
		p.idle[i] = nil
	}
	p.kept = 0
}

// Default is the pool that a daemon's transport and cartridge share.
var Default Pool
