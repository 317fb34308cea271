package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Op is one operation that changes something or makes it durable.
type Op struct {
	// Kind is create, open, write, truncate, sync, flush, await, allocate,
	// rename, remove, removeall, mkdir, mkdirall or syncdir.
	Kind string
	Name string // path
	To   string // the other path of a rename
	Off  int64  // of a write, flush, await or allocate; the size of a truncate
	N    int64  // bytes of a write, flush, await or allocate
}

// String is the line of a log, with paths as they are.
func (o Op) String() string {
	switch o.Kind {
	case "write", "flush", "await", "allocate":
		return fmt.Sprintf("%s %s %d+%d", o.Kind, o.Name, o.Off, o.N)
	case "truncate":
		return fmt.Sprintf("%s %s %d", o.Kind, o.Name, o.Off)
	case "rename":
		return fmt.Sprintf("%s %s %s", o.Kind, o.Name, o.To)
	}
	return o.Kind + " " + o.Name
}

// ShortWrite makes a write of a Failing file system write half of it first.
var ShortWrite = errors.New("vfs: short write")

// Failing returns a file system in which each operation asks rule first; an error
// makes it fail with that error, without being done. A Sync, Flush or Await that
// fails loses what was not durable, as page caches do. rule may be called
// concurrently.
func Failing(f FS, rule func(Op) error) FS { return observed{f, rule} }

// Logging returns a file system that writes a line for each operation to w, with
// paths relative to base.
func Logging(f FS, w io.Writer, base string) FS {
	var mu sync.Mutex
	short := func(name string) string {
		if r, err := filepath.Rel(base, name); err == nil && !strings.HasPrefix(r, "..") {
			return r
		}
		return name
	}
	return observed{f, func(o Op) error {
		o.Name = short(o.Name)
		if o.To != "" {
			o.To = short(o.To)
		}
		mu.Lock()
		defer mu.Unlock()
		_, err := fmt.Fprintln(w, o)
		return err
	}}
}

// observed tells each operation to a function that may refuse it.
type observed struct {
	FS
	see func(Op) error
}

type observedFile struct {
	File
	see func(Op) error
}

func (o observed) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	kind := "open"
	if flag&os.O_CREATE != 0 {
		if _, err := o.FS.Stat(name); err != nil {
			kind = "create"
		}
	}
	if flag&os.O_TRUNC != 0 && kind == "open" {
		kind = "create"
	}
	if err := o.see(Op{Kind: kind, Name: name}); err != nil {
		return nil, pathErr("open", name, err)
	}
	f, err := o.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return observedFile{f, o.see}, nil
}

func (o observed) one(kind, name string, do func(string) error) error {
	if err := o.see(Op{Kind: kind, Name: name}); err != nil {
		return pathErr(kind, name, err)
	}
	return do(name)
}

func (o observed) Rename(from, to string) error {
	if err := o.see(Op{Kind: "rename", Name: from, To: to}); err != nil {
		return pathErr("rename", from, err)
	}
	return o.FS.Rename(from, to)
}

func (o observed) Remove(name string) error    { return o.one("remove", name, o.FS.Remove) }
func (o observed) RemoveAll(name string) error { return o.one("removeall", name, o.FS.RemoveAll) }
func (o observed) SyncDir(name string) error   { return o.one("syncdir", name, o.FS.SyncDir) }

func (o observed) Mkdir(name string, perm fs.FileMode) error {
	return o.one("mkdir", name, func(n string) error { return o.FS.Mkdir(n, perm) })
}

func (o observed) MkdirAll(name string, perm fs.FileMode) error {
	return o.one("mkdirall", name, func(n string) error { return o.FS.MkdirAll(n, perm) })
}

func (f observedFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.see(Op{Kind: "write", Name: f.Name(), Off: off, N: int64(len(b))}); err != nil {
		return f.refuse(err, [][]byte{b}, off)
	}
	return f.File.WriteAt(b, off)
}

func (f observedFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	if err := f.see(Op{Kind: "write", Name: f.Name(), Off: off, N: int64(total(bufs))}); err != nil {
		return f.refuse(err, bufs, off)
	}
	return f.File.WritevAt(bufs, off)
}

// refuse fails a write, after half of it for ShortWrite.
func (f observedFile) refuse(err error, bufs [][]byte, off int64) (int, error) {
	if !errors.Is(err, ShortWrite) {
		return 0, pathErr("write", f.Name(), err)
	}
	var all []byte
	for _, b := range bufs {
		all = append(all, b...)
	}
	n, werr := f.File.WriteAt(all[:len(all)/2], off)
	return n, pathErr("write", f.Name(), errors.Join(io.ErrShortWrite, werr))
}

func (f observedFile) Truncate(size int64) error {
	if err := f.see(Op{Kind: "truncate", Name: f.Name(), Off: size}); err != nil {
		return pathErr("truncate", f.Name(), err)
	}
	return f.File.Truncate(size)
}

func (f observedFile) Sync() error {
	if err := f.writeback("sync", 0, 0); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f observedFile) Flush(off, n int64) error {
	if err := f.writeback("flush", off, n); err != nil {
		return err
	}
	return f.File.Flush(off, n)
}

func (f observedFile) Await(off, n int64) error {
	if err := f.writeback("await", off, n); err != nil {
		return err
	}
	return f.File.Await(off, n)
}

// writeback asks about an operation that brings something to the disk; when it
// fails, that is lost.
func (f observedFile) writeback(kind string, off, n int64) error {
	err := f.see(Op{Kind: kind, Name: f.Name(), Off: off, N: n})
	if err == nil {
		return nil
	}
	if l, ok := f.File.(interface{ Lose() }); ok {
		l.Lose()
	}
	return pathErr(kind, f.Name(), err)
}

func (f observedFile) Allocate(off, n int64) error {
	if err := f.see(Op{Kind: "allocate", Name: f.Name(), Off: off, N: n}); err != nil {
		return pathErr("allocate", f.Name(), err)
	}
	return f.File.Allocate(off, n)
}
