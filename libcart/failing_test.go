package libcart

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/buffer"
	"govtl/internal/vfs"
)

var rewriteGolden = flag.Bool("rewrite", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *rewriteGolden {
		must(t, os.MkdirAll("testdata", 0o777))
		must(t, os.WriteFile(file, []byte(got), 0o666))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if got != string(want) {
		t.Errorf("%s differs:\n%s", file, got)
	}
}

// scene is a cartridge on memory files whose operations are written down, with
// what is done to it in between.
type scene struct {
	t   *testing.T
	mem vfs.Memory
	log bytes.Buffer
	c   *Cartridge
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t}
	must(t, s.mem.MkdirAll("/lib", 0o700))
	must(t, s.mem.SyncDir("/"))
	return s
}

func (s *scene) fs() vfs.FS { return vfs.Logging(&s.mem, &s.log, worldDir) }

// operations is the log without what is written to the lock file, which depends
// on the process.
func (s *scene) operations() string {
	return regexp.MustCompile("(?m)^write lock .*$").ReplaceAllString(s.log.String(), "write lock")
}

func (s *scene) step(name string, err error) {
	s.t.Helper()
	must(s.t, err)
	s.log.WriteString("# " + name + "\n")
}

func (s *scene) write(n int) {
	for i := range n {
		put(s.t, s.c, block(uint64(i), 1000))
		must(s.t, s.c.queue.drain()) // so that the log is the same each time
	}
}

// TestFileOperations shows each operation in the life of a cartridge; above all
// that a sync point is one synchronisation of data.
func TestFileOperations(t *testing.T) {
	s := newScene(t)
	s.step("created", Create(worldDir, testSpec(), Options{FS: s.fs()}))
	open := func() (err error) { s.c, err = Open(worldDir, Options{FS: s.fs(), BufferSize: 64 << 10}); return err }
	s.step("opened", open())
	s.write(3)
	_, err := s.c.WriteFilemarks(1)
	must(t, err)
	must(t, s.c.queue.drain())
	s.step("wrote three blocks and a filemark", nil)
	s.step("synchronised", s.c.Sync(t.Context()))
	s.step("synchronised again", s.c.Sync(t.Context()))
	s.write(1)
	s.step("wrote a block", nil)
	s.step("synchronised", s.c.Sync(t.Context()))
	must(t, s.c.LocateObject(0, 2))
	s.write(1)
	s.step("wrote over object 2", nil)
	s.step("synchronised", s.c.Sync(t.Context()))
	s.step("stored an attribute", s.c.SetAttributes(0, []Attribute{{ID: 0x806, Value: []byte("x")}}))
	s.step("closed", s.c.Close())
	s.step("opened", open())
	wantBlock(t, s.c, block(0, 1000))
	s.step("read", nil)
	s.step("closed", s.c.Close())
	s.step("opened", open())
	must(t, s.c.LocateEnd(0))
	s.write(2)
	s.step("wrote two blocks", nil)
	s.mem.Become(s.mem.Crash(nil, 1))
	s.mem.Kill()
	_ = s.c.Close()
	golden(t, "operations.txt", s.operations())
	s.log.Reset()
	s.step("the process died", nil)
	s.step("opened", open())
	must(t, s.c.LocateObject(0, 1))
	s.step("erased from object 1 on", s.c.Erase())
	s.step("formatted to two partitions", s.c.Format([]int64{2 << 20, 3 << 20}))
	s.step("closed", s.c.Close())
	golden(t, "operations-after-crash.txt", s.operations())
}

// TestEachOperationFails runs a program again and again; each time the next file
// operation fails, in one of several ways. Nothing that was acknowledged as
// durable may be missing afterwards, and nothing may be wrong.
func TestEachOperationFails(t *testing.T) {
	for _, x := range []struct {
		name string
		err  error
		once bool // the disk is well again at once
	}{{"EIO", unix.EIO, false}, {"EIO once", unix.EIO, true}, {"ENOSPC", unix.ENOSPC, false}, {"ENOSPC once", unix.ENOSPC, true}, {"short", vfs.ShortWrite, true}} {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			for n := 0; ; n++ {
				if !failNth(t, n, x.err, x.once) {
					if n < 30 {
						t.Fatalf("only %d operations", n)
					}
					return
				}
				if t.Failed() {
					t.Fatalf("operation %d", n)
				}
			}
		})
	}
}

// failNth runs the program with operation n failing; it returns false when there
// are not so many.
func failNth(t *testing.T, n int, fail error, once bool) bool {
	var mem vfs.Memory
	must(t, mem.MkdirAll("/lib", 0o700))
	must(t, mem.SyncDir("/"))
	must(t, Create(worldDir, testSpec(), Options{FS: &mem}))
	var mu sync.Mutex
	count, hit, what := 0, false, vfs.Op{}
	fsys := vfs.Failing(&mem, func(o vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		if errors.Is(fail, vfs.ShortWrite) && o.Kind != "write" {
			return nil
		}
		count++
		if count == n+1 || hit && !once {
			if !hit {
				hit, what = true, o
			}
			return fail
		}
		return nil
	})
	// What the cartridge may have; the last is what the program believes.
	allowed := []model{{parts: [][]int{nil}, durable: []int{0}}}
	seed := 0
	session := func(from int) {
		c, err := Open(worldDir, Options{FS: fsys})
		if err != nil {
			return
		}
		defer c.Close()
		now, err := observe(c)
		if err != nil || !slices.ContainsFunc(allowed, func(m model) bool { return m.allows(now) }) {
			t.Errorf("failing %v (%v): session begins with %+v, %v; allowed %+v", what, fail, now, err, allowed)
			return
		}
		allowed = []model{now}
		if from < 0 || from > len(now.parts[0]) {
			from = len(now.parts[0])
		}
		must(t, c.LocateObject(0, uint64(from)))
		write := func(object int) {
			m := allowed[len(allowed)-1].clone()
			if here := int(c.Position().Object); here < len(m.parts[0]) {
				m.parts[0], m.durable[0] = m.parts[0][:here], min(m.durable[0], here)
				allowed = append(allowed[:1:1], m.clone()) // also when it fails
			}
			var err error
			if object == mark {
				_, err = c.WriteFilemarks(1)
			} else {
				data := modelBlock(object)
				b := buffer.Default.Get(len(data))
				copy(b.B, data)
				_, err = c.Write(b)
			}
			if err == nil {
				m.parts[0] = append(m.parts[0], object)
				allowed = []model{m}
			}
		}
		for range 3 {
			for range 3 {
				write(seed)
				seed++
			}
			write(mark)
			if c.Sync(t.Context()) == nil {
				last := allowed[len(allowed)-1]
				last.durable[0] = len(last.parts[0])
			}
		}
		if c.Close() == nil {
			last := allowed[len(allowed)-1]
			last.durable[0] = len(last.parts[0])
		}
	}
	session(-1)
	session(5)
	session(-1)
	// A power cut, and the disk is well.
	for _, keep := range []float64{0, 1} {
		c, err := Open(worldDir, Options{FS: mem.Crash(nil, keep)})
		if err != nil {
			t.Errorf("failing %v (%v): Open: %v", what, fail, err)
			return hit
		}
		seen, err := observe(c)
		if err != nil || !slices.ContainsFunc(allowed, func(m model) bool { return m.allows(seen) }) {
			t.Errorf("failing %v (%v): %+v, %v; allowed %+v; recovery %+v", what, fail, seen, err, allowed, c.Recovery())
		}
		c.Close()
	}
	return hit
}

// TestFailedSyncIsNeverForgotten is the page cache that says EIO once, and then
// that all is well.
func TestFailedSyncIsNeverForgotten(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	bad := false
	fsys := vfs.Failing(&s.mem, func(o vfs.Op) error {
		if bad && o.Kind == "sync" && strings.HasSuffix(o.Name, "data") {
			bad = false
			return unix.EIO
		}
		return nil
	})
	c := mustOpen(t, worldDir, Options{FS: fsys})
	put(t, c, block(1, 5000))
	must(t, c.Sync(t.Context()))
	put(t, c, block(2, 5000))
	bad = true
	wantErr(t, "Sync", c.Sync(t.Context()), ErrWrite)
	if err := c.Deferred(); err != nil {
		t.Fatalf("reported twice: %v", err)
	}
	wantErr(t, "Sync again", c.Sync(t.Context()), ErrWrite)
	_, err := c.WriteFilemarks(1)
	wantErr(t, "filemark", err, ErrWrite)
	_, err = c.Write(buffer.Default.Get(10))
	wantErr(t, "block", err, ErrWrite)
	wantErr(t, "Close", c.Close(), ErrWrite)

	// Opened anew, the second block is still to be read: from the page cache. It
	// may only be served when it is on the disk.
	c = mustOpen(t, worldDir, Options{FS: fsys})
	must(t, c.LocateObject(0, 1))
	wantBlock(t, c, block(2, 5000))
	put(t, c, block(3, 5000))
	must(t, c.Sync(t.Context()))
	c = mustOpen(t, worldDir, Options{FS: s.mem.Crash(rand.New(rand.NewPCG(1, 1)), 0)})
	for i := range 3 {
		wantBlock(t, c, block(uint64(i+1), 5000))
	}
}

// TestFileSystemFull fills a file system, finds that nothing acknowledged is lost
// and that there was room for filemarks, makes room, and goes on.
func TestFileSystemFull(t *testing.T) {
	s := newScene(t)
	spec := testSpec()
	spec.Capacity = 1 << 40
	must(t, Create(worldDir, spec, Options{FS: &s.mem}))
	s.mem.SetLimit(4 << 20)
	c := mustOpen(t, worldDir, Options{FS: &s.mem, MinFree: 1 << 20})
	n := 0
	zone := ZoneFree
	for {
		b := buffer.Default.Get(20000)
		copy(b.B, block(uint64(n), 20000))
		z, err := c.Write(b)
		if z < zone {
			t.Fatalf("zone %d after %d", z, zone)
		}
		zone = z
		if err != nil {
			wantErr(t, "full", err, ErrNoRoom)
			break
		}
		n++
	}
	if zone != ZoneEarlyWarning || n < 100 {
		t.Fatalf("zone %d, %d blocks", zone, n)
	}
	if p := c.Position(); p.Object != uint64(n) {
		t.Fatalf("at %+v, %d blocks were accepted", p, n)
	}
	_, err := c.WriteFilemarks(2)
	must(t, err)
	must(t, c.Sync(t.Context()))
	_, err = c.Write(buffer.Default.Get(20000))
	wantErr(t, "still full", err, ErrNoRoom)
	must(t, c.LocateObject(0, 0))
	for i := range n {
		wantBlock(t, c, block(uint64(i), 20000))
	}
	must(t, c.LocateEnd(0))
	s.mem.SetLimit(8 << 20)
	put(t, c, block(1000, 20000))
	must(t, c.Sync(t.Context()))
	s.mem.SetLimit(s.mem.Used()) // full to the last byte
	must(t, c.Close())
	c = mustOpen(t, worldDir, Options{FS: &s.mem})
	must(t, c.LocateObject(0, uint64(n)+2))
	wantBlock(t, c, block(1000, 20000))
}

// TestNoAllocate is a file system that cannot reserve and fills up under the
// writer: what is in the buffer waits there for room.
func TestFullWithoutReserving(t *testing.T) {
	s := newScene(t)
	must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
	full := false
	var mu sync.Mutex
	set := func(b bool) { mu.Lock(); full = b; mu.Unlock() }
	fsys := vfs.Failing(&s.mem, func(o vfs.Op) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case o.Kind == "allocate":
			return errors.ErrUnsupported
		case full && o.Kind == "write":
			return unix.ENOSPC
		}
		return nil
	})
	c := mustOpen(t, worldDir, Options{FS: fsys})
	put(t, c, block(1, 5000))
	must(t, c.queue.drain())
	set(true)
	put(t, c, block(2, 5000))
	wantErr(t, "Sync", c.Sync(t.Context()), ErrNoRoom)
	_, err := c.Write(buffer.Default.Get(5000))
	wantErr(t, "Write", err, ErrNoRoom)
	if p := c.Position(); p.Object != 2 {
		t.Fatalf("at %+v", p)
	}
	set(false)
	put(t, c, block(3, 5000))
	must(t, c.Sync(t.Context()))
	must(t, c.LocateObject(0, 0))
	for i := range 3 {
		wantBlock(t, c, block(uint64(i+1), 5000))
	}
}
