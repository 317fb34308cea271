package libcart

import (
	"bytes"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
)

// TestDataFileIsGone: a cartridge whose data file was lost is an empty one, and what
// is written to it then is as safe as anywhere: the name of the new file too.
func TestDataFileIsGone(t *testing.T) {
	for _, closed := range []bool{true, false} {
		s := newScene(t)
		must(t, Create(worldDir, testSpec(), Options{FS: &s.mem}))
		if !closed {
			c := mustOpen(t, worldDir, Options{FS: &s.mem})
			put(t, c, block(2, 1000))
			must(t, c.Sync(t.Context()))
			s.mem.Kill()
		}
		must(t, s.mem.Remove(dataName(worldDir, 0)))
		must(t, s.mem.Remove(indexName(worldDir, 0)))
		must(t, s.mem.SyncDir(worldDir))
		c := mustOpen(t, worldDir, Options{FS: &s.mem})
		put(t, c, block(1, 1000))
		must(t, c.Sync(t.Context()))
		c = mustOpen(t, worldDir, Options{FS: s.mem.Crash(nil, 0)})
		wantBlock(t, c, block(1, 1000))
	}
}

// unreadable is a file system that does not let some files be read.
type unreadable struct {
	vfs.FS
	why   error
	names []string
}

func (u unreadable) ReadFile(name string, most int64) ([]byte, error) {
	if slices.Contains(u.names, name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: u.why}
	}
	return u.FS.ReadFile(name, most)
}

// TestMemoryThatMayNotBeRead: a cartridge memory that this process may not read, or
// cannot read now, is not lost, and nobody makes another one in its place.
func TestMemoryThatMayNotBeRead(t *testing.T) {
	mem, list := rotCartridge(t, true)
	both := []string{metaName(worldDir), copyName(worldDir)}
	before := mem.Content(both[0])
	for _, why := range []error{unix.EACCES, unix.EPERM, unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		for _, names := range [][]string{both, both[:1]} {
			_, err := Open(worldDir, Options{FS: unreadable{mem, why, names}})
			wantErr(t, "Open", err, why)
			if !bytes.Equal(mem.Content(both[0]), before) {
				t.Fatalf("%v: another meta file", why)
			}
		}
	}
	// A disk that cannot read it is another matter.
	c := mustOpen(t, worldDir, Options{FS: unreadable{mem, unix.EIO, both[:1]}})
	must(t, c.Close())
	inspectRot(t, "read again", mem, list, 0, false)
}

// frozen is a file system that is mounted read-only.
type frozen struct{ vfs.FS }

func (f frozen) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&(os.O_RDWR|os.O_WRONLY|os.O_CREATE) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: unix.EROFS}
	}
	return f.FS.OpenFile(name, flag, perm)
}

func (f frozen) Remove(name string) error {
	return &fs.PathError{Op: "remove", Path: name, Err: unix.EROFS}
}

// TestReadOnlyMount: on a file system that is mounted read-only a cartridge is
// write-protected, however it was left, and all that is on it can be read.
func TestReadOnlyMount(t *testing.T) {
	for _, closed := range []bool{true, false} {
		for _, lost := range []string{"", "index", "meta", "meta.copy"} {
			mem, list := rotCartridge(t, closed)
			if lost != "" {
				must(t, mem.Remove(filepath.Join(worldDir, lost)))
			}
			c := mustOpen(t, worldDir, Options{FS: frozen{mem}})
			if i := c.Info(); !i.WriteProtected || c.Recovery().Note == "" {
				t.Errorf("without %q: %+v, %+v", lost, i, c.Recovery())
			}
			seen, err := observe(c)
			if err != nil || !slices.Equal(seen.parts[0], list) || seen.attr != "x" {
				t.Errorf("without %q: %+v, %v", lost, seen, err)
			}
			_, err = c.Append([]byte("x"))
			wantErr(t, "Append", err, ErrReadOnly)
			wantErr(t, "attribute", c.SetAttributes(0, []Attribute{{ID: 0x806}}), ErrReadOnly)
			must(t, c.Close())
		}
	}
}

// TestFullToTheLastByte: on a file system without a single byte left a tape can be
// erased, written over and closed, which makes room. A crash at any time leaves the
// old recording or the new one.
func TestFullToTheLastByte(t *testing.T) {
	for _, erase := range []bool{true, false} {
		w := &world{t: t, full: true, rand: rand.New(rand.NewPCG(4, 4))}
		must(t, w.mem.MkdirAll("/lib", 0o700))
		must(t, w.mem.SyncDir("/"))
		plain := Options{FS: &w.mem, MinFree: -1}
		must(t, Create(worldDir, testSpec(), plain))
		c := mustOpen(t, worldDir, plain)
		m := model{parts: [][]int{{}}, durable: []int{0}}
		for i := range 1000 {
			put(t, c, modelBlock(i%390))
			m.parts[0] = append(m.parts[0], i%390)
		}
		must(t, c.Close())
		m.durable[0] = 1000
		w.mem.Become(w.mem.Clone())
		w.mem.SetLimit(w.mem.Used())
		w.allowed = []model{m}

		opts := plain
		opts.FS = vfs.Failing(&w.mem, w.see)
		c = mustOpen(t, worldDir, opts)
		if free, err := w.mem.Free("/"); err != nil || free > 0 {
			t.Fatal(free, err)
		}
		short := model{parts: [][]int{{0}}, durable: []int{1}}
		w.mu.Lock()
		w.allowed = append(w.allowed, short.clone())
		w.mu.Unlock()
		must(t, c.LocateObject(0, 1))
		if erase {
			must(t, c.Erase())
		} else {
			short.parts[0] = append(short.parts[0], 399)
			w.during(short, func() error { _, err := c.Append(modelBlock(399)); return err })
			must(t, c.Sync(t.Context()))
			short.durable[0] = 2
		}
		w.during(short, c.Close)
		if free, err := w.mem.Free("/"); err != nil || free < 100_000 {
			t.Errorf("only %d bytes are free, %v", free, err)
		}
		if b := w.mem.Content(metaName(worldDir)); !bytes.Equal(b, w.mem.Content(copyName(worldDir))) {
			t.Error("the copies differ")
		}
	}
}

// TestLockFileIsGone: somebody who tidies up removes the lock of a cartridge that is
// in use. There is still one writer only, also after the recording was replaced.
func TestLockFileIsGone(t *testing.T) {
	for _, fsys := range []struct {
		name string
		dir  string
		fs   vfs.FS
	}{{"memory", "/lib/A", &vfs.Memory{}}, {"OS", t.TempDir() + "/A", vfs.OS{}}} {
		t.Run(fsys.name, func(t *testing.T) {
			dir, o := fsys.dir, Options{FS: fsys.fs}
			must(t, o.FS.MkdirAll(filepath.Dir(dir), 0o700))
			must(t, Create(dir, testSpec(), o))
			c := mustOpen(t, dir, o)
			intruder := func(when string) {
				t.Helper()
				must(t, o.FS.Remove(lockName(dir)))
				_, err := Open(dir, o)
				wantErr(t, when, err, ErrInUse)
			}
			intruder("at the beginning")
			must(t, writeMuch(c, 1))
			must(t, c.Sync(t.Context()))
			intruder("written")
			must(t, c.LocateObject(0, 0))
			put(t, c, block(1, 1000))
			must(t, c.Sync(t.Context()))
			intruder("replaced")
			must(t, c.Format([]int64{8 << 20, 8 << 20}))
			intruder("formatted")
			must(t, c.Close())
			must(t, mustOpen(t, dir, o).Close())
		})
	}
}
