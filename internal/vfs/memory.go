package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// sector is what a disk writes as a whole or not at all.
	sector = 512

	// page is the block of the file system.
	page = 4096
)

// Memory is a file system in memory that knows what a power cut would leave: it
// keeps the content as of the last Sync and each operation since. Its zero value
// is an empty one.
type Memory struct {
	mu    sync.Mutex // guards everything below, and all nodes
	root  *node
	limit int64 // bytes; 0: none
	now   int64 // a clock that ticks with each operation
	life  int   // of the process; files opened in an earlier one are dead
}

// node is a file or a directory.
type node struct {
	dir  bool
	time int64

	// Of a directory: its entries now, as of the last SyncDir, and the changes since.
	entries map[string]*node
	durable map[string]*node
	changes []change

	// Of a file: its content now, as of the last Sync, and the writes since.
	live     []byte
	stable   []byte
	writes   []write
	reserved int64
	holder   *memFile
}

// change is one atomic change of a directory: names and what they are now; nil
// is nothing.
type change map[string]*node

// write is one unsynced write, or a truncation when data is nil.
type write struct {
	off  int64
	data []byte
}

func newDir() *node {
	return &node{dir: true, entries: map[string]*node{}, durable: map[string]*node{}}
}

// SetLimit bounds the bytes in all files; beyond it writing is ENOSPC. 0 is no bound.
func (m *Memory) SetLimit(n int64) {
	m.mu.Lock()
	m.limit = n
	m.mu.Unlock()
}

// Used returns the bytes in all files, what is reserved included.
func (m *Memory) Used() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used(m.top())
}

func (m *Memory) used(n *node) (sum int64) {
	if !n.dir {
		return max(int64(len(n.live)), n.reserved)
	}
	for _, e := range n.entries {
		sum += m.used(e)
	}
	return sum
}

func (m *Memory) top() *node {
	if m.root == nil {
		m.root = newDir()
	}
	return m.root
}

// split returns the cleaned elements of a path.
func split(name string) []string {
	return strings.FieldsFunc(filepath.Clean(name), func(r rune) bool { return r == filepath.Separator || r == '.' && name == "." })
}

// find returns the node of a path.
func (m *Memory) find(name string) (*node, error) {
	n := m.top()
	for _, e := range split(name) {
		if !n.dir {
			return nil, unix.ENOTDIR
		}
		if n = n.entries[e]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

// parent returns the directory of a path and the last element.
func (m *Memory) parent(name string) (*node, string, error) {
	e := split(name)
	if len(e) == 0 {
		return nil, "", fs.ErrInvalid
	}
	d, err := m.find(filepath.Dir(filepath.Clean(name)))
	if err == nil && !d.dir {
		err = unix.ENOTDIR
	}
	return d, e[len(e)-1], err
}

// change makes a change of a directory.
func (d *node) change(c change) {
	for name, n := range c {
		if n == nil {
			delete(d.entries, name)
		} else {
			d.entries[name] = n
		}
	}
	d.changes = append(d.changes, c)
}

func pathErr(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// OpenFile implements FS.
func (m *Memory) OpenFile(name string, flag int, _ fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent(name)
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	n := d.entries[base]
	switch {
	case n == nil && flag&os.O_CREATE == 0:
		return nil, pathErr("open", name, fs.ErrNotExist)
	case n == nil:
		m.now++
		n = &node{time: m.now}
		d.change(change{base: n})
	case n.dir:
		return nil, pathErr("open", name, unix.EISDIR)
	case flag&os.O_EXCL != 0 && flag&os.O_CREATE != 0:
		return nil, pathErr("open", name, fs.ErrExist)
	}
	if flag&os.O_TRUNC != 0 && len(n.live) > 0 {
		n.truncate(0)
	}
	return &memFile{m: m, n: n, name: name, readOnly: flag&(os.O_WRONLY|os.O_RDWR) == 0, life: m.life}, nil
}

// Temporary implements FS.
func (m *Memory) Temporary() (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memFile{m: m, n: &node{}, name: "temporary", life: m.life}, nil
}

// ReadFile implements FS.
func (m *Memory) ReadFile(name string, most int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err == nil && n.dir {
		err = unix.EISDIR
	}
	if err != nil {
		return nil, pathErr("open", name, err)
	}
	if int64(len(n.live)) > most {
		return nil, fmt.Errorf("%s: larger than %d bytes", name, most)
	}
	return slices.Clone(n.live), nil
}

// Rename implements FS.
func (m *Memory) Rename(from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, x, err := m.parent(from)
	if err == nil && a.entries[x] == nil {
		err = fs.ErrNotExist
	}
	if err != nil {
		return pathErr("rename", from, err)
	}
	b, y, err := m.parent(to)
	if err == nil {
		if old := b.entries[y]; old != nil && old.dir && len(old.entries) > 0 {
			err = fs.ErrExist
		}
	}
	if err != nil {
		return pathErr("rename", to, err)
	}
	n := a.entries[x]
	if a == b {
		a.change(change{x: nil, y: n})
		return nil
	}
	b.change(change{y: n})
	a.change(change{x: nil})
	return nil
}

// Remove implements FS.
func (m *Memory) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent(name)
	if err == nil {
		if n := d.entries[base]; n == nil {
			err = fs.ErrNotExist
		} else if n.dir && len(n.entries) > 0 {
			err = unix.ENOTEMPTY
		}
	}
	if err != nil {
		return pathErr("remove", name, err)
	}
	d.change(change{base: nil})
	return nil
}

// RemoveAll implements FS.
func (m *Memory) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, base, err := m.parent(name)
	if err == nil && d.entries[base] != nil {
		d.change(change{base: nil})
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return pathErr("remove", name, err)
}

// Mkdir implements FS.
func (m *Memory) Mkdir(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mkdir(name)
}

func (m *Memory) mkdir(name string) error {
	d, base, err := m.parent(name)
	if err == nil && d.entries[base] != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return pathErr("mkdir", name, err)
	}
	d.change(change{base: newDir()})
	return nil
}

// MkdirAll implements FS.
func (m *Memory) MkdirAll(name string, _ fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	path := string(filepath.Separator)
	for _, e := range split(name) {
		path = filepath.Join(path, e)
		n, err := m.find(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if err := m.mkdir(path); err != nil {
				return err
			}
		case err != nil:
			return pathErr("mkdir", path, err)
		case !n.dir:
			return pathErr("mkdir", path, unix.ENOTDIR)
		}
	}
	return nil
}

// ReadDir implements FS.
func (m *Memory) ReadDir(name string) ([]fs.DirEntry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find(name)
	if err == nil && !d.dir {
		err = unix.ENOTDIR
	}
	if err != nil {
		return nil, pathErr("readdir", name, err)
	}
	var out []fs.DirEntry
	for base, n := range d.entries {
		out = append(out, fs.FileInfoToDirEntry(memInfo{base, n.dir, int64(len(n.live)), n.time}))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Stat implements FS.
func (m *Memory) Stat(name string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return nil, pathErr("stat", name, err)
	}
	return memInfo{filepath.Base(name), n.dir, int64(len(n.live)), n.time}, nil
}

// SyncDir implements FS.
func (m *Memory) SyncDir(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	d, err := m.find(name)
	if err != nil {
		return pathErr("sync", name, err)
	}
	d.durable = cloneMap(d.entries)
	d.changes = nil
	return nil
}

// Free implements FS.
func (m *Memory) Free(string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.limit == 0 {
		return 1 << 50, nil
	}
	return max(m.limit-m.used(m.top()), 0), nil
}

func cloneMap(a map[string]*node) map[string]*node {
	b := make(map[string]*node, len(a))
	for k, v := range a {
		b[k] = v
	}
	return b
}

// Crash returns what is there after a power cut now: all that was synced, and of
// the rest each change of a directory, each truncation and each sector of a write
// with probability keep (0 to 1). Open files and locks are gone.
func (m *Memory) Crash(r *rand.Rand, keep float64) *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := make(map[*node]*node)
	lucky := func() bool { return keep >= 1 || keep > 0 && r.Float64() < keep }
	var clone func(n *node) *node
	clone = func(n *node) *node {
		if c := seen[n]; c != nil {
			return c
		}
		c := &node{dir: n.dir, time: n.time}
		seen[n] = c
		if !n.dir {
			b := slices.Clone(n.stable)
			for _, w := range n.writes {
				if w.data == nil {
					if lucky() {
						b = resize(b, w.off)
					}
					continue
				}
				for at := w.off; at < w.off+int64(len(w.data)); {
					end := min((at/sector+1)*sector, w.off+int64(len(w.data)))
					if lucky() {
						b = resize(b, max(int64(len(b)), end))
						copy(b[at:end], w.data[at-w.off:])
					}
					at = end
				}
			}
			c.live, c.stable = b, slices.Clone(b)
			return c
		}
		entries := cloneMap(n.durable)
		for _, ch := range n.changes {
			if lucky() {
				for name, e := range ch {
					if e == nil {
						delete(entries, name)
					} else {
						entries[name] = e
					}
				}
			}
		}
		c.entries = make(map[string]*node)
		for name, e := range entries {
			c.entries[name] = clone(e)
		}
		c.durable = cloneMap(c.entries)
		return c
	}
	return &Memory{root: clone(m.top()), limit: m.limit, now: m.now}
}

// Become makes m what other is. Files that are open in m stay with what m was.
func (m *Memory) Become(other *Memory) {
	m.mu.Lock()
	m.root, m.limit, m.now = other.root, other.limit, other.now
	m.mu.Unlock()
}

// Kill is the death of the process: open files answer fs.ErrClosed and their
// locks are gone; what was written stays as it is, synced or not.
func (m *Memory) Kill() {
	m.mu.Lock()
	m.life++
	m.mu.Unlock()
}

// Clone returns a copy in which everything is durable, as after a clean shutdown
// of the machine.
func (m *Memory) Clone() *Memory { return m.Crash(nil, 1) }

// Content returns the content of a file that tests look at, or nil.
func (m *Memory) Content(name string) []byte {
	b, err := m.ReadFile(name, 1<<40)
	if err != nil {
		return nil
	}
	return b
}

// SetContent replaces the content of a file, durably, for tests that damage it.
func (m *Memory) SetContent(name string, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(name)
	if err != nil {
		return err
	}
	n.live, n.stable, n.writes = slices.Clone(b), slices.Clone(b), nil
	return nil
}

type memInfo struct {
	name string
	dir  bool
	size int64
	time int64
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) ModTime() time.Time { return time.Unix(i.time, 0) }
func (i memInfo) IsDir() bool        { return i.dir }
func (i memInfo) Sys() any           { return nil }
func (i memInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o777
	}
	return 0o666
}

// memFile is an open file of a Memory.
type memFile struct {
	m        *Memory
	n        *node
	name     string
	readOnly bool
	life     int
	closed   bool
}

func (f *memFile) Name() string { return f.name }

// begin locks the file system and refuses when the file may not be used so.
func (f *memFile) begin(op string, write bool) error {
	f.m.mu.Lock()
	if f.closed || f.life != f.m.life {
		return pathErr(op, f.name, fs.ErrClosed)
	}
	if write && f.readOnly {
		return pathErr(op, f.name, fs.ErrPermission)
	}
	if write {
		f.m.now++
		f.n.time = f.m.now
	}
	return nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	err := f.begin("read", false)
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n := 0
	if off < int64(len(f.n.live)) {
		n = copy(b, f.n.live[off:])
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) ReadvAt(bufs [][]byte, off int64) (int, error) {
	done := 0
	for _, b := range bufs {
		n, err := f.ReadAt(b, off+int64(done))
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) { return f.WritevAt([][]byte{b}, off) }

func (f *memFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	err := f.begin("write", true)
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	data := make([]byte, 0, total(bufs))
	for _, b := range bufs {
		data = append(data, b...)
	}
	if len(data) == 0 {
		return 0, nil
	}
	if err := f.m.admit(f.n, off+int64(len(data))); err != nil {
		return 0, pathErr("write", f.name, err)
	}
	f.n.live = resize(f.n.live, max(int64(len(f.n.live)), off+int64(len(data))))
	copy(f.n.live[off:], data)
	f.n.writes = append(f.n.writes, write{off, data})
	return len(data), nil
}

// admit checks the limit for a file that is to reach end.
func (m *Memory) admit(n *node, end int64) error {
	if have := max(int64(len(n.live)), n.reserved); m.limit > 0 && end > have && m.used(m.top())+end-have > m.limit {
		return unix.ENOSPC
	}
	return nil
}

func (f *memFile) Size() (int64, error) {
	err := f.begin("stat", false)
	defer f.m.mu.Unlock()
	return int64(len(f.n.live)), err
}

func (f *memFile) Truncate(size int64) error {
	err := f.begin("truncate", true)
	defer f.m.mu.Unlock()
	if err == nil {
		f.n.truncate(size)
	}
	return err
}

func (n *node) truncate(size int64) {
	n.reserved = 0
	if size == int64(len(n.live)) {
		return
	}
	if old := int64(len(n.live)); size < old {
		// File systems clear the rest of the last page, and that may reach the
		// disk before the new length does.
		if end := min(old, (size+page-1)/page*page); end > size {
			n.writes = append(n.writes, write{size, make([]byte, end-size)})
		}
	}
	n.live = resize(n.live, size)
	n.writes = append(n.writes, write{off: size})
}

func (f *memFile) Sync() error {
	err := f.begin("sync", false)
	defer f.m.mu.Unlock()
	if err == nil {
		f.n.settle()
	}
	return err
}

// settle makes the writes durable.
func (n *node) settle() {
	for _, w := range n.writes {
		if w.data == nil {
			n.stable = resize(n.stable, w.off)
			continue
		}
		n.stable = resize(n.stable, max(int64(len(n.stable)), w.off+int64(len(w.data))))
		copy(n.stable[w.off:], w.data)
	}
	n.writes = nil
}

// Lose makes what was not synced never reach the disk, while reading still
// returns it: what a page cache does after it could not write.
func (f *memFile) Lose() {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	for i := range f.n.writes {
		if w := &f.n.writes[i]; w.data != nil {
			f.n.stable = resize(f.n.stable, max(int64(len(f.n.stable)), w.off+int64(len(w.data))))
		} else {
			f.n.stable = resize(f.n.stable, w.off)
		}
	}
	f.n.writes = nil
}

func (f *memFile) Flush(int64, int64) error { return nil }

func (f *memFile) Await(int64, int64) error { return nil }

func (f *memFile) Drop(int64, int64) {}

func (f *memFile) Prefetch(int64, int64) {}

func (f *memFile) Allocate(off, n int64) error {
	err := f.begin("allocate", true)
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if err := f.m.admit(f.n, off+n); err != nil {
		return pathErr("allocate", f.name, err)
	}
	f.n.reserved = max(f.n.reserved, off+n)
	return nil
}

func (f *memFile) TryLock() error {
	err := f.begin("lock", false)
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if h := f.n.holder; h != nil && h != f && h.life == f.m.life {
		return ErrLocked
	}
	f.n.holder = f
	return nil
}

func (f *memFile) Close() error {
	err := f.begin("close", false)
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	f.closed = true
	if f.n.holder == f {
		f.n.holder = nil
	}
	return nil
}

// resize returns b with n bytes, with zeros behind what it had.
func resize(b []byte, n int64) []byte {
	if n <= int64(len(b)) {
		return b[:n]
	}
	old := len(b)
	b = slices.Grow(b, int(n)-old)[:n]
	clear(b[old:])
	return b
}
