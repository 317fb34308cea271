// Package vfs is the small set of file operations that everything stored goes
// through, so that tests can make files fail, log each operation, and lose power.
//
// It has four forms: OS (the real one), Memory (can be cloned as after a power
// cut), Logging (writes one line for each operation) and Failing (the n-th
// operation fails).
package vfs

import (
	"io"
	"io/fs"
	"os"
)

// File is an open file. ReadAt and WriteAt may be called concurrently.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer

	// ReadvAt fills the buffers one after the other from off, as ReadAt would
	// fill their concatenation (preadv(2)). Empty buffers are allowed.
	ReadvAt(bufs [][]byte, off int64) (int, error)

	// WritevAt writes the buffers one after the other at off, as WriteAt would
	// write their concatenation (pwritev(2)).
	WritevAt(bufs [][]byte, off int64) (int, error)

	// Name is the path it was opened by.
	Name() string

	// Size is the length in bytes.
	Size() (int64, error)

	// Truncate sets the length; it is durable only after Sync.
	Truncate(size int64) error

	// Sync makes content and length durable (fdatasync(2): what is needed to
	// read the data back, the length included). After an error the state of
	// what was written since the last Sync is unknown.
	Sync() error

	// Flush starts writing a range to the disk and does not wait
	// (sync_file_range(2)); it promises nothing and may do nothing. Its error is
	// that of a Sync too: the file system may have let go of what it could not
	// find a place for, and no Sync need know of it.
	Flush(off, n int64) error

	// Await waits until a range has been written to the disk, which promises
	// nothing of a power cut: the disk may still have it in memory, and the
	// file's own data elsewhere. Its error is that of a Sync, and it is told
	// once: the next Sync may not know of it.
	Await(off, n int64) error

	// Drop lets go of the memory that caches a range, where it is on the disk
	// (posix_fadvise(2), POSIX_FADV_DONTNEED). It may do nothing.
	Drop(off, n int64)

	// Prefetch starts reading a range into memory (POSIX_FADV_WILLNEED). It may
	// do nothing.
	Prefetch(off, n int64)

	// Allocate reserves room for a range beyond the end without changing the
	// length (fallocate(2), FALLOC_FL_KEEP_SIZE). ErrUnsupported from errors
	// means that the file system cannot.
	Allocate(off, n int64) error

	// TryLock takes an exclusive advisory lock that ends with the process or
	// with Close (flock(2)). It returns ErrLocked when another holder has it.
	TryLock() error
}

// FS is a file system. Paths are those of the operating system.
type FS interface {
	// OpenFile is os.OpenFile. The flags are those of package os.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)

	// ReadFile reads a whole small file, at most max bytes; a larger one is an error.
	ReadFile(name string, max int64) ([]byte, error)

	Rename(from, to string) error
	Remove(name string) error
	RemoveAll(name string) error
	Mkdir(name string, perm fs.FileMode) error
	MkdirAll(name string, perm fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Stat(name string) (fs.FileInfo, error)

	// SyncDir makes the entries of a directory durable.
	SyncDir(name string) error

	// Temporary makes a file without a name, for what memory has no room for. It
	// is gone when it is closed, and after any crash.
	Temporary() (File, error)

	// Free is the room that is left on the file system of a path for an
	// unprivileged user, in bytes.
	Free(name string) (int64, error)
}

// ReplaceFile writes a file so that after a crash either the old or the new
// content is there, whole: a temporary file beside it, sync, rename, sync of the
// directory. It is durable when it returns nil.
func ReplaceFile(f FS, name string, data []byte, perm fs.FileMode) error {
	return ReplaceFiles(f, data, perm, name)
}

// ReplaceFiles is ReplaceFile of several files of one directory that get the same
// content. All of it is on the disk before the first of them changes, and they
// change in order; a crash may leave any of them as it was.
func ReplaceFiles(f FS, data []byte, perm fs.FileMode, names ...string) (err error) {
	written := 0
	defer func() {
		if err != nil {
			for _, name := range names[:written] {
				f.Remove(name + ".new")
			}
		}
	}()
	for _, name := range names {
		written++
		if err = writeFile(f, name+".new", data, perm); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err = f.Rename(name+".new", name); err != nil {
			return err
		}
	}
	return f.SyncDir(dir(names[0]))
}

// writeFile makes data the whole content of a file, durably but for its name.
func writeFile(f FS, name string, data []byte, perm fs.FileMode) error {
	w, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return err
	}
	if _, err = w.WriteAt(data, 0); err == nil {
		err = w.Sync()
	}
	if cerr := w.Close(); err == nil {
		err = cerr
	}
	return err
}
