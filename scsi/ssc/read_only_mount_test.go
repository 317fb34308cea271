package ssc

import (
	"io/fs"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"govtl/internal/vfs"
)

// mount is a file system that can be mounted read-only.
type mount struct {
	vfs.FS
	readOnly bool
}

func (m *mount) OpenFile(name string, flag int, perm fs.FileMode) (vfs.File, error) {
	if m.readOnly && flag&(os.O_RDWR|os.O_WRONLY|os.O_CREATE) != 0 {
		return nil, &fs.PathError{Op: "open", Path: name, Err: unix.EROFS}
	}
	return m.FS.OpenFile(name, flag, perm)
}

// TestReadOnlyMount: cartridges on a file system that is mounted read-only are
// write-protected ones.
func TestReadOnlyMount(t *testing.T) {
	m := &mount{FS: &vfs.Memory{}}
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.FS = m })
	r.insert("VTL001L9")
	r.want(good, write6v(100), pattern(1, 100)...)
	r.want(good, unload)
	m.readOnly = true
	r.want(good, loadCDB)
	r.want("DATA PROTECT, WRITE PROTECTED (7/27/00)", write6v(100), pattern(2, 100)...)
	r.want("DATA PROTECT, WRITE PROTECTED (7/27/00)", filemarks(1))
	if got := r.want(good, read6v(100)); string(got) != string(pattern(1, 100)) {
		t.Error("another block")
	}
	if s, err := r.drive.Status(t.Context()); err != nil || !s.WriteProtected {
		t.Errorf("%+v, %v", s, err)
	}
	r.want(good, unload)
	m.readOnly = false
	r.want(good, loadCDB)
	r.want(good, write6v(100), pattern(2, 100)...)
}
