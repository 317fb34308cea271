package libcart

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// cache decides whether what was written stays in the page cache, where a reading
// of it that follows finds it. The first cacheShare of a recording does, as long
// as memory is quick to get: on a machine that must get each page from a host
// first, writing into new pages was measured to take ten times as long as into
// pages that were used a moment ago, and these are what is let go behind the
// writer.
type cache struct {
	slow  bool // memory is
	bytes int64
	spent time.Duration // for them
}

const (
	// cacheShare is the share of the machine's memory, 1/cacheShare, that one
	// recording may fill.
	cacheShare = 8

	// slowRate is what writing into quick memory is always above, in bytes per
	// second, and sampleBytes over how much that is measured.
	slowRate    = 1 << 30
	sampleBytes = 8 << 20

	// slowFor is how long it is remembered that memory was slow.
	slowFor = 10 * time.Minute
)

// memorySlow is when memory was last seen to be slow, in nanoseconds since 1970;
// that is a matter of the machine.
var memorySlow atomic.Int64

// memoryShare is what one recording may fill of the page cache, in bytes.
var memoryShare = func() int64 {
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) != nil {
		return 0
	}
	return int64(uint64(s.Totalram) * uint64(s.Unit) / cacheShare)
}()

// begin is called when writing begins at an offset of a partition.
func (c *cache) begin(p *partition, from int64) {
	*c = cache{slow: time.Since(time.Unix(0, memorySlow.Load())) < slowFor}
	p.mu.Lock()
	defer p.mu.Unlock()
	if from > p.cached.to || from < p.cached.from {
		p.cached.from = from
	}
	p.cached.to = from
}

// took notes how long it took to write n bytes.
func (c *cache) took(n int64, spent time.Duration) {
	if c.slow {
		return
	}
	c.bytes += n
	c.spent += spent
	if c.bytes < sampleBytes {
		return
	}
	if float64(c.bytes) < slowRate*c.spent.Seconds() {
		c.slow = true
		memorySlow.Store(time.Now().UnixNano())
	}
	c.bytes, c.spent = 0, 0
}

// keep says whether n bytes from an offset stay, which are on the disk.
func (c *cache) keep(p *partition, from, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.slow || from != p.cached.to || p.cached.to+n-p.cached.from > memoryShare {
		return false
	}
	p.cached.to += n
	return true
}

// isCached says that a part of the file has stayed in the page cache since it was
// written, and is to stay there.
func (p *partition) isCached(from, to int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return from >= p.cached.from && to <= p.cached.to
}
