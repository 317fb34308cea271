package ssc

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"govtl/internal/vfs"
	"govtl/scsi"
)

// broken is a file system that a test can break for writes to data files.
type broken struct {
	vfs.FS
	now atomic.Bool
}

func newBroken() *broken {
	b := &broken{}
	b.FS = vfs.Failing(&vfs.Memory{}, func(o vfs.Op) error {
		if b.now.Load() && (o.Kind == "write" || o.Kind == "sync") && strings.HasSuffix(o.Name, "data") {
			return io.ErrShortWrite
		}
		return nil
	})
	return b
}

// TestDeferredWriteError: a block that was acknowledged and could not be stored is
// a deferred error of the next command, once; filemarks and writes fail until
// the medium is loaded again, and then the end is found again.
func TestDeferredWriteError(t *testing.T) {
	const deferred = "MEDIUM ERROR, WRITE ERROR (3/0C/00) deferred"
	const failed = "MEDIUM ERROR, WRITE ERROR (3/0C/00)"
	fs := newBroken()
	r := newRig(t, "ibm-ult3580-td9", func(o *Options) { o.FS = fs })
	r.insert("VTL001L9")
	r.want(good, write6v(1000), pattern(1, 1000)...)
	r.want(good, filemarks(1))
	fs.now.Store(true)
	r.want(good, write6v(1000), pattern(2, 1000)...)
	// It was found behind the buffer already, or is found by the synchronisation.
	if x := r.do(filemarks(1)); x.String() != deferred && x.String() != failed+" information 1" {
		t.Fatalf("the filemark after a failed write: %s", x)
	}
	r.want(failed+" information 1", filemarks(1))
	if x := r.do(write6v(1000), pattern(3, 1000)...); x.sense == nil || x.sense.ASC != scsi.WriteError {
		t.Fatalf("a write after a failure: %s", x)
	}
	fs.now.Store(false)
	r.want(failed+" information 0", filemarks(0))
	r.want(failed, unload)
	r.want(good, loadCDB)
	r.want(good, space6(spaceEnd, 0))
	p := r.want(good, readLong)
	if p[15] != 2 || p[23] != 1 {
		t.Fatalf("after the load the end of data is at % X", p)
	}
	r.want(good, write6v(1000), pattern(2, 1000)...)
	r.want(good, filemarks(1))

	// Buffered writes alone: whatever the next command is, it tells.
	fs.now.Store(true)
	r.want(good, write6v(1000), pattern(4, 1000)...)
	r.want(deferred, rewind)
	fs.now.Store(false)
	err := r.drive.Remove(context.Background(), "VTL001L9", "out")
	if !errors.Is(err, ErrVolume) {
		t.Fatalf("removing what could not be stored: %v", err)
	}
	if s := r.drive.State(); s.Barcode != "" {
		t.Fatalf("it is still in: %+v", s)
	}
}
