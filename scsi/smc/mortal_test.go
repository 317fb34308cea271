package smc

import (
	"errors"
	"io/fs"
	"os"
	"sync/atomic"

	"govtl/internal/vfs"
)

var errKilled = errors.New("killed")

// life is the life of a process that is killed before a step: a file operation
// that changes something, or a request to a drive.
type life struct {
	steps atomic.Int64
	last  atomic.Int64 // steps that are lived; 0: for ever
}

// step reports whether the process is still there, and whether it dies right now.
func (l *life) step() (alive, dies bool) {
	n, last := l.steps.Add(1), l.last.Load()
	return last == 0 || n <= last, last != 0 && n == last+1
}

// mortal is a file system as a process sees it that will be killed: from then on
// nothing changes any more. The write that is under way is torn.
type mortal struct {
	vfs.FS
	life *life
}

type mortalFile struct {
	vfs.File
	life *life
}

func (m mortal) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		if alive, _ := m.life.step(); !alive {
			return nil, errKilled
		}
	}
	f, err := m.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return mortalFile{f, m.life}, nil
}

func (m mortal) Rename(from, to string) error {
	if alive, _ := m.life.step(); !alive {
		return errKilled
	}
	return m.FS.Rename(from, to)
}

func (m mortal) Remove(name string) error {
	if alive, _ := m.life.step(); !alive {
		return errKilled
	}
	return m.FS.Remove(name)
}

func (m mortal) SyncDir(name string) error {
	if alive, _ := m.life.step(); !alive {
		return errKilled
	}
	return m.FS.SyncDir(name)
}

func (f mortalFile) WriteAt(p []byte, off int64) (int, error) {
	alive, dies := f.life.step()
	if dies {
		f.File.WriteAt(p[:len(p)/2], off)
	}
	if !alive {
		return 0, errKilled
	}
	return f.File.WriteAt(p, off)
}

func (f mortalFile) Truncate(size int64) error {
	if alive, _ := f.life.step(); !alive {
		return errKilled
	}
	return f.File.Truncate(size)
}

func (f mortalFile) Sync() error {
	if alive, _ := f.life.step(); !alive {
		return errKilled
	}
	return f.File.Sync()
}

// failing has one step fail, the at-th; the others work.
type failing struct{ steps, at atomic.Int64 }

var errFailed = errors.New("no space left on device")

func (f *failing) step() error {
	if n := f.steps.Add(1); n == f.at.Load() {
		return errFailed
	}
	return nil
}

type failingFS struct {
	vfs.FS
	f *failing
}

type failingFile struct {
	vfs.File
	f *failing
}

func (m failingFS) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if flag&(os.O_CREATE|os.O_TRUNC) != 0 {
		if err := m.f.step(); err != nil {
			return nil, err
		}
	}
	f, err := m.FS.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return failingFile{f, m.f}, nil
}

func (m failingFS) Rename(from, to string) error {
	if err := m.f.step(); err != nil {
		return err
	}
	return m.FS.Rename(from, to)
}

func (m failingFS) SyncDir(name string) error {
	if err := m.f.step(); err != nil {
		return err
	}
	return m.FS.SyncDir(name)
}

func (f failingFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.f.step(); err != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, err
	}
	return f.File.WriteAt(p, off)
}

func (f failingFile) Sync() error {
	if err := f.f.step(); err != nil {
		return err
	}
	return f.File.Sync()
}
