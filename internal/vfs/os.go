package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another opening, holds the lock.
var ErrLocked = errors.New("vfs: file is locked by another holder")

// OS is the file system of the operating system.
type OS struct{}

type osFile struct {
	*os.File
	ext bool // on ext4, ext3 or ext2
}

func dir(name string) string { return filepath.Dir(name) }

// OpenFile implements FS.
func (OS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := os.OpenFile(name, flag|unix.O_CLOEXEC, perm)
	if err != nil {
		return nil, err
	}
	return osFile{f, onExt(int(f.Fd()))}, nil
}

// Temporary implements FS. The file is where os.TempDir says.
func (OS) Temporary() (File, error) {
	f, err := os.CreateTemp("", "vtl-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return osFile{f, onExt(int(f.Fd()))}, nil
}

// ReadFile implements FS.
func (OS) ReadFile(name string, max int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err == nil && int64(len(b)) > max {
		err = fmt.Errorf("%s: larger than %d bytes", name, max)
	}
	return b, err
}

// Rename implements FS.
func (OS) Rename(from, to string) error { return os.Rename(from, to) }

// Remove implements FS.
func (OS) Remove(name string) error { return os.Remove(name) }

// RemoveAll implements FS.
func (OS) RemoveAll(name string) error { return os.RemoveAll(name) }

// Mkdir implements FS.
func (OS) Mkdir(name string, perm fs.FileMode) error { return os.Mkdir(name, perm) }

// MkdirAll implements FS.
func (OS) MkdirAll(name string, perm fs.FileMode) error { return os.MkdirAll(name, perm) }

// ReadDir implements FS.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }

// Stat implements FS.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// SyncDir implements FS.
func (OS) SyncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	if err = d.Sync(); err == nil {
		err = checkDirJournal(d)
	}
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

// checkDirJournal is checkJournal for a directory, in which no room can be
// reserved. To remove an extended attribute that is not there begins a change too,
// and changes nothing.
func checkDirJournal(d *os.File) error {
	if !onExt(int(d.Fd())) {
		return nil
	}
	for {
		switch err := unix.Fremovexattr(int(d.Fd()), "user.vtl.none"); err {
		case unix.EINTR:
		case unix.EROFS, unix.EIO:
			return &os.PathError{Op: "fsync: journal", Path: d.Name(), Err: err}
		default: // it is not there; or a mount or an owner that do not allow to ask
			return nil
		}
	}
}

// onExt says that a file is on ext4, ext3 or ext2.
func onExt(fd int) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(fd, &st) == nil && st.Type == unix.EXT4_SUPER_MAGIC
}

// Free implements FS.
func (OS) Free(name string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(name, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: name, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

func (f osFile) Size() (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (f osFile) Sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
		}
		return f.checkJournal()
	}
}

// checkJournal finds out whether the journal of ext4 has been given up, which
// fdatasync does not tell when the commit that failed was over before it was
// called: with nothing left to wait for it returns 0, though neither the length of
// the file nor the map of its blocks is on the disk (Linux 6.1; a moment without
// writing is enough). Whoever begins another change is told. Reserving what is
// there already is one that changes nothing.
func (f osFile) checkJournal() error {
	if !f.ext {
		return nil
	}
	for {
		switch err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 1); err {
		case unix.EINTR:
		case unix.EROFS, unix.EIO:
			return &os.PathError{Op: "fdatasync: journal", Path: f.Name(), Err: err}
		default: // files without extents, and files that are open for reading only, cannot be asked
			return nil
		}
	}
}

func (f osFile) Flush(off, n int64) error { return f.syncRange(off, n, unix.SYNC_FILE_RANGE_WRITE) }

func (f osFile) Await(off, n int64) error {
	return f.syncRange(off, n, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
}

func (f osFile) syncRange(off, n int64, how int) error {
	for {
		switch err := unix.SyncFileRange(int(f.Fd()), off, n, how); err {
		case unix.EINTR:
		case nil, unix.ENOSYS, unix.EOPNOTSUPP, unix.EINVAL, unix.ESPIPE:
			return nil
		default:
			return &os.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
		}
	}
}

func (f osFile) Drop(off, n int64) { _ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_DONTNEED) }

func (f osFile) Prefetch(off, n int64) { _ = unix.Fadvise(int(f.Fd()), off, n, unix.FADV_WILLNEED) }

func (f osFile) Allocate(off, n int64) error {
	for {
		switch err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, off, n); err {
		case unix.EINTR: // tmpfs gives up for any signal, and the Go runtime sends itself many
		case nil:
			return nil
		case unix.EOPNOTSUPP, unix.ENOSYS:
			return errors.ErrUnsupported
		default:
			return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
		}
	}
}

func (f osFile) TryLock() error {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case unix.EINTR:
		case nil:
			return nil
		case unix.EWOULDBLOCK:
			return ErrLocked
		default:
			return &os.PathError{Op: "flock", Path: f.Name(), Err: err}
		}
	}
}
