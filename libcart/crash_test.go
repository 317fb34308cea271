package libcart

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

// rounds is how often a randomised test runs; LIBCART_ROUNDS multiplies it.
func rounds(n int) int {
	if f, err := strconv.Atoi(os.Getenv("LIBCART_ROUNDS")); err == nil && f > 0 {
		return n * f
	}
	return n
}

// TestMain makes some of the recordings here long enough to be replaced, and has
// the many cartridges that are opened here collected less often.
func TestMain(m *testing.M) {
	replaceFrom = 8 << 10
	debug.SetGCPercent(1000)
	m.Run()
}

// mark stands for a filemark in a model; other values are seeds of blocks.
const mark = -1

// model is what a cartridge may have after a crash: of each partition these
// objects or a beginning of them that has at least the durable ones.
type model struct {
	none    bool // no cartridge at all
	parts   [][]int
	durable []int
	attr    string
}

func (m model) clone() model {
	m.parts = slices.Clone(m.parts)
	for i := range m.parts {
		m.parts[i] = slices.Clone(m.parts[i])
	}
	m.durable = slices.Clone(m.durable)
	return m
}

// modelBlock is the block of a seed, of any length up to 2,500 bytes.
func modelBlock(seed int) []byte { return block(uint64(seed), 1+seed*7919%2500) }

// modelKey is the key of blocks that are encrypted.
func modelKey() *Cipher {
	k, err := NewCipher(bytes.Repeat([]byte{7}, KeySize), []byte("label"))
	if err != nil {
		panic(err)
	}
	return k
}

// observe reads everything that an open cartridge has. Damaged objects are -2.
func observe(c *Cartridge) (m model, err error) {
	c.SetDecipher(modelKey())
	for p := range c.Partitions() {
		var list []int
		if err := c.LocateObject(uint8(p), 0); err != nil {
			return m, err
		}
	objects:
		for {
			o, err := c.Read(1 << 16)
			switch {
			case errors.Is(err, ErrEndOfData):
				break objects
			case errors.Is(err, ErrFilemark):
				list = append(list, mark)
				continue
			case errors.Is(err, ErrDamaged):
				list = append(list, -2)
				if n, err := c.SpaceBlocks(1); n != 1 && !errors.Is(err, ErrFilemark) {
					return m, fmt.Errorf("cannot space over damage at %+v: %w", c.Position(), err)
				}
				continue
			case err != nil:
				return m, err
			}
			list = append(list, seedOf(o.Block.B))
			o.Block.Release()
		}
		m.parts = append(m.parts, list)
		m.durable = append(m.durable, len(list))
	}
	for _, a := range c.Attributes(0) {
		if a.ID == 0x0806 {
			m.attr = string(a.Value)
		}
	}
	return m, nil
}

// seeds finds a seed again by the block.
var seeds = func() map[string]int {
	m := make(map[string]int)
	for i := range 400 {
		m[string(modelBlock(i))] = i
	}
	return m
}()

// seedOf returns the seed of a block, or -3: no such block was ever written.
func seedOf(b []byte) int {
	if s, ok := seeds[string(b)]; ok {
		return s
	}
	return -3
}

// allows says that what was seen is one of the states that m allows.
func (m model) allows(seen model) bool {
	if m.none || len(m.parts) != len(seen.parts) || m.attr != seen.attr {
		return false
	}
	for i, want := range m.parts {
		have := seen.parts[i]
		if len(have) < m.durable[i] || len(have) > len(want) || !slices.Equal(have, want[:len(have)]) {
			return false
		}
	}
	return true
}

// world is a file system under a cartridge, and what its cartridge may be. Its
// power is cut before each file operation, in a copy.
type world struct {
	t       *testing.T
	mem     vfs.Memory
	mu      sync.Mutex // guards what follows
	rand    *rand.Rand
	allowed []model
	cuts    int
	failed  bool
	quiet   bool // the process is dead
	full    bool // so is the file system
}

const worldDir = "/lib/A"

func (w *world) see(o vfs.Op) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut(o.String())
	return nil
}

// cut cuts the power in a copy and looks at what is left. mu is held.
func (w *world) cut(when string) {
	if w.failed || w.quiet {
		return
	}
	w.cuts++
	keep := []float64{0, 1, 0.5, 0.9}[w.rand.IntN(4)]
	after := w.mem.Crash(w.rand, keep)
	if !w.full && w.rand.IntN(3) == 0 {
		when += " and " + w.rotMemory(after)
	}
	fail := func(format string, args ...any) {
		w.failed = true
		w.t.Errorf("power cut %d before %q (keeping %v): %s\nallowed: %+v", w.cuts, when, keep, fmt.Sprintf(format, args...), w.allowed)
	}
	c, err := Open(worldDir, Options{FS: after})
	if errors.Is(err, fs.ErrNotExist) && slices.ContainsFunc(w.allowed, func(m model) bool { return m.none }) {
		return
	}
	if err != nil {
		fail("Open: %v", err)
		return
	}
	seen, err := observe(c)
	if err != nil || !slices.ContainsFunc(w.allowed, func(m model) bool { return m.allows(seen) }) {
		fail("%+v, %v; recovery %+v", seen, err, c.Recovery())
		return
	}
	if w.rand.IntN(4) == 0 && !w.full { // goes on, and loses the power again
		p := uint8(w.rand.IntN(len(seen.parts)))
		err := c.LocateEnd(p)
		if err == nil {
			b := modelBlock(399)
			m := buffer.Default.Get(len(b))
			copy(m.B, b)
			_, err = c.Write(m)
		}
		if err == nil {
			err = c.Sync(w.t.Context())
		}
		again, err2 := Open(worldDir, Options{FS: after.Crash(w.rand, keep)})
		if err != nil || err2 != nil {
			fail("going on: %v; %v", err, err2)
			return
		}
		seen.parts[p] = append(seen.parts[p], 399)
		seen.durable[p]++
		if s, err := observe(again); err != nil || !seen.allows(s) {
			fail("going on: %+v, %v instead of %+v", s, err, seen)
		}
		again.Close()
	}
	if err := c.Close(); err != nil {
		fail("Close: %v", err)
	}
}

// rotMemory damages the meta file or its copy, as much of them as there is, which
// must change nothing. It says what it did.
func (w *world) rotMemory(m *vfs.Memory) string {
	name := []string{metaName(worldDir), copyName(worldDir)}[w.rand.IntN(2)]
	b := m.Content(name)
	if len(b) == 0 {
		return "nothing"
	}
	switch w.rand.IntN(3) {
	case 0:
		must(w.t, m.SetContent(name, b[:w.rand.IntN(len(b))]))
		return name + " cut short"
	case 1:
		must(w.t, m.Remove(name))
		return name + " lost"
	}
	b[w.rand.IntN(len(b))] ^= 1 << w.rand.IntN(8)
	must(w.t, m.SetContent(name, b))
	return name + " damaged"
}

// during allows after as well as what is allowed now, runs do, and then allows
// only after.
func (w *world) during(after model, do func() error) {
	w.t.Helper()
	after = after.clone()
	w.mu.Lock()
	w.allowed = append(w.allowed, after)
	w.mu.Unlock()
	err := do()
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.failed {
		w.failed = true
		w.t.Error(err)
	}
	w.allowed = []model{after}
}

func TestCrashAtEveryOperation(t *testing.T) {
	for seed := range rounds(30) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			t.Parallel()
			crashProgram(t, uint64(seed))
		})
	}
}

// crashProgram runs a random program.
func crashProgram(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 5))
	w := &world{t: t, rand: rand.New(rand.NewPCG(seed, 6)), allowed: []model{{none: true}}}
	fsys := vfs.Failing(&w.mem, w.see)
	must(t, w.mem.MkdirAll("/lib", 0o700))
	must(t, w.mem.SyncDir("/"))
	m := model{parts: [][]int{nil}, durable: []int{0}}
	w.during(m, func() error { return Create(worldDir, testSpec(), Options{FS: fsys}) })
	opts := Options{FS: fsys, BufferSize: 5000}
	var c *Cartridge
	w.during(m, func() (err error) { c, err = Open(worldDir, opts); return err })
	part, pos := 0, 0 // where the model stands
	key := modelKey()
	next := 0
	write := func(objects []int, do func() error) {
		if list := m.parts[part]; pos < len(list) {
			m.parts[part] = slices.Clone(list[:pos])
			w.mu.Lock()
			w.allowed = append(w.allowed, m.clone()) // cut already, nothing written yet
			for i, d := range m.durable {
				if i == part {
					d = pos // cutting makes all before durable
				}
				w.allowed[len(w.allowed)-1].durable[i] = min(d, m.durable[i])
			}
			w.mu.Unlock()
			m.durable[part] = pos
		}
		m.parts[part] = append(slices.Clone(m.parts[part]), objects...)
		pos = len(m.parts[part])
		w.during(m, do)
	}
	for range 40 {
		if t.Failed() {
			return
		}
		switch k := r.IntN(100); {
		case k < 40:
			c.SetCodec([]Codec{Stored, LZ4, S2, Zstd}[r.IntN(4)], false)
			if err := c.SetCipher([]*Cipher{nil, nil, key}[r.IntN(3)]); err != nil {
				t.Fatal(err)
			}
			data := modelBlock(next)
			write([]int{next}, func() error {
				b := buffer.Default.Get(len(data))
				copy(b.B, data)
				_, err := c.Write(b)
				return err
			})
			next++
		case k < 50:
			n := 1 + r.IntN(3)
			write(slices.Repeat([]int{mark}, n), func() error { _, err := c.WriteFilemarks(uint32(n)); return err })
		case k < 65:
			before := m.clone()
			for i := range m.durable {
				m.durable[i] = len(m.parts[i])
			}
			w.mu.Lock()
			w.allowed = []model{before}
			w.mu.Unlock()
			w.during(m, func() error { return c.Sync(t.Context()) })
		case k < 80:
			part = r.IntN(len(m.parts))
			pos = r.IntN(len(m.parts[part]) + 1)
			w.during(m, func() error { return c.LocateObject(uint8(part), uint64(pos)) })
		case k < 84:
			m.parts[part] = slices.Clone(m.parts[part][:pos])
			m.durable[part] = pos
			w.mu.Lock()
			w.allowed = append(w.allowed, m.clone()) // this partition is cut, others are not synchronised yet
			w.mu.Unlock()
			for i := range m.parts {
				m.durable[i] = len(m.parts[i])
			}
			w.during(m, c.Erase)
		case k < 86:
			n := 1 + r.IntN(3)
			var sizes []int64
			for range n {
				sizes = append(sizes, 4<<20)
			}
			m.parts, m.durable, part, pos = make([][]int, n), make([]int, n), 0, 0
			w.during(m, func() error { return c.Format(sizes) })
		case k < 92:
			m.attr = strconv.Itoa(r.IntN(1000))
			w.during(m, func() error {
				return c.SetAttributes(0, []Attribute{{ID: 0x0806, Format: 1, Value: []byte(m.attr)}})
			})
		case k < 96:
			for i := range m.parts {
				m.durable[i] = len(m.parts[i])
			}
			w.during(m, c.Close)
			w.during(m, func() (err error) { c, err = Open(worldDir, opts); return err })
			part, pos = 0, 0
		default: // the process dies, or the power is cut, and what is left goes on
			w.mu.Lock()
			w.quiet = true
			if r.IntN(2) == 0 {
				w.mem.Become(w.mem.Crash(w.rand, 0.5))
			}
			w.mem.Kill()
			w.mu.Unlock()
			c.Close()
			w.mu.Lock()
			w.quiet = false
			w.mu.Unlock()
			var err error
			if c, err = Open(worldDir, opts); err != nil {
				t.Fatal(err)
			}
			seen, err := observe(c)
			if err != nil || !slices.ContainsFunc(w.allowed, func(m model) bool { return m.allows(seen) }) {
				t.Fatalf("after a crash: %+v, %v; allowed %+v", seen, err, w.allowed)
			}
			m = seen
			w.during(m, func() error { return c.LocateObject(0, 0) })
			part, pos = 0, 0
		}
	}
	for i := range m.parts {
		m.durable[i] = len(m.parts[i])
	}
	w.during(m, c.Close)
	w.mu.Lock()
	w.cut("the end")
	w.mu.Unlock()
	if bytes.Contains(w.mem.Content(worldDir+"/lock"), []byte("pid")) {
		t.Error("the lock file still names a holder")
	}
}
