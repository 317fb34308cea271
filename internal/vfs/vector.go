package vfs

import (
	"io"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// maxVector is how many buffers one system call takes (IOV_MAX of Linux).
const maxVector = 1024

// vectors are reused arrays for the system calls.
var vectors = sync.Pool{New: func() any { return new([maxVector]unix.Iovec) }}

// ReadvAt implements File.
func (f osFile) ReadvAt(bufs [][]byte, off int64) (int, error) {
	n, err := f.vector(unix.SYS_PREADV, bufs, off)
	if err == nil && n < total(bufs) {
		err = io.EOF
	}
	if err != nil && err != io.EOF {
		err = &os.PathError{Op: "preadv", Path: f.Name(), Err: err}
	}
	return n, err
}

// WritevAt implements File.
func (f osFile) WritevAt(bufs [][]byte, off int64) (int, error) {
	n, err := f.vector(unix.SYS_PWRITEV, bufs, off)
	if err == nil && n < total(bufs) {
		err = io.ErrShortWrite
	}
	if err != nil {
		err = &os.PathError{Op: "pwritev", Path: f.Name(), Err: err}
	}
	return n, err
}

// vector moves bufs by preadv or pwritev until all is done, the call moves
// nothing, or it fails.
func (f osFile) vector(call uintptr, bufs [][]byte, off int64) (done int, err error) {
	fd := f.Fd()
	v := vectors.Get().(*[maxVector]unix.Iovec)
	used := 0
	defer func() {
		clear(v[:used])
		vectors.Put(v)
	}()
	skip := 0 // bytes of bufs[0] that are done
	for {
		for len(bufs) > 0 && skip >= len(bufs[0]) {
			skip -= len(bufs[0])
			bufs = bufs[1:]
		}
		n := 0
		for i, b := range bufs {
			if n == maxVector {
				break
			}
			if i == 0 {
				b = b[skip:]
			}
			if len(b) > 0 {
				v[n].Base = &b[0]
				v[n].SetLen(len(b))
				n++
			}
		}
		if n == 0 {
			return done, nil
		}
		used = max(used, n)
		r, _, e := unix.Syscall6(call, fd, uintptr(unsafe.Pointer(&v[0])), uintptr(n), uintptr(off), 0, 0)
		switch {
		case e == unix.EINTR:
			continue
		case e != 0:
			return done, e
		case r == 0:
			return done, nil
		}
		done += int(r)
		off += int64(r)
		skip += int(r)
	}
}

func total(bufs [][]byte) (n int) {
	for _, b := range bufs {
		n += len(b)
	}
	return n
}
